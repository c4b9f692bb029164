/*
 * input.h: files of migrations as somebody hands them over.
 *
 * Called outside of a scope: the caller's rights count.  Lists hold InputFile
 * and lie in the current memory context.
 */
#ifndef SVC_MIGRATION_INPUT_H
#define SVC_MIGRATION_INPUT_H

#include "migration/migration.h"

/* Files that were found so far */
typedef struct InputList
{
	List	   *files;
	Size		total;			/* bytes in them */
} InputList;

/* The files of an object name → content */
extern List *inputs_of_jsonb(Datum files);

/* The files of a directory of the server and of the folders in it; checks the caller's right to read it */
extern List *inputs_of_directory(const char *directory);

extern void input_check_room(const InputList *inputs, const char *name, Size length);
extern void input_add(InputList *inputs, char *name, const char *content, Size length);

extern void InputInit(void);

#endif							/* SVC_MIGRATION_INPUT_H */
