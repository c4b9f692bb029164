/*
 * pending.c: what migrate and undo have to do now.
 */
#include "core/svc.h"

#include "core/extension.h"
#include "core/sql.h"
#include "migration/baseline.h"
#include "migration/formats.h"
#include "migration/history.h"
#include "migration/repeatable.h"
#include "migration/setting.h"
#include "migration/validate.h"

/* Of a file and of a row: the same where the row is about the file as it is */
#define KEY_HASH \
	"pg_catalog.hashtextextended(version OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) script" \
	" OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) checksum" \
	" OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) description, 0)"

/* May migrations be run that come before ones that are applied? */
static bool
is_out_of_order_allowed(const History *history, const MigrateOptions *options)
{
	char	   *generation;

	if ((options && options->out_of_order) || setting_bool(history->source, "outOfOrder"))
		return true;
	if (history->source->format != FORMAT_DRIZZLE)
		return false;
	/* the newer one goes by names, and runs whatever is not there */
	generation = setting_text(history->source, "generation");
	return generation && strcmp(generation, "1") == 0;
}

/* States of all, in the order of svc.migrations(). */
List *
history_infos(const History *history, const MigrateOptions *options)
{
	StateOptions states = {
		.target = options ? options->target : NULL,
		.out_of_order = is_out_of_order_allowed(history, options)
	};

	if (!options)
		repeatable_checksums(history, NIL, false);
	return migration_states(history->source->format, history->files, history->applied, &states);
}

/* Refuse a target that is no version of this format. */
static void
check_target(const History *history, const char *target)
{
	bool		numeric = history->source->format == FORMAT_FLYWAY ||
		history->source->format == FORMAT_GOOSE ||
		history->source->format == FORMAT_GOLANG_MIGRATE;

	if (target == NULL || strcmp(target, "latest") == 0 || strcmp(target, "current") == 0 ||
		strcmp(target, "next") == 0 || !numeric || version_is_valid(target))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid target \"%s\"", target),
			 errhint("A target is a version, latest, current or next.")));
}

/* Is it to be run, as one of this kind or of the other? */
static bool
is_to_run(const MigrationInfo *info, bool repeatable)
{
	bool		resumed = info->state == STATE_FAILED && info->file && info->applied->resumable;

	return (info->state == STATE_PENDING || resumed) &&
		(info->file->kind == KIND_REPEATABLE) == repeatable;
}

/* Versioned ones in their order, then repeatable ones. */
static List *
infos_to_run(List *infos)
{
	List	   *pending = NIL;
	ListCell   *cell;

	foreach(cell, infos)
		if (is_to_run(lfirst(cell), false))
			pending = lappend(pending, lfirst(cell));
	foreach(cell, infos)
		if (is_to_run(lfirst(cell), true))
			pending = lappend(pending, lfirst(cell));
	return pending;
}

/* What migrate has to do now. */
List *
history_pending(History *history, const MigrateOptions *options)
{
	List	   *infos;

	check_target(history, options->target);
	repeatable_checksums(history, options->variables, true);
	baseline_check(history, options);
	infos = history_infos(history, options);
	validation_check(history, infos);
	return infos_to_run(infos);
}

/*
 * Is every file applied as it is, and nothing else in the history?  Two sums
 * over what joins files and rows tell, where all are versioned and no other
 * tool has a say.
 */
bool
history_is_complete(const char *service)
{
	SqlScope	scope;
	bool		complete;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_join_as_written();
	complete = svc_sql("SELECT FROM svc.migration_source s,"
					   "  (SELECT pg_catalog.count(*), pg_catalog.sum(" KEY_HASH "),"
					   "          pg_catalog.bool_and(present AND kind = 'versioned')"
					   "     FROM svc.migration_file WHERE service = $1) AS f (n, hash, plain),"
					   "  (SELECT pg_catalog.count(*), pg_catalog.sum(" KEY_HASH "),"
					   "          pg_catalog.bool_and(outcome = 'success' AND action = 'apply' AND kind = 'versioned')"
					   "     FROM svc.migration_history"
					   "    WHERE service = $1 AND outcome NOT IN ('rolled back', 'abandoned')) AS h (n, hash, plain)"
					   " WHERE s.service = $1 AND s.history IS NULL AND s.format <> 'golang-migrate'"
					   "   AND f.plain AND h.plain AND f.n = h.n AND f.hash = h.hash", sql_name(service)) > 0;
	svc_sql_end(&scope);
	return complete;
}

/* The row of a target of undo; NULL: everything is to be undone. */
static const MigrationInfo *
find_target(const History *history, List *infos, const char *target)
{
	ListCell   *cell;

	if (strcmp(target, "0") == 0)
		return NULL;
	foreach(cell, infos)
	{
		const MigrationInfo *info = lfirst(cell);
		const AppliedMigration *applied = info->applied;

		if (applied && applied->version && info->state != STATE_DELETED && info->state != STATE_UNDONE &&
			migration_compare(history->source->format, applied->version, applied->created_at, target,
							  applied->created_at) == 0)
			return info;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version \"%s\" of service \"%s\" is not applied", target, history->service->name),
			 errhint("SELECT * FROM svc.migrations('%s') lists what is; 0 undoes everything.",
					 history->service->name)));
}

/* Does a row say that a version is applied, by a file? */
static bool
is_live_version(const MigrationInfo *info)
{
	return info->applied && info->applied->version && info->applied->type == APPLIED_SQL &&
		info->state != STATE_DELETED && info->state != STATE_UNDONE;
}

/* When a row's migration was made, by Drizzle's journal; our own rows do not hold it. */
static int64
created_at(const MigrationInfo *info)
{
	return info->file ? info->file->created_at : info->applied->created_at;
}

/* The order of a format, of rows. */
static int
compare_rows(const MigrationInfo *a, const MigrationInfo *b, MigrationFormat format)
{
	return migration_compare(format, a->applied->version, created_at(a), b->applied->version,
							 created_at(b));
}

/* For list_sort: newest first. */
static int
drizzle_newest_first(const ListCell *a, const ListCell *b)
{
	return compare_rows(lfirst(b), lfirst(a), FORMAT_DRIZZLE);
}

/* The same for versions of numbers, which are compared alike in all other formats. */
static int
newest_first(const ListCell *a, const ListCell *b)
{
	return compare_rows(lfirst(b), lfirst(a), FORMAT_PLAIN);
}

/* Refuse while a migration is half applied: it is neither there nor gone. */
static void
check_not_half_done(const History *history, List *infos)
{
	ListCell   *cell;

	foreach(cell, infos)
	{
		const MigrationInfo *info = lfirst(cell);

		if (info->applied && !info->applied->success && info->applied->type != APPLIED_DELETE &&
			(!info->file || !history_unfinished(history, info->file, DIRECTION_DOWN)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("migration \"%s\" of service \"%s\" is half done",
							info->file ? info->file->script : info->applied->script,
							history->service->name),
					 errhint("CALL svc.migrate goes on with it; svc.repair_migrations gives it up.")));
	}
}

/* Refuse to undo what no file is there of: neither a script that undoes it nor its comments. */
static List *
check_have_files(const History *history, List *undoable)
{
	ListCell   *cell;

	foreach(cell, undoable)
	{
		const MigrationInfo *info = lfirst(cell);

		if (!info->file)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the file of version \"%s\" of service \"%s\" is not here",
							info->applied->version, history->service->name),
					 errdetail("What undoes it is not known."),
					 errhint("Load the files with svc.load_migrations('%s', ...).",
							 history->service->name)));
	}
	return undoable;
}

/*
 * What undo has to do, newest first: down to, but without, target; NULL: only
 * the last one.  Newest is the highest version: below a live higher one, Flyway
 * would not run it again.
 */
List *
history_undoable(History *history, const char *target)
{
	List	   *infos = history_infos(history, NULL);
	List	   *undoable = NIL;
	const MigrationInfo *last = target ? find_target(history, infos, target) : NULL;
	ListCell   *cell;

	check_not_half_done(history, infos);
	foreach(cell, infos)
		if (is_live_version(lfirst(cell)))
			undoable = lappend(undoable, lfirst(cell));
	list_sort(undoable, history->source->format == FORMAT_DRIZZLE ? drizzle_newest_first : newest_first);
	if (!target)
		undoable = list_truncate(undoable, 1);
	foreach(cell, undoable)
		if (last && compare_rows(lfirst(cell), last, history->source->format) <= 0)
		{
			undoable = list_truncate(undoable, foreach_current_index(cell));
			break;
		}
	return check_have_files(history, undoable);
}
