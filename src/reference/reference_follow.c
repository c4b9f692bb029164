/*
 * reference_follow.c: references when what they stand on is renamed, moved,
 * attached, detached or dropped.
 *
 * Triggers name columns and contracts, and statements fire the triggers of the
 * table that they name only; so each of these changes touches triggers.  A table
 * that leaves a partitioned one keeps what was checked there, as it would keep
 * foreign keys; and one that comes back gives it up for what the whole has.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/move.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "reference/declare.h"
#include "reference/reference_follow.h"
#include "reference/reference_row.h"
#include "reference/resolve.h"
#include "reference/violation.h"
#include "service/contract.h"
#include "service/ownership.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/varlena.h"

SVC_FUNCTION(svc_reference_follows_service);

/* The references of some relations. */
static List *
references_of(SqlScope *scope, List *relations)
{
	SqlArg		arg = sql_oids(relations, OIDARRAYOID);

	return reference_select(scope, "r.relation = ANY ($1)", &arg, 1);
}

/* The references into a contract, or, with NULL, into any of a service's. */
static List *
references_into(SqlScope *scope, const char *service, const char *entity)
{
	SqlArg		args[] = {sql_name(service), sql_name(entity)};

	return reference_select(scope, "r.service = $1 AND ($2 IS NULL OR r.entity = $2)",
							args, lengthof(args));
}

/* The references into a relation that is a contract by its name and schema. */
static List *
references_into_contract(SqlScope *scope, const char *schema, const char *name)
{
	SqlArg		args[] = {sql_name(schema), sql_name(name)};

	return reference_select(scope, "(r.service || '_api')::name = $1 AND r.entity = $2",
							args, lengthof(args));
}

/* Let the triggers of some references say what their rows say. */
static void
remake_triggers(List *rows)
{
	ListCell   *cell;

	foreach(cell, rows)
		reference_make_triggers(lfirst(cell));
}

/* A column has another name in some relations: a table and all of its parts, or a contract that is a table. */
static void
follow_column_rename(SqlScope *scope, List *family, RenameStmt *rename)
{
	ListCell   *cell;

	svc_sql("UPDATE svc.reference SET column_name = $3 WHERE relation = ANY ($1) AND column_name = $2",
			sql_oids(family, OIDARRAYOID), sql_name(rename->subname), sql_name(rename->newname));
	remake_triggers(references_of(scope, family));
	foreach(cell, family)
		remake_triggers(references_into_contract(scope,
												 get_namespace_name(get_rel_namespace(lfirst_oid(cell))),
												 get_rel_name(lfirst_oid(cell))));
}

/* A contract that is a table has another name: the entity is called so. */
static void
follow_contract_rename(SqlScope *scope, Oid relation, RenameStmt *rename)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relation));

	if (references_into_contract(scope, schema, rename->relation->relname) == NIL)
		return;
	svc_sql("UPDATE svc.reference SET entity = $3"
			" WHERE (service || '_api')::name = $1 AND entity = $2",
			sql_name(schema), sql_name(rename->relation->relname), sql_name(rename->newname));
	remake_triggers(references_into_contract(scope, schema, rename->newname));
}

/* Is a validator's signature that of a function, except for a part that the command changed? */
static bool
is_signature_before(const char *signature, const char *function, Node *command)
{
	const char *arguments = strchr(signature, '(');
	List	   *before;
	List	   *after;
	RenameStmt *rename = IsA(command, RenameStmt) ? (RenameStmt *) command : NULL;

	if (!arguments || strcmp(arguments, strchr(function, '(')) != 0)
		return false;
	before = textToQualifiedNameList(cstring_to_text_with_len(signature, arguments - signature));
	after = textToQualifiedNameList(cstring_to_text_with_len(function, strchr(function, '(') - function));
	if (rename)
		return strcmp(strVal(linitial(before)), strVal(linitial(after))) == 0 &&
			strcmp(strVal(llast(before)),
				   strVal(llast(castNode(ObjectWithArgs, rename->object)->objname))) == 0;
	return strcmp(strVal(llast(before)), strVal(llast(after))) == 0;
}

/* A function has another name, or is in another schema: validators are known by these. */
static void
follow_function(SqlScope *scope, Oid function, Node *command)
{
	char	   *signature = format_procedure_qualified(function);
	ListCell   *cell;

	foreach(cell, reference_select(scope, "r.validator IS NOT NULL", NULL, 0))
	{
		ReferenceRow *row = lfirst(cell);

		if (OidIsValid(reference_validator_of(row->validator)) ||
			!is_signature_before(row->validator, signature, command))
			continue;
		row->validator = signature;
		reference_update(row->name, row);
		reference_make_triggers(row);
	}
}

/* Something got another name or place. */
static void
follow_rename(SqlScope *scope, Node *command, List *objects)
{
	RenameStmt *rename = IsA(command, RenameStmt) ? (RenameStmt *) command : NULL;
	List	   *relations = svc_ddl_relations(objects);
	ListCell   *cell;

	if (svc_ddl_column_rename(command) && relations != NIL)
		follow_column_rename(scope, svc_ddl_renamed_in(objects), rename);
	else if (rename && rename->relation && relations != NIL && rename->renameType != OBJECT_TRIGGER &&
			 rename->renameType != OBJECT_TABCONSTRAINT)
		follow_contract_rename(scope, linitial_oid(relations), rename);
	foreach(cell, objects)
		if (((DdlObject *) lfirst(cell))->class_id == ProcedureRelationId)
			follow_function(scope, ((DdlObject *) lfirst(cell))->object_id, command);
}

/* Do two references check the same? */
static bool
says_the_same(const ReferenceRow *a, const ReferenceRow *b)
{
	return strcmp(a->column, b->column) == 0 && strcmp(a->service, b->service) == 0 &&
		strcmp(a->entity, b->entity) == 0;
}

/*
 * A reference of a table that became a part, which its new whole has, too, goes
 * up in that.  Was everything checked in its rows?
 */
static bool
merge_own(SqlScope *scope, Oid child, const ReferenceRow *whole)
{
	ListCell   *cell;

	foreach(cell, references_of(scope, list_make1_oid(child)))
	{
		ReferenceRow *own = lfirst(cell);
		bool		checked = own->validated && own->mode != REFERENCE_OFF &&
			!reference_has_unchecked(own->name) && !violation_is_any(own->name);

		if (!says_the_same(own, whole))
			continue;
		reference_forget(own);
		ereport(NOTICE,
				(errmsg("reference \"%s\" of %s is now a part of reference \"%s\"", own->name,
						svc_quote_relation(child), whole->name)));
		return checked;
	}
	return false;
}

/* Nobody has checked the rows of a table, or of its parts. */
static void
need_sweep_of(Oid relation, const ReferenceRow *row)
{
	if (!declare_has_blocks(relation))
		return;
	reference_need_sweep(row->name);
	ereport(NOTICE,
			(errmsg("the rows of %s are not checked", svc_quote_relation(relation)),
			 errhint("CALL svc.check_references(%s) checks them.", quote_literal_cstr(row->name))));
}

/* A table became a part of one that has a reference. */
static void
gain(SqlScope *scope, Oid child, const ReferenceRow *row)
{
	bool		checked = merge_own(scope, child, row);

	reference_make_part_triggers(row, child);
	if (!checked)
		need_sweep_of(child, row);
}

/*
 * A table is no part any more of one that has a reference: it keeps it, as it
 * would a foreign key, under a name of its own.
 */
static void
lose(SqlScope *scope, Oid child, const ReferenceRow *row)
{
	ReferenceRow own = *row;
	Relation	rel = relation_open(child, NoLock);
	/* which of the whole's violations are its own nobody knows */
	bool		needs_sweep = reference_has_unchecked(row->name) || violation_is_any(row->name);
	NameData	service;

	reference_drop_triggers(row->name, child);
	if (rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE ||
		(ownership_of(child, &service) == OWNED_NOT && superuser_arg(reference_run_as(child))))
	{
		relation_close(rel, NoLock);
		return;
	}
	declare_lock_names();
	own.name = declare_free_name(rel, own.column);
	own.relation = child;
	reference_insert(&own);
	svc_sql("INSERT INTO svc.reference_state (reference, needs_sweep) VALUES ($1, $2)",
			sql_name(own.name), sql_bool(needs_sweep));
	reference_make_triggers(&own);
	ereport(NOTICE,
			(errmsg("%s keeps reference \"%s\" as \"%s\"", svc_quote_relation(child), row->name, own.name)));
	relation_close(rel, NoLock);
}

/* Say that references of a part do not see what statements on the whole change. */
static void
warn_of_hidden(SqlScope *scope, const TableMove *move)
{
	ListCell   *cell;

	foreach(cell, references_of(scope, list_make1_oid(move->child)))
	{
		ReferenceRow *row = lfirst(cell);

		ereport(WARNING,
				(errmsg("reference \"%s\" of %s does not check what statements on %s change", row->name,
						svc_quote_relation(move->child),
						svc_quote_relation(linitial_oid(move->arrived))),
				 errdetail("They change rows of %s, but fire triggers of the table that they name.",
						   svc_quote_relation(move->child)),
				 errhint("Drop it, and declare a reference for %s with svc.create_reference.",
						 svc_quote_relation(linitial_oid(move->arrived)))));
	}
}

/* A table became part of others, or is none any more. */
static void
follow_move(SqlScope *scope, const TableMove *move)
{
	List	   *gained;
	List	   *lost;
	ListCell   *cell;

	svc_move_ways(move, move->child, &gained, &lost);
	foreach(cell, references_of(scope, lost))
		lose(scope, move->child, lfirst(cell));
	foreach(cell, references_of(scope, gained))
		gain(scope, move->child, lfirst(cell));
	if (move->arrived != NIL)
		warn_of_hidden(scope, move);
}

/* Tables that were made as part of others. */
static void
follow_created(SqlScope *scope, List *objects)
{
	ListCell   *cell;
	ListCell   *reference;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id != RelationRelationId ||
			(strcmp(object->tag, "CREATE TABLE") != 0 && strcmp(object->tag, "CREATE FOREIGN TABLE") != 0))
			continue;
		foreach(reference, references_of(scope, svc_ancestry(object->object_id, InvalidOid, NIL)))
			reference_make_part_triggers(lfirst(reference), object->object_id);
	}
}

/* Does a part of an ALTER TABLE give a column of all rows other values, or may it? */
static bool
rewrites_column(const AlterTableCmd *cmd, const char *column)
{
	return (cmd->subtype == AT_AlterColumnType || cmd->subtype == AT_SetExpression) &&
		strcmp(cmd->name, column) == 0;
}

/* Columns with keys were computed anew, and no trigger saw it. */
static void
follow_rewritten(SqlScope *scope, AlterTableStmt *stmt, Oid relation)
{
	ListCell   *cell;
	ListCell   *reference;

	if (!OidIsValid(relation))
		return;
	foreach(reference, references_of(scope, svc_ancestry(relation, InvalidOid, NIL)))
		foreach(cell, stmt->cmds)
			if (rewrites_column(lfirst(cell), ((ReferenceRow *) lfirst(reference))->column))
				need_sweep_of(relation, lfirst(reference));
}

/* Keep references in step with what was made and altered. */
static void
follow_altered(Node *command, List *objects)
{
	TableMove	move = {InvalidOid, NIL, NIL};
	SqlScope	scope;

	if (!command || objects == NIL || !svc_catalog_mentions("reference", 0, NIL))
		return;
	if (IsA(command, AlterTableStmt))
		move = svc_move_of((AlterTableStmt *) command, objects);
	svc_sql_begin(&scope, svc_extension_owner());
	if (IsA(command, RenameStmt) || IsA(command, AlterObjectSchemaStmt))
		follow_rename(&scope, command, objects);
	else if (OidIsValid(move.child))
		follow_move(&scope, &move);
	else
		follow_created(&scope, objects);
	if (IsA(command, AlterTableStmt))
		follow_rewritten(&scope, (AlterTableStmt *) command,
						 svc_ddl_altered_table((AlterTableStmt *) command, objects));
	svc_sql_end(&scope);
}

/* Refuse another name for a trigger of a reference, by which it is known. */
static void
check_trigger_rename(RenameStmt *rename, List *objects)
{
	ListCell   *cell;
	SqlScope	scope;
	uint64		rows = 0;

	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, objects)
		if (rows == 0 && ((DdlObject *) lfirst(cell))->class_id == TriggerRelationId)
			rows = svc_sql("SELECT r.reference, r.relation::pg_catalog.regclass"
						   "  FROM pg_catalog.pg_trigger t"
						   "  JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid AND f.proname IN ('check_reference', 'check_reference_row')"
						   "  JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace AND n.nspname = 'svc'"
						   "  JOIN svc.reference_trigger g ON g.relation = t.tgrelid AND g.name = $2"
						   "  JOIN svc.reference r ON r.reference = g.reference"
						   " WHERE t.oid = $1",
						   sql_oid(((DdlObject *) lfirst(cell))->object_id), sql_name(rename->subname));
	if (rows > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot rename trigger \"%s\": reference \"%s\" is known by it", rename->subname,
						svc_sql_value(0, 1)),
				 errhint("svc.alter_reference(..., new_name => ...) renames the reference.")));
	svc_sql_end(&scope);
}

/* Refuse a column's new type that cannot be compared with the keys. */
static void
check_column_type(const ReferenceRow *row, Oid relation)
{
	AttrNumber	column = get_attnum(relation, row->column);
	Oid			contract = reference_relation_of_name(reference_contract_name(row->service, row->entity),
													  NULL, NULL);
	char	   *key = OidIsValid(contract) ? reference_key_of(contract) : NULL;
	Oid			type;
	bool		is_array;

	if (!key || column <= 0)
		return;
	type = reference_element_type(get_atttype(relation, column), &is_array);
	if (!OidIsValid(reference_equality(get_atttype(contract, get_attnum(contract, key)), &type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("cannot give column \"%s\" of relation \"%s\" this type", row->column,
						get_rel_name(relation)),
				 errdetail("It holds keys of %s, and could not be compared with them any more (reference \"%s\").",
						   svc_quote_relation(contract), row->name),
				 errhint("Drop the reference first, with svc.drop_reference.")));
}

/* Refuse an ALTER TABLE that makes a reference meaningless. */
static void
check_alter_table(AlterTableStmt *stmt, Oid relation)
{
	ListCell   *cell;
	ListCell   *reference;
	List	   *rows;
	SqlScope	scope;

	if (!OidIsValid(relation))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	rows = references_of(&scope, svc_ancestry(relation, InvalidOid, NIL));
	svc_sql_end(&scope);
	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype != AT_AlterColumnType)
			continue;
		foreach(reference, rows)
			if (strcmp(((ReferenceRow *) lfirst(reference))->column, cmd->name) == 0)
				check_column_type(lfirst(reference), relation);
	}
}

/* Refuse what would leave a reference unable to check. */
static void
check_altered(Node *command, List *objects)
{
	if (!command || objects == NIL || !svc_catalog_mentions("reference", 0, NIL))
		return;
	if (IsA(command, RenameStmt) && ((RenameStmt *) command)->renameType == OBJECT_TRIGGER)
		check_trigger_rename((RenameStmt *) command, objects);
	else if (IsA(command, AlterTableStmt))
		check_alter_table((AlterTableStmt *) command,
						  svc_ddl_altered_table((AlterTableStmt *) command, objects));
}

/* What needs a contract, for messages. */
static char *
users_named(List *rows)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, rows)
		appendStringInfo(&names, "%sreference %s of %s", cell == list_head(rows) ? "" : ", ",
						 quote_identifier(((ReferenceRow *) lfirst(cell))->name),
						 svc_quote_relation(((ReferenceRow *) lfirst(cell))->relation));
	return names.data;
}

/* Say which references cannot look keys up now that their contract is gone. */
static void
tell_of_lost_contracts(List *objects)
{
	ListCell   *cell;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);
		List	   *rows;

		if (object->class_id != RelationRelationId || object->sub_id != 0 || !object->schema)
			continue;
		rows = references_into_contract(&scope, object->schema, object->name);
		if (rows != NIL)
			ereport(WARNING,
					(errmsg("keys cannot be looked up until %s is there again",
							quote_qualified_identifier(object->schema, object->name)),
					 errdetail("They are needed by: %s.", users_named(rows))));
	}
	svc_sql_end(&scope);
}

/* End references that lost their table or column: statements on what is left must go on. */
static void
follow_dropped(List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	SqlArg		arg;
	ListCell   *cell;
	SqlScope	scope;

	if (relations == NIL || !svc_catalog_mentions("reference", 0, NIL))
		return;
	if (!svc_sql_is_own())
		tell_of_lost_contracts(objects);
	svc_sql_begin(&scope, svc_extension_owner());
	arg = sql_oids(relations, OIDARRAYOID);
	foreach(cell, reference_select(&scope, "r.relation = ANY ($1) AND NOT EXISTS ("
								   "   SELECT 1 FROM pg_catalog.pg_attribute a"
								   "    WHERE a.attrelid = r.relation AND a.attname = r.column_name)",
								   &arg, 1))
	{
		ReferenceRow *row = lfirst(cell);

		reference_forget(row);
		if (get_rel_name(row->relation))
			ereport(NOTICE,
					(errmsg("reference \"%s\" of %s went with its column \"%s\"", row->name,
							svc_quote_relation(row->relation), row->column)));
	}
	svc_sql_end(&scope);
}

/* End the references of a service's tables, which go on without it. */
static void
forget_references_of(SqlScope *scope, const char *service)
{
	ListCell   *cell;

	foreach(cell, reference_select(scope, "true", NULL, 0))
	{
		ReferenceRow *row = lfirst(cell);

		if (!get_rel_name(row->relation) || !ownership_is(row->relation, service))
			continue;
		reference_forget(row);
		ereport(NOTICE,
				(errmsg("reference \"%s\" of %s went with service \"%s\"", row->name,
						svc_quote_relation(row->relation), service)));
	}
}

/*
 * svc.reference_follows_service(): row trigger on svc.service, AFTER UPDATE OF
 * service and BEFORE DELETE.
 */
Datum
svc_reference_follows_service(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	char	   *before;
	char	   *after;
	SqlScope	scope;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		RelationGetRelid(data->tg_relation) != svc_catalog_relation("service"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	desc = RelationGetDescr(data->tg_relation);
	before = SPI_getvalue(data->tg_trigtuple, desc, SPI_fnumber(desc, "service"));
	svc_sql_begin(&scope, svc_extension_owner());
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		forget_references_of(&scope, before);
	else
	{
		after = SPI_getvalue(data->tg_newtuple, desc, SPI_fnumber(desc, "service"));
		svc_sql("UPDATE svc.reference SET service = $2 WHERE service = $1",
				sql_name(before), sql_name(after));
		remake_triggers(references_into(&scope, after, NULL));
	}
	svc_sql_end(&scope);
	return PointerGetDatum(TRIGGER_FIRED_BY_DELETE(data->tg_event) ? data->tg_trigtuple : NULL);
}

/* What needs an entity of a service, or any of them: references of other services. */
static List *
users_of_contract(const char *service, const char *entity)
{
	List	   *users = NIL;
	uint64		rows = svc_sql("SELECT pg_catalog.format('reference %I of %s', r.reference, r.relation)"
							   "  FROM svc.reference r JOIN pg_catalog.pg_class c ON c.oid = r.relation"
							   " WHERE r.service = $1 AND ($2 IS NULL OR r.entity = $2) ORDER BY r.reference",
							   sql_name(service), sql_name(entity));

	for (uint64 row = 0; row < rows; row++)
		users = lappend(users, svc_sql_value(row, 1));
	return users;
}

static const DdlHandler reference_ddl = {
	.check_altered = check_altered,
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped
};

/* What following does when the library is loaded. */
void
ReferenceFollowInit(void)
{
	svc_register_ddl_handler(&reference_ddl);
	contract_register_users(users_of_contract);
}
