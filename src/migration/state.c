/*
 * state.c: what Flyway's info calls the state of each migration, for all
 * formats.
 *
 * A file and a row belong together by version and kind, a repeatable one by its
 * description; one hash table holds both, under a key that tells the kinds
 * apart.  Rows come in the order in which they were written: what a row means
 * depends on those before it (out of order) and after it (deleted).
 */
#include "core/svc.h"

#include "common/hashfn.h"
#include "migration/formats.h"
#include "migration/state.h"
#include "utils/hsearch.h"

typedef struct Known Known;

/* A row, and what others say of it */
typedef struct Run
{
	AppliedMigration *applied;
	Known	   *match;			/* of its file; NULL: there can be none */
	Known	   *rows;			/* of all rows like this one */
	int64		created_at;		/* Drizzle */
	bool		deleted;
	bool		undone;
	bool		out_of_order;
} Run;

/* What is known under a key; the key must be first */
struct Known
{
	const char *key;
	MigrationFile *file;
	Run		   *last;			/* the last row that is no deletion */
	int64		last_rank;		/* of any row */
	bool		applied;		/* the file was applied, and is not to be run again */
};

/* A version with what orders it */
typedef struct Place
{
	const char *version;		/* NULL: before all others */
	int64		created_at;
} Place;

/* All that states depend on */
typedef struct Context
{
	MigrationFormat format;
	bool		out_of_order;
	bool		has_target;
	Place		target;
	Place		last_resolved;
	Place		last_applied;
	Place		applied_baseline;
	Place		pending_baseline;
	HTAB	   *known;
	List	   *files;			/* Known of the files that are there, in their order */
	List	   *runs;
} Context;

static const char *const state_names[] = {
	[STATE_PENDING] = "Pending",
	[STATE_ABOVE_TARGET] = "Above Target",
	[STATE_BELOW_BASELINE] = "Below Baseline",
	[STATE_IGNORED_BASELINE] = "Ignored (Baseline)",
	[STATE_BASELINE] = "Baseline",
	[STATE_IGNORED] = "Ignored",
	[STATE_MISSING] = "Missing",
	[STATE_FAILED_MISSING] = "Failed (Missing)",
	[STATE_SUCCESS] = "Success",
	[STATE_UNDONE] = "Undone",
	[STATE_FAILED] = "Failed",
	[STATE_OUT_OF_ORDER] = "Out of Order",
	[STATE_FUTURE] = "Future",
	[STATE_FAILED_FUTURE] = "Failed (Future)",
	[STATE_OUTDATED] = "Outdated",
	[STATE_SUPERSEDED] = "Superseded",
	[STATE_DELETED] = "Deleted"
};

/* What people read. */
const char *
migration_state_name(MigrationState state)
{
	return state_names[state];
}

/* Hash of a key. */
static uint32
key_hash(const void *key, Size size)
{
	const char *string = *(const char *const *) key;

	return hash_bytes((const unsigned char *) string, strlen(string));
}

/* Comparison of keys. */
static int
key_match(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* What is known under a key; a new entry where there was none. */
static Known *
known(Context *context, const char *key)
{
	bool		found;
	Known	   *entry = hash_search(context->known, &key, HASH_ENTER, &found);

	if (!found)
	{
		entry->file = NULL;
		entry->last = NULL;
		entry->last_rank = -1;
		entry->applied = false;
	}
	return entry;
}

/*
 * The key of a versioned migration, after a letter for its kind: the version
 * written in one way, so that equal ones are the same text, without leading
 * zeros in its numbers and without parts of zero at its end.  A version that is
 * no number stays as it is.
 */
static char *
versioned_key(const Context *context, char kind, const char *version)
{
	char	   *key = palloc(2 * strlen(version) + 2);
	char	   *to = key;
	const char *from = version;

	*to++ = kind;
	if (context->format == FORMAT_DRIZZLE || version[strspn(version, "0123456789.")] != '\0')
	{
		strcpy(to, version);
		return key;
	}
	while (*from)
	{
		Size		digits;

		from += strspn(from, "0");
		digits = strspn(from, "0123456789");
		if (digits == 0)
			*to++ = '0';
		memcpy(to, from, digits);
		to += digits;
		from += digits;
		if (*from == '.')
			*to++ = *from++;
	}
	while (to - key > 3 && to[-1] == '0' && to[-2] == '.')
		to -= 2;
	*to = '\0';
	return key;
}

/* The key of a repeatable migration. */
static char *
repeatable_key(char kind, const char *description)
{
	Size		length = strlen(description);
	char	   *key = palloc(length + 2);

	key[0] = kind;
	memcpy(key + 1, description, length + 1);
	return key;
}

/* What is known of a file that is there; NULL for what is never in a history. */
static Known *
known_file(Context *context, const MigrationFile *file)
{
	if (!file->present)
		return NULL;
	switch (file->kind)
	{
		case KIND_VERSIONED:
			return known(context, versioned_key(context, 'V', file->version));
		case KIND_BASELINE:
			return known(context, versioned_key(context, 'B', file->version));
		case KIND_REPEATABLE:
			return known(context, repeatable_key('R', file->description));
		default:
			return NULL;
	}
}

/* What is known of the file that a row belongs to; NULL where there can be none. */
static Known *
known_file_of_row(Context *context, const AppliedMigration *applied)
{
	if (applied->version == NULL)
		return known(context, repeatable_key('R', applied->description));
	switch (applied->type)
	{
		case APPLIED_SQL:
			return known(context, versioned_key(context, 'V', applied->version));
		case APPLIED_SQL_BASELINE:
			return known(context, versioned_key(context, 'B', applied->version));
		default:
			return NULL;
	}
}

/* What is known of all rows that a deletion like this row would be about, whatever their type. */
static Known *
known_rows(Context *context, const AppliedMigration *applied)
{
	return known(context, applied->version == NULL ? repeatable_key('r', applied->description)
				 : versioned_key(context, 'v', applied->version));
}

/* Compare two places in the order of the format; one without version comes first. */
static int
compare(const Context *context, const Place *a, const Place *b)
{
	if (a->version == NULL || b->version == NULL)
		return (a->version != NULL) - (b->version != NULL);
	return migration_compare(context->format, a->version, a->created_at, b->version, b->created_at);
}

/* Where a file stands. */
static Place
place_of_file(const MigrationFile *file)
{
	return (Place) {file->version, file->created_at};
}

/* Where a row stands. */
static Place
place_of_run(const Run *run)
{
	return (Place) {run->applied->version, run->created_at};
}

/* Keep the higher one. */
static void
raise_to(const Context *context, Place *highest, Place place)
{
	if (compare(context, &place, highest) > 0)
		*highest = place;
}

/* Enter the files that are there. */
static void
enter_files(Context *context, List *files)
{
	ListCell   *cell;

	foreach(cell, files)
	{
		MigrationFile *file = lfirst(cell);
		Known	   *entry = known_file(context, file);

		if (entry == NULL)
			continue;
		entry->file = file;
		context->files = lappend(context->files, entry);
		if (file->version)
			raise_to(context, &context->last_resolved, place_of_file(file));
	}
}

/* A deletion: the last row of its version, or of its description, is gone. */
static void
enter_deletion(const AppliedMigration *applied, Known *entry)
{
	bool		undo = applied->type_name && strncmp(applied->type_name, "UNDO", 4) == 0;

	if (applied->success && entry->last)
	{
		entry->last->undone = undo;
		entry->last->deleted = !undo;
	}
}

/* Is the row in the list of all?  Deletions of versions are not, unless they failed. */
static bool
is_listed(const AppliedMigration *applied)
{
	return applied->type != APPLIED_DELETE || applied->version == NULL || !applied->success;
}

/* The file that a row belongs to, NULL where it is not there. */
static MigrationFile *
run_file(const Run *run)
{
	return run->match ? run->match->file : NULL;
}

/* Is it a baseline's row? */
static bool
is_baseline(const Run *run)
{
	return run->applied->type == APPLIED_BASELINE || run->applied->type == APPLIED_SQL_BASELINE;
}

/* Enter a row. */
static void
enter_row(Context *context, AppliedMigration *applied)
{
	Known	   *entry = known_rows(context, applied);
	MigrationFile *file;
	Run		   *run;

	entry->last_rank = applied->rank;
	if (applied->type == APPLIED_DELETE)
		enter_deletion(applied, entry);
	if (!is_listed(applied))
		return;
	run = palloc0(sizeof(Run));
	run->applied = applied;
	run->rows = entry;
	run->match = known_file_of_row(context, applied);
	file = run_file(run);
	run->created_at = applied->created_at != 0 || file == NULL ? applied->created_at
		: file->created_at;
	if (applied->type != APPLIED_DELETE)
		entry->last = run;
	if (is_baseline(run))
		raise_to(context, &context->applied_baseline, place_of_run(run));
	context->runs = lappend(context->runs, run);
}

/* Now that all deletions are known: how far it was, and what came late. */
static void
follow_order(Context *context)
{
	ListCell   *cell;

	foreach(cell, context->runs)
	{
		Run		   *run = lfirst(cell);
		Place		place = place_of_run(run);

		if (place.version == NULL)
			continue;
		if (compare(context, &place, &context->last_applied) <= 0)
			run->out_of_order = true;
		else if (run->applied->type != APPLIED_DELETE && !run->deleted && !run->undone)
			context->last_applied = place;
	}
}

/* Is this the last row of a repeatable migration, its deletions counted? */
static bool
is_latest(const Run *run)
{
	return run->rows->last_rank == run->applied->rank;
}

/* Was the file as it is now when the row was written? */
static bool
same_checksum(const Run *run)
{
	const MigrationFile *file = run_file(run);

	return file && file->checksum && run->applied->checksum &&
		strcmp(file->checksum, run->applied->checksum) == 0;
}

/* The state of a row without a file. */
static MigrationState
missing_state(const Context *context, const Run *run)
{
	Place		place = place_of_run(run);

	if (run->applied->type == APPLIED_SCHEMA)
		return STATE_SUCCESS;
	if (place.version == NULL || compare(context, &place, &context->last_resolved) < 0)
		return run->applied->success ? STATE_MISSING : STATE_FAILED_MISSING;
	return run->applied->success ? STATE_FUTURE : STATE_FAILED_FUTURE;
}

/* The state of a row: the first that fits. */
static MigrationState
run_state(const Context *context, const Run *run)
{
	const AppliedMigration *applied = run->applied;

	if (run->undone)
		return STATE_UNDONE;
	if (run->deleted)
		return STATE_DELETED;
	if (applied->type == APPLIED_DELETE)
		return STATE_SUCCESS;
	if (is_baseline(run))
		return STATE_BASELINE;
	if (run_file(run) == NULL && (applied->version || is_latest(run)))
		return missing_state(context, run);
	if (!applied->success)
		return STATE_FAILED;
	if (applied->version == NULL)
		return !is_latest(run) ? STATE_SUPERSEDED
			: same_checksum(run) ? STATE_SUCCESS : STATE_OUTDATED;
	return run->out_of_order ? STATE_OUT_OF_ORDER : STATE_SUCCESS;
}

/* Has anything been applied that counts for versions? */
static bool
is_started(const Context *context)
{
	return context->applied_baseline.version || context->last_applied.version;
}

/* The state of a versioned file without a row, but for what is special about B files. */
static MigrationState
unapplied_state(const Context *context, Place place)
{
	const Place *baseline = context->last_applied.version ? &context->applied_baseline
		: &context->pending_baseline;
	int			order = compare(context, &place, baseline);

	if (baseline->version && order < 0)
		return STATE_BELOW_BASELINE;
	if (baseline->version && order == 0)
		return STATE_IGNORED_BASELINE;
	if (context->has_target && compare(context, &place, &context->target) > 0)
		return STATE_ABOVE_TARGET;
	if (!context->out_of_order && compare(context, &place, &context->last_applied) < 0)
		return STATE_IGNORED;
	return STATE_PENDING;
}

/* The state of a file without a row. */
static MigrationState
file_state(const Context *context, const MigrationFile *file)
{
	Place		place = place_of_file(file);
	MigrationState state;

	if (file->version == NULL)
		return STATE_PENDING;
	state = unapplied_state(context, place);
	if (file->kind != KIND_BASELINE)
		return state;
	if (state == STATE_PENDING && is_started(context))
		return STATE_IGNORED;
	if (state == STATE_IGNORED_BASELINE && !is_started(context) &&
		compare(context, &place, &context->pending_baseline) == 0)
		return STATE_PENDING;
	return state;
}

/* Note for each file whether a row stands for it. */
static void
mark_applied(const Context *context)
{
	ListCell   *cell;

	foreach(cell, context->runs)
	{
		Run		   *run = lfirst(cell);
		if (run->match == NULL || run->deleted || run->undone ||
			run->applied->type == APPLIED_DELETE)
			continue;
		if (run->applied->version || (is_latest(run) && same_checksum(run)))
			run->match->applied = true;
	}
}

/* The files without a row, in the order of the files. */
static List *
unapplied_files(Context *context)
{
	List	   *unapplied = NIL;
	ListCell   *cell;

	foreach(cell, context->files)
	{
		Known	   *entry = lfirst(cell);

		if (entry->applied)
			continue;
		unapplied = lappend(unapplied, entry->file);
		if (entry->file->kind == KIND_BASELINE)
			raise_to(context, &context->pending_baseline, place_of_file(entry->file));
	}
	return unapplied;
}

/* Make one line of the result. */
static MigrationInfo *
make_info(MigrationFile *file, AppliedMigration *applied, MigrationState state)
{
	MigrationInfo *info = palloc(sizeof(MigrationInfo));

	info->file = file;
	info->applied = applied;
	info->state = state;
	return info;
}

/* Where a target that is given as a version stands. */
static Place
place_of_version(const char *version, List *files)
{
	ListCell   *cell;

	foreach(cell, files)
	{
		MigrationFile *file = lfirst(cell);

		if (file->version && strcmp(file->version, version) == 0)
			return place_of_file(file);
	}
	return (Place) {version, 0};
}

/* The first of the files that would be run without a target. */
static void
aim_at_next(Context *context, List *unapplied)
{
	ListCell   *cell;

	foreach(cell, unapplied)
	{
		MigrationFile *file = lfirst(cell);

		if (file->version && file_state(context, file) == STATE_PENDING)
		{
			context->target = place_of_file(file);
			context->has_target = true;
			return;
		}
	}
}

/* Find out what the target is. */
static void
aim(Context *context, const char *target, List *files, List *unapplied)
{
	if (target == NULL || strcmp(target, "latest") == 0)
		return;
	if (strcmp(target, "next") == 0)
	{
		aim_at_next(context, unapplied);
		return;
	}
	context->has_target = true;
	context->target = strcmp(target, "current") == 0 ? context->last_applied
		: place_of_version(target, files);
}

/* Is the file one that a baseline makes needless?  Those come before its row. */
static bool
is_before_baseline(const MigrationInfo *info)
{
	return info->state == STATE_BELOW_BASELINE || info->state == STATE_IGNORED_BASELINE;
}

/* All lines: rows as they were written, and the files that have none. */
static List *
arrange(Context *context, List *unapplied)
{
	List	   *infos = NIL;
	List	   *waiting = NIL;
	ListCell   *next;
	ListCell   *cell;

	foreach(cell, unapplied)
		waiting = lappend(waiting, make_info(lfirst(cell), NULL, file_state(context, lfirst(cell))));
	next = list_head(waiting);
	foreach(cell, context->runs)
	{
		Run		   *run = lfirst(cell);

		while (next && is_baseline(run) && is_before_baseline(lfirst(next)))
		{
			infos = lappend(infos, lfirst(next));
			next = lnext(waiting, next);
		}
		infos = lappend(infos, make_info(run_file(run), run->applied, run_state(context, run)));
	}
	for (; next; next = lnext(waiting, next))
		infos = lappend(infos, lfirst(next));
	return infos;
}

/* A table for that many files and rows. */
static HTAB *
make_table(long size)
{
	HASHCTL		control = {.keysize = sizeof(char *), .entrysize = sizeof(Known),
		.hash = key_hash, .match = key_match, .hcxt = CurrentMemoryContext};

	return hash_create("svc_ownership migrations", Max(size, 16), &control,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* The states of all files and rows, in the order of svc.migrations(). */
List *
migration_states(MigrationFormat format, List *files, List *applied, const StateOptions *options)
{
	Context		context = {.format = format, .out_of_order = options->out_of_order};
	List	   *unapplied;
	List	   *infos;
	ListCell   *cell;

	context.known = make_table(list_length(files) + list_length(applied));
	enter_files(&context, files);
	foreach(cell, applied)
		enter_row(&context, lfirst(cell));
	follow_order(&context);
	mark_applied(&context);
	unapplied = unapplied_files(&context);
	aim(&context, options->target, files, unapplied);
	infos = arrange(&context, unapplied);
	hash_destroy(context.known);
	return infos;
}
