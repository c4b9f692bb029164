/*
 * compat.h: the newest PostgreSQL API, imitated on the older servers.
 *
 * No other file of the extension asks for PG_VERSION_NUM.
 */
#ifndef SVC_COMPAT_H
#define SVC_COMPAT_H

#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "storage/lockdefs.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#endif

/*
 * A role that owns a service must be reachable by a background worker and by
 * no client.  17 can start a worker as a NOLOGIN role; before that the role
 * needs LOGIN, and a connection limit of 0 keeps clients out (workers are not
 * counted).
 */
#if PG_VERSION_NUM >= 170000
#define SVC_OWNER_ROLE_OPTIONS "NOLOGIN"
#define SVC_BYPASS_ROLE_LOGIN BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define SVC_OWNER_ROLE_OPTIONS "LOGIN CONNECTION LIMIT 0"
#define SVC_BYPASS_ROLE_LOGIN 0
#endif

/* What came with minor releases: a database that was not dropped to the end */
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB (-2)
#endif

/* 18 marks functions that do not return where it can be read first */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18 always runs a portal once */
#if PG_VERSION_NUM >= 180000
#define svc_portal_run(portal, receiver, completion) \
	PortalRun(portal, FETCH_ALL, true, receiver, receiver, completion)
#else
#define svc_portal_run(portal, receiver, completion) \
	PortalRun(portal, FETCH_ALL, true, true, receiver, receiver, completion)
#endif

/* Up to 16 the length could count itself */
#if PG_VERSION_NUM >= 170000
#define svc_pq_sendcountedtext(message, text, length) pq_sendcountedtext(message, text, length)
#else
#define svc_pq_sendcountedtext(message, text, length) pq_sendcountedtext(message, text, length, false)
#endif

/* 17 brought intervals without end */
#if PG_VERSION_NUM >= 170000
#define svc_interval_is_infinite(interval) INTERVAL_NOT_FINITE(interval)
#else
#define svc_interval_is_infinite(interval) false
#endif

/* Rights that a statement needs: of a range table entry, since 16 in a list of their own */
#if PG_VERSION_NUM >= 160000
#define svc_item_permissions(item) ((item)->p_perminfo)
#define svc_check_permissions(pstate, item) \
	((void) ExecCheckPermissions((pstate)->p_rtable, list_make1((item)->p_perminfo), true))
#else
#define svc_item_permissions(item) ((item)->p_rte)
#define svc_check_permissions(pstate, item) ((void) ExecCheckRTPerms((pstate)->p_rtable, true))
#endif

/* 17 made the lexer of JSON usable in memory of the caller's */
#if PG_VERSION_NUM >= 170000
#define svc_json_lexer(text, length, encoding) \
	makeJsonLexContextCstringLen(NULL, text, length, encoding, false)
#else
#define svc_json_lexer(text, length, encoding) \
	makeJsonLexContextCstringLen(text, length, encoding, false)
#endif

/* 16 and 17 brought SQL/JSON expressions, which call casts that users define */
#if PG_VERSION_NUM >= 170000
#define svc_is_sql_json(node) (IsA(node, JsonConstructorExpr) || IsA(node, JsonExpr))
#elif PG_VERSION_NUM >= 160000
#define svc_is_sql_json(node) IsA(node, JsonConstructorExpr)
#else
#define svc_is_sql_json(node) false
#endif

/* 17 notes which roles initial privileges mention, so that DROP OWNED finds them */
#if PG_VERSION_NUM < 170000
#define updateInitAclDependencies(class_id, object_id, sub_id, n_old, old, n_new, new) \
	((void) (n_old), (void) (old), (void) (n_new), (void) (new))
#endif

/*
 * 18 brought generated columns that are not stored: a row that a trigger or a
 * scan sees has NULL there, and their values must be computed.
 */
#if PG_VERSION_NUM < 180000
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'

static inline Node *
expand_generated_columns_in_expr(Node *node, Relation rel, int rt_index)
{
	return node;
}
#endif

/*
 * The type of a name with its typmod, as format_type() writes them; false where
 * there is none.  16 brought errors that are not raised.
 */
static inline bool
svc_parse_type(const char *name, Oid *type, int32 *typmod)
{
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext context = {T_ErrorSaveContext};

	return parseTypeString(name, type, typmod, (Node *) &context);
#else
	parseTypeString(name, type, typmod, true);
	return OidIsValid(*type);
#endif
}

/* 16 replaced the functions per object class by one for all classes */
#if PG_VERSION_NUM < 160000
static inline bool
object_ownercheck(Oid classid, Oid objectid, Oid roleid)
{
	switch (classid)
	{
		case DatabaseRelationId:
			return pg_database_ownercheck(objectid, roleid);
		case RelationRelationId:
			return pg_class_ownercheck(objectid, roleid);
		case NamespaceRelationId:
			return pg_namespace_ownercheck(objectid, roleid);
		case ProcedureRelationId:
			return pg_proc_ownercheck(objectid, roleid);
		case ExtensionRelationId:
			return pg_extension_ownercheck(objectid, roleid);
		default:
			elog(ERROR, "unexpected object class %u", classid);
			return false;
	}
}

static inline AclResult
object_aclcheck(Oid classid, Oid objectid, Oid roleid, AclMode mode)
{
	switch (classid)
	{
		case DatabaseRelationId:
			return pg_database_aclcheck(objectid, roleid, mode);
		case NamespaceRelationId:
			return pg_namespace_aclcheck(objectid, roleid, mode);
		case ProcedureRelationId:
			return pg_proc_aclcheck(objectid, roleid, mode);
		default:
			elog(ERROR, "unexpected object class %u", classid);
			return ACLCHECK_NOT_OWNER;
	}
}
#endif

/*
 * 16 gave memberships options of their own: a member may have the role's
 * rights, or become it, or neither.
 */
#if PG_VERSION_NUM < 160000
static inline bool
member_can_set_role(Oid member, Oid role)
{
	return is_member_of_role(member, role);
}
#endif

/* Does member act for role: has it the role's rights, or can it become the role? */
static inline bool
svc_acts_for_role(Oid member, Oid role)
{
	return has_privs_of_role(member, role) || member_can_set_role(member, role);
}

/*
 * Since 16, whoever makes a role is a member of it with these options, and so
 * can change, grant and drop it.  Before, CREATEROLE was enough: NULL.
 */
static inline const char *
svc_role_creator_options(void)
{
#if PG_VERSION_NUM >= 160000
	return "ADMIN TRUE, INHERIT FALSE, SET FALSE";
#else
	return NULL;
#endif
}

/*
 * May member hand out role?  Up to 15 CREATEROLE was enough for any role that
 * is not a superuser; since 16 only ADMIN OPTION counts.
 */
static inline bool
svc_may_administer_role(Oid member, Oid role)
{
	if (is_admin_of_role(member, role))
		return true;
#if PG_VERSION_NUM < 160000
	return has_createrole_privilege(member) && !superuser_arg(role);
#else
	return false;
#endif
}

/* 17 brought ALTER COLUMN ... SET EXPRESSION */
#if PG_VERSION_NUM < 170000
#define AT_SetExpression ((AlterTableType) -1)
#endif

/* Is a generated column kept on disk? */
static inline bool
svc_is_stored(const Constraint *constraint)
{
#if PG_VERSION_NUM >= 180000
	return constraint->generated_kind == ATTRIBUTE_GENERATED_STORED;
#else
	return true;
#endif
}

/* ANALYZE of a table: since 18 also of those that inherit from it */
#if PG_VERSION_NUM >= 180000
#define SVC_ANALYZE_CHILDREN true
#else
#define SVC_ANALYZE_CHILDREN false
#endif

/* ADD UNIQUE to a partitioned table: since 18 its partitions are locked as strongly as it is */
#if PG_VERSION_NUM >= 180000
#define SVC_UNIQUE_LOCKS_PARTITIONS true
#else
#define SVC_UNIQUE_LOCKS_PARTITIONS false
#endif

/* The place of this process among the server's: since 17 a variable of its own */
#if PG_VERSION_NUM >= 170000
#define svc_my_proc_number() MyProcNumber
#else
#define svc_my_proc_number() (MyProc->pgprocno)
#endif

/* TRUNCATE of tables that are open and locked, without a record for logical replication */
#if PG_VERSION_NUM >= 160000
#define svc_truncate(rels, relids) \
	ExecuteTruncateGuts(rels, relids, NIL, DROP_RESTRICT, false, false)
#else
#define svc_truncate(rels, relids) ExecuteTruncateGuts(rels, relids, NIL, DROP_RESTRICT, false)
#endif

/* GRANT on a relation: since 18 it is locked, or it could be dropped meanwhile */
#if PG_VERSION_NUM >= 180000
#define SVC_GRANT_LOCK AccessShareLock
#else
#define SVC_GRANT_LOCK NoLock
#endif

#endif							/* SVC_COMPAT_H */
