/*
 * source.c: where the rows of a foreign contract come from.
 *
 * A contract is a foreign table, or a view above one.  Answers are remembered in
 * shared memory, and must not outlive what they were true of: a view that was
 * replaced, a table with other options, a server with another address.  Nobody
 * has to tell the cache: what decides the answer is part of the question.  All of
 * it lies in catalog rows, and a row that was changed is another version of the
 * row, with another transaction and another place.  So a version is the hash of
 * these; one that was rolled back is gone with its row.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_foreign_table.h"
#include "common/hashfn.h"
#include "core/inval.h"
#include "nodes/nodeFuncs.h"
#include "reference/source.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteSupport.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* With more relations than this in one session's maps they start afresh */
#define MAX_ENTRIES 10000

typedef struct SourceEntry
{
	Oid			contract;		/* hash key */
	Source		source;
} SourceEntry;

static HTAB *sources = NULL;

/* All relations that were looked at: a change of one of them drops the map */
static HTAB *relations_seen = NULL;

/* Set by the callbacks, obeyed at the next look-up */
static bool drop_sources = false;

/* Counts invalidations, so that an entry made while one came is not kept */
static uint64 invalidations = 0;

/* What is found on the way down */
typedef struct Walk
{
	Source		source;
	bool		several;		/* servers */
	List	   *seen;			/* relations; a view's query names the view itself, too */
} Walk;

static void walk_relation(Oid relid, Walk *walk);

/* Note that a relation changed.  Only sets a flag, as a callback must. */
static void
relation_changed(Oid relid)
{
	invalidations++;
	if (!OidIsValid(relid) || !relations_seen ||
		hash_search(relations_seen, &relid, HASH_FIND, NULL))
		drop_sources = true;
}

/* Note that a server or the options of a foreign table changed. */
static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	invalidations++;
	drop_sources = true;
}

/* Listen to what changes sources; called once when the library is loaded. */
void
SourceInit(void)
{
	svc_on_relation_change(relation_changed);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, object_changed, (Datum) 0);
}

/* Make a map by OID. */
static HTAB *
make_map(const char *name, Size entry_size)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = entry_size,
		.hcxt = CacheMemoryContext
	};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Have maps to look into, without what is no longer true. */
static void
prepare_maps(void)
{
	if (sources && !drop_sources && hash_get_num_entries(relations_seen) < MAX_ENTRIES)
		return;
	if (sources)
		hash_destroy(sources);
	sources = NULL;
	if (relations_seen)
		hash_destroy(relations_seen);
	relations_seen = NULL;
	relations_seen = make_map("svc_ownership relations of sources", sizeof(Oid));
	sources = make_map("svc_ownership sources", sizeof(SourceEntry));
	drop_sources = false;
}

/* Make a version of a row part of the source's version. */
static void
mix_row(Walk *walk, HeapTuple row)
{
	struct
	{
		uint64		before;
		TransactionId xmin;
		BlockNumber block;
		OffsetNumber offset;
		uint16		none;
	}			mixed = {
		walk->source.version, HeapTupleHeaderGetRawXmin(row->t_data),
		ItemPointerGetBlockNumberNoCheck(&row->t_self), ItemPointerGetOffsetNumberNoCheck(&row->t_self), 0
	};

	walk->source.version = hash_bytes_extended((unsigned char *) &mixed, sizeof(mixed), 0);
}

/* The same for a row of a catalog cache. */
static void
mix_cached(Walk *walk, HeapTuple row)
{
	if (!HeapTupleIsValid(row))
		return;
	mix_row(walk, row);
	ReleaseSysCache(row);
}

/* The columns of a relation: a renamed one may be another one elsewhere. */
static void
mix_columns(Walk *walk, Relation rel)
{
	for (int number = 1; number <= RelationGetNumberOfAttributes(rel); number++)
		mix_cached(walk, SearchSysCache2(ATTNUM, ObjectIdGetDatum(RelationGetRelid(rel)),
										 Int16GetDatum(number)));
}

/* A foreign table: its options, its server. */
static void
walk_foreign_table(Relation rel, Walk *walk)
{
	HeapTuple	row = SearchSysCache1(FOREIGNTABLEREL, ObjectIdGetDatum(RelationGetRelid(rel)));
	Oid			server;

	if (!HeapTupleIsValid(row))
		return;
	server = ((Form_pg_foreign_table) GETSTRUCT(row))->ftserver;
	mix_cached(walk, row);
	mix_columns(walk, rel);
	mix_cached(walk, SearchSysCache1(FOREIGNSERVEROID, ObjectIdGetDatum(server)));
	if (OidIsValid(walk->source.server) && walk->source.server != server)
		walk->several = true;
	walk->source.server = server;
}

/* Go down into the relations that a query reads. */
static bool
walk_query(Node *node, void *argument)
{
	if (!node)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			walk_relation(((RangeTblEntry *) node)->relid, argument);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, walk_query, argument, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, walk_query, argument);
}

/* A view: its query. */
static void
walk_view(Relation rel, Walk *walk)
{
	mix_cached(walk, SearchSysCache2(RULERELNAME, ObjectIdGetDatum(RelationGetRelid(rel)),
									 PointerGetDatum(ViewSelectRuleName)));
	for (int i = 0; rel->rd_rules && i < rel->rd_rules->numLocks; i++)
		if (rel->rd_rules->rules[i]->event == CMD_SELECT)
			(void) walk_query((Node *) linitial(rel->rd_rules->rules[i]->actions), walk);
}

/* A relation that the contract reads, or the contract itself. */
static void
walk_relation(Oid relid, Walk *walk)
{
	Relation	rel;

	if (list_member_oid(walk->seen, relid) ||
		(rel = try_relation_open(relid, AccessShareLock)) == NULL)
		return;
	walk->seen = lappend_oid(walk->seen, relid);
	(void) hash_search(relations_seen, &relid, HASH_ENTER, NULL);
	mix_cached(walk, SearchSysCache1(RELOID, ObjectIdGetDatum(relid)));
	if (rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		walk_foreign_table(rel, walk);
	else if (rel->rd_rel->relkind == RELKIND_VIEW)
		walk_view(rel, walk);
	relation_close(rel, AccessShareLock);
}

/* Where the rows of a contract come from. */
Source
source_of(Oid contract)
{
	Walk		walk = {0};
	SourceEntry *entry;
	uint64		before;
	bool		found;

	prepare_maps();
	entry = hash_search(sources, &contract, HASH_FIND, NULL);
	if (entry)
		return entry->source;
	before = invalidations;
	walk_relation(contract, &walk);
	list_free(walk.seen);
	if (walk.several || !OidIsValid(walk.source.server))
		walk.source.server = contract;
	if (before != invalidations)
		return walk.source;
	entry = hash_search(sources, &contract, HASH_ENTER, &found);
	entry->source = walk.source;
	return walk.source;
}
