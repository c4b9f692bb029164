/*
 * remote_contract.c: views of what connected services publish.
 *
 * Each entity is a foreign table <service>_import.<entity> and a view
 * <service>_api.<entity> over it.  Both belong to the link of a consumer that
 * was granted the entity, so that whoever may read the view reads with that
 * link's user mapping.  Readers need no right on the foreign table.
 */
#include "core/svc.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/producer.h"
#include "service/remote_contract.h"
#include "service/remote_server.h"
#include "service/right.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What is kept of an entity, and what it should be */
typedef struct Change
{
	const char *service;
	List	   *connections;	/* all to the service */
	const char *server;
	bool		quiet;
	RemoteEntity *before;		/* NULL: new */
	RemoteEntity *after;		/* NULL: gone */
} Change;

/* What is kept of the entities of a service. */
static List *
kept_entities(const char *service)
{
	List	   *entities = NIL;
	uint64		rows = svc_sql("SELECT e.entity, e.key, e.columns, e.types, e.typmods, e.consumers, c.oid, v.oid"
							   "  FROM svc.remote_entity e"
							   "  LEFT JOIN pg_catalog.pg_class c ON c.oid = e.relation"
							   "  LEFT JOIN pg_catalog.pg_class v ON v.oid = e.view"
							   " WHERE e.service = $1 ORDER BY e.entity",
							   sql_name(service));

	for (uint64 row = 0; row < rows; row++)
	{
		RemoteEntity *entity = palloc0(sizeof(RemoteEntity));

		entity->entity = svc_sql_value(row, 1);
		entity->key = svc_sql_value(row, 2);
		entity->columns = svc_sql_names_value(row, 3);
		entity->types = svc_sql_oids_value(row, 4);
		entity->typmods = svc_sql_ints_value(row, 5);
		entity->consumers = svc_sql_names_value(row, 6);
		entity->relation = svc_sql_oid_value(row, 7);
		entity->view = svc_sql_oid_value(row, 8);
		entities = lappend(entities, entity);
	}
	return entities;
}

/* The entity of a name in a list, or NULL. */
static RemoteEntity *
find_entity(List *entities, const char *name)
{
	ListCell   *cell;

	foreach(cell, entities)
		if (strcmp(((RemoteEntity *) lfirst(cell))->entity, name) == 0)
			return lfirst(cell);
	return NULL;
}

/* The connection of a consumer. */
static Connection *
find_connection(List *connections, const char *consumer)
{
	ListCell   *cell;

	foreach(cell, connections)
		if (strcmp(((Connection *) lfirst(cell))->consumer, consumer) == 0)
			return lfirst(cell);
	return NULL;
}

/* Of some entities those that a consumer was granted. */
static List *
granted_to(List *entities, const char *consumer)
{
	List	   *granted = NIL;
	ListCell   *cell;

	foreach(cell, entities)
		if (service_mentions(((RemoteEntity *) lfirst(cell))->consumers, consumer))
			granted = lappend(granted, lfirst(cell));
	return granted;
}

/*
 * An entity with a type that is not here is passed over, and stays as it was:
 * what the service publishes besides must not stop.
 */
static RemoteEntity *
usable(RemoteEntity *told, List *kept, const char *service)
{
	if (!told->unknown)
		return told;
	ereport(WARNING,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("entity \"%s\" of service \"%s\" has a type that is not in this database",
					told->entity, service),
			 errdetail("Its %s.", told->unknown),
			 errhint("Make the type or its extension here, as svc.export_contract(%s) writes it there, and call svc.refresh_contract(%s).",
					 quote_literal_cstr(service), quote_literal_cstr(service))));
	return find_entity(kept, told->entity);
}

/*
 * What there should be: what the connections that are asked are told, and what
 * is kept of the others.  Each entity with its consumers.
 */
static List *
wanted_entities(List *connections, List *asked, List *kept)
{
	List	   *wanted = NIL;
	ListCell   *cell;

	foreach(cell, connections)
	{
		Connection *c = lfirst(cell);
		bool		ask = find_connection(asked, c->consumer) != NULL;
		ListCell   *told;

		foreach(told, ask ? producer_entities(c) : granted_to(kept, c->consumer))
		{
			RemoteEntity *entity = ask ? usable(lfirst(told), kept, c->service) : lfirst(told);
			RemoteEntity *known = entity ? find_entity(wanted, entity->entity) : NULL;

			if (!entity)
				continue;
			if (!known)
			{
				known = palloc(sizeof(RemoteEntity));
				*known = *entity;
				known->consumers = NIL;
				wanted = lappend(wanted, known);
			}
			known->consumers = lappend(known->consumers, c->consumer);
		}
	}
	return wanted;
}

/* Have two lists the same strings in the same order? */
static bool
same_strings(List *a, List *b)
{
	ListCell   *x;
	ListCell   *y;

	if (list_length(a) != list_length(b))
		return false;
	forboth(x, a, y, b)
		if (strcmp(lfirst(x), lfirst(y)) != 0)
			return false;
	return true;
}

/* How a column of an entity is written, with its type. */
static char *
column_definition(const RemoteEntity *entity, int i)
{
	return psprintf("%s %s", quote_identifier(list_nth(entity->columns, i)),
					format_type_extended(list_nth_oid(entity->types, i), list_nth_int(entity->typmods, i),
										 FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
}

/* How all of them are. */
static List *
column_definitions(const RemoteEntity *entity)
{
	List	   *definitions = NIL;

	for (int i = 0; i < list_length(entity->columns); i++)
		definitions = lappend(definitions, column_definition(entity, i));
	return definitions;
}

/* Are the columns still what they were? */
static bool
same_columns(const RemoteEntity *a, const RemoteEntity *b)
{
	return same_strings(column_definitions(a), column_definitions(b));
}

/* Did the entity get columns behind those that it had, and change nothing else? */
static bool
only_grew(const RemoteEntity *before, const RemoteEntity *after)
{
	int			n = list_length(before->columns);

	return list_length(after->columns) > n &&
		same_strings(column_definitions(before), list_truncate(column_definitions(after), n));
}

/* The name of an entity's foreign table. */
static char *
import_name(const Change *change, const RemoteEntity *entity)
{
	return OidIsValid(entity->relation) ? svc_quote_relation(entity->relation)
		: quote_qualified_identifier(connection_import_schema(change->service), entity->entity);
}

/* The name of an entity's view. */
static char *
view_name(const Change *change, const RemoteEntity *entity)
{
	return OidIsValid(entity->view) ? svc_quote_relation(entity->view)
		: quote_qualified_identifier(connection_contract_schema(change->service), entity->entity);
}

/* Was the foreign table made by somebody else, for a server of another wrapper? */
static bool
is_made_by_hand(const Change *change)
{
	return !((Connection *) linitial(change->connections))->login;
}

/* The connection whose link should own the objects of an entity: the one that does, if it still may. */
static Connection *
owning_connection(const Change *change)
{
	Oid			owner = change->before && OidIsValid(change->before->view)
		? svc_relation_owner(change->before->view) : InvalidOid;
	ListCell   *cell;

	foreach(cell, change->after->consumers)
	{
		Connection *c = find_connection(change->connections, lfirst(cell));

		if (c->link == owner)
			return c;
	}
	return find_connection(change->connections, linitial(change->after->consumers));
}

/* Give the objects of an entity to a link; it need only read tables of others. */
static void
give_to_link(const Change *change)
{
	Connection *c = owning_connection(change);
	const char *link = quote_identifier(svc_role_name(c->link));

	if (svc_relation_owner(change->after->view) != c->link)
		svc_sql_do("ALTER VIEW %s OWNER TO %s", view_name(change, change->after), link);
	if (is_made_by_hand(change))
		svc_sql_do("GRANT SELECT ON %s TO %s", import_name(change, change->after), link);
	else if (svc_relation_owner(change->after->relation) != c->link)
		svc_sql_do("ALTER FOREIGN TABLE %s OWNER TO %s", import_name(change, change->after), link);
}

/* Make the view, or replace it. */
static void
make_view(const Change *change, bool replace)
{
	RemoteEntity *e = change->after;
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, e->columns)
		columns = lappend(columns, psprintf("t.%s", quote_identifier(lfirst(cell))));
	svc_sql_do("CREATE %sVIEW %s AS SELECT %s FROM %s t", replace ? "OR REPLACE " : "",
			   view_name(change, e), service_joined(columns), import_name(change, e));
	e->view = get_relname_relid(e->entity, get_namespace_oid(connection_contract_schema(change->service), false));
}

/* Make the foreign table and the view of an entity. */
static void
make_objects(const Change *change)
{
	RemoteEntity *e = change->after;

	e->view = InvalidOid;
	if (!is_made_by_hand(change))
	{
		e->relation = InvalidOid;
		svc_sql_do("CREATE FOREIGN TABLE %s (%s) SERVER %s OPTIONS (schema_name %s, table_name %s)",
				   import_name(change, e), service_joined(column_definitions(e)),
				   quote_identifier(change->server),
				   quote_literal_cstr(service_contract_schema(change->service)),
				   quote_literal_cstr(e->entity));
		e->relation = get_relname_relid(e->entity, get_namespace_oid(connection_import_schema(change->service), false));
	}
	make_view(change, false);
}

/* Drop the view of an entity, and the foreign table that we made. */
static void
drop_objects(const Change *change)
{
	RemoteEntity *e = change->before;

	if (OidIsValid(e->view))
		svc_sql_do("DROP VIEW %s", view_name(change, e));
	if (OidIsValid(e->relation) && !is_made_by_hand(change))
		svc_sql_do("DROP FOREIGN TABLE %s", import_name(change, e));
}

/* Add the new columns of an entity. */
static void
grow_objects(const Change *change)
{
	RemoteEntity *e = change->after;

	for (int i = list_length(change->before->columns); i < list_length(e->columns) && !is_made_by_hand(change); i++)
		svc_sql_do("ALTER FOREIGN TABLE %s ADD COLUMN %s", import_name(change, change->before),
				   column_definition(e, i));
	make_view(change, true);
}

/* Write the entity's row. */
static void
register_entity(const Change *change)
{
	RemoteEntity *e = change->after;

	svc_sql("INSERT INTO svc.remote_entity (service, entity, view, relation, key, columns, types, typmods, consumers)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
			" ON CONFLICT (service, entity) DO UPDATE"
			"   SET view = EXCLUDED.view, relation = EXCLUDED.relation, key = EXCLUDED.key,"
			"       columns = EXCLUDED.columns, types = EXCLUDED.types, typmods = EXCLUDED.typmods,"
			"       consumers = EXCLUDED.consumers",
			sql_name(change->service), sql_name(e->entity), sql_regclass(e->view), sql_regclass(e->relation),
			sql_name(e->key), sql_names(e->columns), sql_oids(e->types, REGTYPEARRAYOID), sql_ints(e->typmods),
			sql_names(e->consumers));
}

/* Say what became of an entity. */
static void
tell(const Change *change, const char *what)
{
	if (!change->quiet)
		ereport(NOTICE,
				(errmsg("entity \"%s\" of service \"%s\" %s",
						change->after ? change->after->entity : change->before->entity, change->service, what)));
}

/* Take an entity away that is in the contract no more. */
static void
remove_entity(const Change *change)
{
	drop_objects(change);
	svc_sql("DELETE FROM svc.remote_entity WHERE service = $1 AND entity = $2",
			sql_name(change->service), sql_name(change->before->entity));
	tell(change, "is not in its contract any more");
}

/* Make an entity what it should be. */
static void
bring_up_to_date(const Change *change)
{
	RemoteEntity *before = change->before;
	RemoteEntity *after = change->after;
	bool		complete = before && OidIsValid(before->view) && OidIsValid(before->relation);

	if (!before)
	{
		make_objects(change);
		tell(change, "is new");
	}
	else if (complete && (same_columns(before, after) || only_grew(before, after)))
	{
		bool		grew = !same_columns(before, after);

		after->view = before->view;
		after->relation = before->relation;
		if (grew)
		{
			grow_objects(change);
			tell(change, "has new columns");
		}
	}
	else
	{
		drop_objects(change);
		make_objects(change);
		tell(change, complete ? "has other columns" : "was made again");
	}
	give_to_link(change);
	register_entity(change);
}

/* Grant the consumers what they should read now, and take back the rest. */
static void
mend_rights(const char *service, List *connections)
{
	List	   *views = NIL;
	ListCell   *cell;

	foreach(cell, kept_entities(service))
		views = lappend_oid(views, ((RemoteEntity *) lfirst(cell))->view);
	foreach(cell, connections)
	{
		Connection *c = lfirst(cell);
		Service    *consumer = service_lookup(c->consumer, true);

		if (!consumer)
			continue;
		if (views == NIL)
			svc_sql_do("REVOKE ALL ON SCHEMA %s FROM %s", quote_identifier(connection_contract_schema(service)),
					   quote_identifier(svc_role_name(consumer->reader)));
		else
		{
			right_take_back(c->consumer, views, true);
			right_mend(c->consumer, views);
		}
	}
}

/* Make what there is of a service what should be. */
static void
apply(const char *service, List *connections, List *kept, List *wanted, bool quiet)
{
	Change		change = {.service = service, .connections = connections, .quiet = quiet};
	ListCell   *cell;

	change.server = ((Connection *) linitial(connections))->server;
	foreach(cell, kept)
	{
		change.before = lfirst(cell);
		if (!find_entity(wanted, change.before->entity))
			remove_entity(&change);
	}
	foreach(cell, wanted)
	{
		change.after = lfirst(cell);
		change.before = find_entity(kept, change.after->entity);
		bring_up_to_date(&change);
	}
	mend_rights(service, connections);
}

/*
 * Bring the views of a service up to date for some of its connections ("asked"),
 * which are looked at through their links; say what changed, unless quiet.
 * Inside a scope of the extension's owner.
 */
void
remote_contract_sync(const char *service, List *asked, bool quiet)
{
	List	   *connections = connection_list(service, NULL, InvalidOid);
	List	   *kept = kept_entities(service);

	apply(service, connections, kept, wanted_entities(connections, asked, kept), quiet);
}

/*
 * A connection is given up: what it was the only one to be granted goes, and
 * the rest goes over to the links of others.  Its own row is there still.
 */
void
remote_contract_leave(const Connection *c)
{
	List	   *connections = connection_list(c->service, NULL, InvalidOid);
	List	   *kept = kept_entities(c->service);
	List	   *others = NIL;
	ListCell   *cell;

	foreach(cell, connections)
		if (strcmp(((Connection *) lfirst(cell))->consumer, c->consumer) != 0)
			others = lappend(others, lfirst(cell));
	apply(c->service, connections, kept, wanted_entities(others, NIL, kept), true);
}

/* How one entity differs from what it is there: a sentence, or NULL. */
static char *
difference(const RemoteEntity *here, const RemoteEntity *there, const char *consumer)
{
	const RemoteEntity *either = here ? here : there;
	const char *entity = quote_identifier(either->entity);

	if (!there)
		return psprintf("%s is not in the contract any more", entity);
	if (there->unknown)
		return psprintf("%s has a type that must be made in this database first: %s", entity, there->unknown);
	if (!here || !service_mentions(here->consumers, consumer))
		return psprintf("%s is not here yet", entity);
	if (!OidIsValid(here->view) || !OidIsValid(here->relation))
		return psprintf("the view or foreign table of %s is gone", entity);
	if (strcmp(here->key, there->key) != 0)
		return psprintf("%s has another key", entity);
	if (!same_columns(here, there))
		return psprintf("%s has other columns", entity);
	return NULL;
}

/* What differs between what is kept for a connection and what is there now: sentences. */
List *
remote_contract_differences(const Connection *c)
{
	List	   *kept = kept_entities(c->service);
	List	   *told = producer_entities(c);
	List	   *differences = NIL;
	ListCell   *cell;

	foreach(cell, told)
	{
		RemoteEntity *there = lfirst(cell);
		char	   *sentence = difference(find_entity(kept, there->entity), there, c->consumer);

		if (sentence)
			differences = lappend(differences, sentence);
	}
	foreach(cell, granted_to(kept, c->consumer))
	{
		RemoteEntity *here = lfirst(cell);

		if (!find_entity(told, here->entity))
			differences = lappend(differences, difference(here, NULL, c->consumer));
	}
	return differences;
}
