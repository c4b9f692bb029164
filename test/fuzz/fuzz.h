/*
 * fuzz.h: what a fuzz target is.
 */
#ifndef SVC_FUZZ_H
#define SVC_FUZZ_H

#include "core/svc.h"

typedef struct FuzzTarget
{
	const char *name;
	/* Runs in memory of its own; may raise errors, which are no failures */
	void		(*run) (const char *data, Size size);
} FuzzTarget;

extern const FuzzTarget names_target;
extern const FuzzTarget folder_target;
extern const FuzzTarget goose_target;
extern const FuzzTarget placeholder_target;
extern const FuzzTarget properties_target;
extern const FuzzTarget script_target;
extern const FuzzTarget split_target;

/* What must hold; where it does not, the fuzzer keeps the input and ends */
#define fuzz_check(condition) \
	((condition) ? (void) 0 : fuzz_fail(#condition, __FILE__, __LINE__))

extern void fuzz_fail(const char *condition, const char *file, int line) pg_attribute_noreturn();

/* A copy of a part of the input that ends where it ends, so that a sanitizer sees who reads on */
extern char *fuzz_copy(const char *text, Size length);

/* Is it text that could come from a file? */
extern bool fuzz_is_text(const char *data, Size size);

#endif							/* SVC_FUZZ_H */
