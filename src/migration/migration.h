/*
 * migration.h: what the files of the module share: formats, files, histories.
 */
#ifndef SVC_MIGRATION_H
#define SVC_MIGRATION_H

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

/* Whose rules a folder of migrations follows */
typedef enum MigrationFormat
{
	FORMAT_AUTO,
	FORMAT_PLAIN,
	FORMAT_FLYWAY,
	FORMAT_GOOSE,
	FORMAT_DRIZZLE,
	FORMAT_GOLANG_MIGRATE
} MigrationFormat;

typedef enum MigrationKind
{
	KIND_VERSIONED,
	KIND_REPEATABLE,
	KIND_BASELINE,				/* Flyway's B files */
	KIND_UNDO,					/* U files, .down.sql; Goose's Down is in the versioned file */
	KIND_CALLBACK
} MigrationKind;

typedef enum MigrationDirection
{
	DIRECTION_UP,
	DIRECTION_DOWN
} MigrationDirection;

/* A file as somebody handed it over: bytes as they are, which must be UTF-8 */
typedef struct InputFile
{
	char	   *name;			/* with /, relative to the folder */
	const char *content;
	Size		length;
} InputFile;

/* A migration's file */
typedef struct MigrationFile
{
	MigrationKind kind;
	char	   *script;			/* its name, as in InputFile */
	char	   *version;		/* as the tool stores it; NULL: repeatable, callback */
	char	   *description;
	char	   *event;			/* a callback's */
	int			position;		/* in the order of execution, from 1, over all kinds */
	char	   *checksum;		/* Flyway: CRC as a signed decimal; else SHA-256 in hex */
	int64		created_at;		/* Drizzle: "when" of the journal, in milliseconds; else 0 */
	bool		has_undo;		/* a Goose file with a Down part */
	int			transactional;	/* 0: the file says without transaction; 1: it says with one; -1: its statements tell */
	bool		placeholders;	/* are there to be replaced (Flyway's .conf) */
	Size		size;			/* bytes */
	bool		present;		/* among those that were handed over last */
	const char *content;		/* only where it was just read; as in InputFile */
} MigrationFile;

/* A folder, understood */
typedef struct MigrationSet
{
	MigrationFormat format;
	char	   *settings;		/* JSON: see formats.h */
	List	   *files;			/* MigrationFile, by position */
} MigrationSet;

/* A row of a history of what was applied, as a tool would keep it */
typedef enum AppliedType
{
	APPLIED_SQL,
	APPLIED_BASELINE,
	APPLIED_SQL_BASELINE,		/* a B file */
	APPLIED_DELETE,				/* undone, or its file is known to be gone */
	APPLIED_SCHEMA,
	APPLIED_OTHER				/* Java and the like: runs elsewhere */
} AppliedType;

typedef struct AppliedMigration
{
	int64		rank;			/* order; in a tool's table its key */
	int			attempt;		/* of svc.migration_history; 0: none of ours */
	AppliedType type;
	char	   *version;
	char	   *description;
	char	   *script;
	char	   *checksum;
	int64		created_at;		/* Drizzle */
	char	   *installed_by;
	TimestampTz installed_at;	/* 0: unknown */
	int64		duration;		/* microseconds; -1: unknown */
	bool		success;
	bool		resumable;		/* not success, and ours: goes on at a statement */
	char	   *type_name;		/* as the tool writes it; of APPLIED_OTHER */
} AppliedMigration;

extern const char *migration_format_name(MigrationFormat format);
extern MigrationFormat migration_format_of(const char *name);
extern const char *migration_kind_name(MigrationKind kind);
extern MigrationKind migration_kind_of(const char *name);

extern void MigrationInit(void);

#endif							/* SVC_MIGRATION_H */
