/*
 * folder.h: a folder of migrations while a format's reader understands it.
 */
#ifndef SVC_MIGRATION_FOLDER_H
#define SVC_MIGRATION_FOLDER_H

#include "lib/stringinfo.h"

#include "migration/migration.h"

typedef struct Folder
{
	MigrationFormat format;
	List	   *inputs;			/* InputFile, in the order of their names */
	List	   *files;			/* MigrationFile */
	StringInfoData settings;	/* see formats.h */
	List	   *passed_over;	/* names that look like migrations, but not to the tool */
	bool		ordered;		/* files are in their order already */
} Folder;

/* A reader of a format */
typedef struct FormatReader
{
	MigrationFormat format;
	const char *name;			/* for people */
	/* Does the file tell that the folder is of this format?  NULL: no file can. */
	bool		(*recognizes) (const InputFile *input);
	void		(*read) (Folder *folder);
} FormatReader;

extern MigrationFile *folder_add(Folder *folder, const InputFile *input, MigrationKind kind,
								 char *version, char *description);
extern void folder_pass_over(Folder *folder, const InputFile *input);
extern const InputFile *folder_find(const Folder *folder, const char *name);
extern void folder_finish(Folder *folder);

/* Parts of names */
extern const char *file_base_name(const char *name);
extern bool file_name_ends(const char *name, const char *end);
extern bool file_name_ends_anyhow(const char *name, const char *end);
extern Size digits_length(const char *name);
extern char *description_of(const char *words, Size length);

/* Numbers that a tool keeps as bigint; 22023 for one that is none */
extern char *number_version(const InputFile *input, const char *digits, Size length);

/* The line of a place in a text, from 1 */
extern int	line_of(const char *text, Size offset);

#endif							/* SVC_MIGRATION_FOLDER_H */
