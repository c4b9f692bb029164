/*
 * fuzz.c: libFuzzer inside of a server.
 *
 * The readers need the server's memory contexts, errors, lexer and parser, so the
 * fuzzer is a function of a library that a single-user server loads: one process,
 * no postmaster, and libFuzzer's driver ends it.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "fuzz.h"
#include "migration/migration.h"

PG_MODULE_MAGIC;

SVC_FUNCTION(svc_fuzz);

/* libFuzzer's */
extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*run) (const uint8 *data, size_t size));

static const FuzzTarget *const targets[] = {
	&names_target, &folder_target, &goose_target, &placeholder_target, &properties_target,
	&script_target, &split_target
};

static const FuzzTarget *target;
static MemoryContext run_context;

/* For messages; the module's own is beside what is no reader */
const char *
migration_format_name(MigrationFormat format)
{
	return "this format";
}

/* What must hold does not. */
void
fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

/* A copy of a part of the input, which libc's allocator keeps. */
char *
fuzz_copy(const char *text, Size length)
{
	char	   *copy = malloc(Max(length, 1));
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	memcpy(copy, text, length);
	callback->func = free;
	callback->arg = copy;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return copy;
}

/* Is it text that could come from a file? */
bool
fuzz_is_text(const char *data, Size size)
{
	return pg_encoding_verifymbstr(PG_UTF8, data, size) == size;
}

/* Run the target once.  An error is an answer like any other. */
static int
run_once(const uint8 *data, size_t size)
{
	MemoryContext caller = MemoryContextSwitchTo(run_context);

	PG_TRY();
	{
		target->run((const char *) data, size);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(run_context);
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(run_context);
	return 0;
}

/* The target of this name. */
static const FuzzTarget *
find_target(const char *name)
{
	for (int i = 0; i < lengthof(targets); i++)
		if (strcmp(targets[i]->name, name) == 0)
			return targets[i];
	elog(ERROR, "there is no fuzz target \"%s\"", name);
	return NULL;
}

/* svc_fuzz(target text, arguments text[]): run libFuzzer with its own arguments; does not return. */
Datum
svc_fuzz(PG_FUNCTION_ARGS)
{
	Datum	   *elements;
	int			n;
	int			argc;
	char	  **argv;

	target = find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  NULL, &n);
	argc = n + 1;
	argv = palloc0((argc + 1) * sizeof(char *));
	argv[0] = pstrdup("svc_fuzz");
	for (int i = 0; i < n; i++)
		argv[i + 1] = TextDatumGetCString(elements[i]);
	run_context = AllocSetContextCreate(TopMemoryContext, "fuzz", ALLOCSET_DEFAULT_SIZES);
	PG_RETURN_INT32(LLVMFuzzerRunDriver(&argc, &argv, run_once));
}
