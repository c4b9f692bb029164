/*
 * log.c: what was found out about keys, day by day.
 *
 * svc.reference_log is partitioned by day, so that what is old goes by dropping
 * a table and not row by row.  Whoever writes makes the partition that he needs;
 * the worker makes tomorrow's beforehand.  A partition is a member of the
 * extension like the table that it belongs to: dumps leave it out, DROP
 * EXTENSION takes it along, pg_upgrade carries it.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "common/pg_prng.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/log.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "worker/worker.h"

#define PARTITION_PREFIX "reference_log_"

/* How often the worker looks for partitions to make and to drop */
#define LOOK_EVERY (60 * 60 * 1000L)

/* How long readers of the log may have to wait for a partition that goes */
#define DROP_LOCK_TIMEOUT "200ms"

static double sample = 0.01;
static int	retention = 14 * SECS_PER_DAY;

/* Is this valid key one of the sample? */
bool
log_takes_sample(void)
{
	return sample > 0 && pg_prng_double(&pg_global_prng_state) < sample;
}

/* How long what is over is kept, in seconds. */
int
log_retention(void)
{
	return retention;
}

/* The day of a time, in UTC, as a Julian day. */
static int
day_of(TimestampTz at)
{
	int64		day = at / USECS_PER_DAY;

	if (at % USECS_PER_DAY < 0)
		day--;
	return (int) day + POSTGRES_EPOCH_JDATE;
}

/* A day, written with a separator between its parts. */
static char *
day_text(int day, const char *separator)
{
	int			year;
	int			month;
	int			of_month;

	j2date(day, &year, &month, &of_month);
	return psprintf("%04d%s%02d%s%02d", year, separator, month, separator, of_month);
}

/* The name of a day's partition. */
static char *
partition_name(int day)
{
	return psprintf(PARTITION_PREFIX "%s", day_text(day, ""));
}

/* Let a table belong to the extension, with the rights that it has now. */
static void
make_member(Oid relation)
{
	ObjectAddress table;
	ObjectAddress extension;

	ObjectAddressSet(table, RelationRelationId, relation);
	ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid(SVC_EXTENSION, false));
	recordDependencyOn(&table, &extension, DEPENDENCY_EXTENSION);
	recordExtObjInitPriv(relation, RelationRelationId);
}

/*
 * Make a day's partition.  It is attached when it is complete: that does not
 * lock out those who read or write the log, as CREATE TABLE ... PARTITION OF
 * would.
 */
static void
make_partition(int day)
{
	char	   *name = partition_name(day);

	svc_sql_set("default_tablespace", "");
	svc_sql_do("CREATE TABLE " SVC_SCHEMA ".%s (LIKE " SVC_SCHEMA ".reference_log) USING heap", name);
	make_member(svc_catalog_relation(name));
	svc_sql_do("COMMENT ON TABLE " SVC_SCHEMA ".%s IS"
			   " 'Catalog: a day of svc.reference_log, in UTC. Read svc.reference_validation_log.'", name);
	svc_sql_do("ALTER TABLE " SVC_SCHEMA ".reference_log ATTACH PARTITION " SVC_SCHEMA ".%s"
			   " FOR VALUES FROM ('%s 00:00:00+00') TO ('%s 00:00:00+00')",
			   name, day_text(day, "-"), day_text(day + 1, "-"));
	svc_sql_do("CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON " SVC_SCHEMA ".%s"
			   " FOR EACH STATEMENT EXECUTE FUNCTION " SVC_SCHEMA ".guard_catalog()", name);
	svc_sql_do("ALTER TABLE " SVC_SCHEMA ".%s ENABLE ALWAYS TRIGGER guard_truncate", name);
}

/*
 * The partition for a time is there after this.  Inside a scope of the
 * extension's owner.  Of several who find it missing one makes it, and the
 * others wait until that has committed.
 */
void
log_make_partition(TimestampTz at)
{
	char	   *name = partition_name(day_of(at));

	if (OidIsValid(svc_catalog_relation(name)))
		return;
	svc_sql_do("LOCK TABLE " SVC_SCHEMA ".reference_log IN SHARE UPDATE EXCLUSIVE MODE");
	if (!OidIsValid(svc_catalog_relation(name)))
		make_partition(day_of(at));
}

/* Make tomorrow's partition, where somebody writes the log. */
static void
prepare_tomorrow(void *argument)
{
	TimestampTz now = GetCurrentTimestamp();
	SqlScope	scope;

	if (!OidIsValid(svc_catalog_relation(partition_name(day_of(now)))))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	log_make_partition(now + USECS_PER_DAY);
	svc_sql_end(&scope);
}

/* The oldest partition whose time is over, in the caller's memory, or NULL. */
static char *
oldest_partition(void)
{
	char	   *last = partition_name(day_of(GetCurrentTimestamp() - (int64) retention * USECS_PER_SEC));
	char	   *name = NULL;

	/* the names are as long as each other, and so in the order of their days */
	if (svc_sql("SELECT c.relname FROM pg_catalog.pg_inherits i"
				"  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
				" WHERE i.inhparent = 'svc.reference_log'::pg_catalog.regclass"
				"   AND c.relname::pg_catalog.text COLLATE \"C\" < $1"
				" ORDER BY c.relname COLLATE \"C\" LIMIT 1",
				sql_text(last)) > 0)
		name = svc_sql_value(0, 1);
	return name;
}

/* What a transaction that drops a partition is told, and tells */
typedef struct Expiry
{
	bool		dropped;
} Expiry;

/*
 * Drop the oldest partition whose time is over.  Whoever reads the log is not
 * kept waiting behind us for longer than a moment: we try again later.
 */
static void
drop_partition(void *argument)
{
	Expiry	   *expiry = argument;
	SqlScope	scope;
	char	   *name;

	svc_sql_begin(&scope, svc_extension_owner());
	name = oldest_partition();
	expiry->dropped = name != NULL;
	if (name)
	{
		svc_sql_set("lock_timeout", DROP_LOCK_TIMEOUT);
		svc_sql_do("LOCK TABLE " SVC_SCHEMA ".reference_log IN ACCESS EXCLUSIVE MODE");
		deleteDependencyRecordsForClass(RelationRelationId, svc_catalog_relation(name),
										ExtensionRelationId, DEPENDENCY_EXTENSION);
		CommandCounterIncrement();
		svc_sql_do("DROP TABLE " SVC_SCHEMA ".%s", quote_identifier(name));
	}
	svc_sql_end(&scope);
}

/* Forget violations that were resolved long ago. */
static void
forget_resolved(void *argument)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.reference_violation WHERE state = 'resolved' AND last_seen < $1",
			sql_datum(TimestampTzGetDatum(GetCurrentTimestamp() - (int64) retention * USECS_PER_SEC),
					  TIMESTAMPTZOID));
	svc_sql_end(&scope);
}

/* Do a piece of this job's work; false if it went wrong, which is told. */
static bool
run_piece(ProtectedWork work, void *argument)
{
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, work, argument);

	if (error)
		worker_complain("reference log", error);
	return error == NULL;
}

/* The worker's job. */
static long
log_run(void)
{
	Expiry		expiry = {.dropped = true};

	while (expiry.dropped && !worker_must_leave())
		if (!run_piece(drop_partition, &expiry))
			break;
	(void) run_piece(forget_resolved, NULL);
	(void) run_piece(prepare_tomorrow, NULL);
	return LOOK_EVERY;
}

static const WorkerJob log_job = {.name = "reference log", .run = log_run};

/* The settings and the job; called when the library is loaded. */
void
LogInit(void)
{
	DefineCustomRealVariable(SVC_EXTENSION ".reference_log_sample",
							 "The share of valid keys that svc.reference_validation_log gets.",
							 "Keys that are not valid, or that changed, are always logged.",
							 &sample, 0.01, 0.0, 1.0, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(SVC_EXTENSION ".log_retention",
							"How long rows of svc.reference_validation_log, and resolved violations, are kept.",
							NULL, &retention, 14 * SECS_PER_DAY, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	worker_register_job(&log_job);
}
