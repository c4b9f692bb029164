/*
 * assign.c: relations assigned to services one by one, and how assignments
 * follow what happens to relations.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "service/assign.h"
#include "service/connection.h"
#include "service/ownership.h"
#include "service/restore.h"
#include "service/right.h"
#include "service/service.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

SVC_FUNCTION(svc_assign);
SVC_FUNCTION(svc_release);

/*
 * A relation with everything that goes where it goes: its partitions and
 * children, and the sequences of all of them.
 */
static List *
family_of(Oid relation)
{
	List	   *tables = find_all_inheritors(relation, NoLock, NULL);
	List	   *family = list_copy(tables);
	ListCell   *cell;

	foreach(cell, tables)
		family = list_concat(family, getOwnedSequences(lfirst_oid(cell)));
	return family;
}

/* The families of several relations. */
List *
assign_families(List *relations)
{
	List	   *families = NIL;
	ListCell   *cell;

	foreach(cell, relations)
		families = list_concat(families, family_of(lfirst_oid(cell)));
	return families;
}

/* Refuse relations that nobody's service can own. */
static void
check_not_system(Oid relation, const char *name)
{
	if (IsCatalogRelationOid(relation) || IsToastNamespace(get_rel_namespace(relation)) ||
		get_rel_namespace(relation) == get_namespace_oid("information_schema", true))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot assign system relation \"%s\" to a service", name)));
	if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("cannot assign temporary relation \"%s\" to a service", name)));
}

/* Refuse relations of extensions, ours and others'. */
static void
check_not_of_extension(Oid relation, const char *name)
{
	Oid			extension = getExtensionOfObject(RelationRelationId, relation);

	if (OidIsValid(extension))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot assign \"%s\" to a service", name),
				 errdetail("It belongs to an extension.")));
}

/* Refuse kinds of relations that are not assigned themselves. */
static void
check_kind(Oid relation, const char *name)
{
	char		relkind = get_rel_relkind(relation);

	if (relkind == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot assign foreign table \"%s\" to a service", name),
				 errdetail("Its rows belong to the server that it stands for.")));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_VIEW && relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table, view, or materialized view", name),
				 errhint("Indexes and sequences belong with their table.")));
	if (get_rel_relispartition(relation))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot assign partition \"%s\" to a service", name),
				 errhint("Assign its partitioned table \"%s\"; partitions belong with it.",
						 get_rel_name(ownership_parent(relation)))));
}

/* Refuse views that make up a contract. */
static void
check_not_contract(Oid relation, const char *name)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relation));
	Service    *service = service_of_schema(schema);

	if (service && strcmp(schema, service_contract_schema(service->name)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot assign \"%s\" to a service", name),
				 errdetail("It lies in the contract schema of service \"%s\".", service->name)));
	if (connection_of_schema(schema))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot assign \"%s\" to a service", name),
				 errdetail("It stands for what service \"%s\" publishes in another database.",
						   connection_of_schema(schema))));
}

/* Refuse what is assigned already, to this service too. */
static void
check_not_assigned(Oid relation)
{
	NameData	service;

	if (ownership_assignment(relation, &service))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("\"%s\" is already assigned to service \"%s\"", get_rel_name(relation),
						NameStr(service)),
				 errhint("svc.release ends an assignment.")));
}

/* Refuse what cannot be assigned, by this caller or at all. */
static void
check_assignable(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (!name)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
	check_not_system(relation, name);
	check_not_of_extension(relation, name);
	check_kind(relation, name);
	check_not_contract(relation, name);
	svc_check_relation_owner(relation);
	check_not_assigned(relation);
}

/* Keep a relation that is to be assigned from being dropped, and look again. */
static void
lock_assignable(Oid relation)
{
	char	   *name = get_rel_name(relation);

	LockRelationOid(relation, AccessShareLock);
	if (!get_rel_name(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" does not exist", name ? name : psprintf("%u", relation)),
				 errdetail("It was dropped meanwhile.")));
	check_assignable(relation);
}

/* Write the assignments; somebody else may have been quicker. */
static void
register_assignments(const Service *service, List *relations)
{
	ListCell   *cell;

	if (svc_sql("INSERT INTO svc.assignment (relation, service) SELECT r, $1 FROM pg_catalog.unnest($2) r"
				" ON CONFLICT DO NOTHING RETURNING 1",
				sql_name(service->name), sql_oids(relations, REGCLASSARRAYOID)) < list_length(relations))
		foreach(cell, relations)
			check_not_assigned(lfirst_oid(cell));
}

/* The relations that a variadic argument names, each once. */
static List *
relations_arg(FunctionCallInfo fcinfo, int i)
{
	int			n;
	Datum	   *elements = svc_arg_array(fcinfo, i, "relations", REGCLASSOID,
										 SVC_MAX_RELATIONS, &n);
	List	   *relations = NIL;

	for (int k = 0; k < n; k++)
		relations = lappend_oid(relations, DatumGetObjectId(elements[k]));
	list_sort(relations, list_oid_cmp);
	for (int k = 1; k < n; k++)
	{
		Oid			relation = list_nth_oid(relations, k);

		if (relation == list_nth_oid(relations, k - 1))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("\"%s\" is named twice",
							get_rel_name(relation) ? get_rel_name(relation) : psprintf("%u", relation))));
	}
	return relations;
}

/*
 * svc.assign(service, VARIADIC relations)
 */
Datum
svc_assign(PG_FUNCTION_ARGS)
{
	Service    *service;
	List	   *relations;
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.assign()");
	service = service_arg(fcinfo, 0);
	relations = relations_arg(fcinfo, 1);
	foreach(cell, relations)
		check_assignable(lfirst_oid(cell));
	if (list_length(relations) <= RIGHT_MAX_LOCKED)
		foreach(cell, relations)
			lock_assignable(lfirst_oid(cell));

	svc_sql_begin(&scope, svc_extension_owner());
	service_hold(service->name);
	register_assignments(service, relations);
	relations = assign_families(relations);
	right_mend_for(service->name, relations, scope.saved_user);
	if (!superuser_arg(scope.saved_user))
		right_tell_closed(service->name, relations, scope.saved_user);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* The service that a relation is assigned to, which the caller must own. */
static char *
assigned_service(Oid relation)
{
	NameData	service;

	if (!ownership_assignment(relation, &service))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation \"%s\" is not assigned to a service",
						get_rel_name(relation) ? get_rel_name(relation) : psprintf("%u", relation)),
				 errhint("svc.tables says how a relation came to its service.")));
	return svc_check_service_owner(NameStr(service))->name;
}

/*
 * svc.release(VARIADIC relations)
 */
Datum
svc_release(PG_FUNCTION_ARGS)
{
	List	   *relations;
	List	   *services = NIL;
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.release()");
	relations = relations_arg(fcinfo, 0);
	foreach(cell, relations)
		services = list_append_unique(services, makeString(assigned_service(lfirst_oid(cell))));

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.assignment WHERE relation = ANY ($1)",
			sql_oids(relations, REGCLASSARRAYOID));
	relations = assign_families(relations);
	foreach(cell, services)
		right_take_back(strVal(lfirst(cell)), relations, false);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * A service's schema was renamed, and not one of the same name that is somebody
 * else's: the service goes along, and the search_path of its logins.
 */
static void
follow_schema_rename(RenameStmt *rename)
{
	SqlScope	scope;

	if (!service_claiming_schema(rename->subname))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("UPDATE svc.service s SET schema = $2"
				"  FROM pg_catalog.pg_namespace n"
				" WHERE s.schema = $1 AND n.nspname = $2 AND (n.nspowner = s.owner OR s.adopted_schema)"
				" RETURNING s.service",
				sql_name(rename->subname), sql_name(rename->newname)) > 0)
		right_mend_for(svc_sql_value(0, 1), NIL, scope.saved_user);
	svc_sql_end(&scope);
}

/* A schema got another owner, and may be a service's now: its roles get their rights. */
static void
follow_schema_owner(const char *schema)
{
	Service    *service = service_of_schema(schema);
	SqlScope	scope;

	if (!service)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	right_mend_for(service->name, NIL, scope.saved_user);
	svc_sql_end(&scope);
}

/*
 * A table became a partition: from now on it belongs where its partitioned
 * table does.
 */
static void
follow_attach(Oid partition)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("DELETE FROM svc.assignment WHERE relation = ANY ($1) RETURNING relation, service",
				sql_oids(find_all_inheritors(partition, NoLock, NULL), REGCLASSARRAYOID)) > 0)
		ereport(NOTICE,
				(errmsg("table %s was assigned to service \"%s\", and now belongs with its partitioned table",
						svc_sql_value(0, 1), svc_sql_value(0, 2))));
	svc_sql_end(&scope);
}

/*
 * A partition became a table of its own: it stays with the service that its
 * partitioned table was assigned to.
 */
static void
follow_detach(Oid partitioned, Oid partition)
{
	NameData	service;
	SqlScope	scope;

	if (get_rel_relispartition(partition) ||
		ownership_of(partitioned, &service) != OWNED_ASSIGNED)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	service_hold(NameStr(service));
	svc_sql("INSERT INTO svc.assignment (relation, service) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			sql_regclass(partition), sql_name(NameStr(service)));
	svc_sql_end(&scope);
}

/*
 * The table that an ALTER TABLE altered, or InvalidOid.  It need not come first:
 * sequences of new columns do.
 */
static Oid
altered_table(List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == RelationRelationId && strcmp(object->tag, "ALTER TABLE") == 0)
			return object->object_id;
	}
	return InvalidOid;
}

/* Follow the parts of an ALTER TABLE that concern partitions. */
static void
follow_alter_table(AlterTableStmt *stmt, Oid relation)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);
		Oid			partition;

		if (cmd->subtype != AT_AttachPartition && cmd->subtype != AT_DetachPartition &&
			cmd->subtype != AT_DetachPartitionFinalize)
			continue;
		partition = svc_ddl_named_table(cmd);
		if (get_rel_relkind(partition) == RELKIND_INDEX ||
			get_rel_relkind(partition) == RELKIND_PARTITIONED_INDEX)
			continue;
		if (cmd->subtype == AT_AttachPartition)
			follow_attach(partition);
		else
			follow_detach(relation, partition);
	}
}

/*
 * Sequences that were given to a column, or taken from it, belong elsewhere
 * now; the server itself changes nothing in their own catalog rows.
 */
static void
follow_sequences(List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (strcmp(object->tag, "ALTER SEQUENCE") == 0)
			CacheInvalidateRelcacheByRelid(object->object_id);
	}
}

/* Keep assignments in step with what was altered. */
static void
follow_altered(Node *command, List *objects)
{
	follow_sequences(objects);
	if (!command)
		return;
	if (IsA(command, RenameStmt) && ((RenameStmt *) command)->renameType == OBJECT_SCHEMA)
		follow_schema_rename((RenameStmt *) command);
	else if (IsA(command, AlterOwnerStmt) && ((AlterOwnerStmt *) command)->objectType == OBJECT_SCHEMA)
		follow_schema_owner(strVal(((AlterOwnerStmt *) command)->object));
	else if (IsA(command, AlterTableStmt))
		follow_alter_table((AlterTableStmt *) command, altered_table(objects));
}

/*
 * A schema was dropped: the next one of that name was not adopted.  Others'
 * schemas are none of our business, and must not wait for our catalog.
 */
static void
forget_adoption(const char *schema)
{
	Service    *service = service_claiming_schema(schema);
	SqlScope	scope;

	if (!service || !service->adopted_schema)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.service SET adopted_schema = false WHERE schema = $1 AND adopted_schema",
			sql_name(schema));
	svc_sql_end(&scope);
}

/* Forget what was known of schemas and relations that were dropped. */
static void
follow_dropped(List *objects)
{
	List	   *relations = NIL;
	ListCell   *cell;
	SqlScope	scope;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == NamespaceRelationId)
			forget_adoption(object->name);
		if (object->class_id == RelationRelationId && object->sub_id == 0 &&
			ownership_assignment(object->object_id, NULL))
			relations = lappend_oid(relations, object->object_id);
	}
	if (relations == NIL)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.assignment WHERE relation = ANY ($1)",
			sql_oids(relations, REGCLASSARRAYOID));
	svc_sql_end(&scope);
}

static const DdlHandler assign_ddl = {
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped
};

/* An assignment that a user restores: of a relation that he could assign. */
static HeapTuple
check_restored_assignment(Relation rel, HeapTuple row)
{
	check_assignable(svc_row_oid(rel, row, "relation"));
	return row;
}

static const char *const assignment_key[] = {"relation", NULL};

static const GuardedTable assignment_table = {
	.name = "assignment", .key = assignment_key,
	.admit = restore_admit, .check = check_restored_assignment
};

/* What assignments do when the library is loaded; before rights, which follow them. */
void
AssignInit(void)
{
	svc_guard_register(&assignment_table);
	svc_register_ddl_handler(&assign_ddl);
}
