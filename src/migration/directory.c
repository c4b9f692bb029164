/*
 * directory.c: files of migrations that lie in a directory of the server.
 *
 * Reading files is power: the server may read its own configuration, keys and
 * tables.  So a setting of the superuser's bounds it, and from there on every
 * step is taken from a directory that is open (openat) and never through a
 * symbolic link.  Whoever can write there may swap names while we read: what
 * counts is what was opened, not what was looked at.  Errors name files and
 * never show what is in them.
 */
#include "core/svc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "core/args.h"
#include "migration/input.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define SETTING SVC_EXTENSION ".migration_directory"
#define MAX_DEPTH 16
#define MAX_PATH_LENGTH 4000
#define READ_AT_ONCE (1024 * 1024)

/* svc_ownership.migration_directory */
static char *migration_directory;

/* Something that is open, closed with the memory context that it lies in */
typedef struct Handle
{
	int			fd;
	DIR		   *entries;		/* of a directory that is being listed; owns fd */
	MemoryContextCallback callback;
} Handle;

/* A walk through a directory and its folders */
typedef struct Walk
{
	MemoryContext result;		/* where files are kept */
	const char *base;			/* the directory, as errors show it */
	InputList	inputs;
} Walk;

/* Close what is open. */
static void
close_handle(void *argument)
{
	Handle	   *handle = argument;

	if (handle->entries)
		closedir(handle->entries);
	else if (handle->fd >= 0)
		close(handle->fd);
	ReleaseExternalFD();
}

/* Make ready for something to be opened, in a memory context of its own that is current from now on. */
static Handle *
new_handle(MemoryContext *own)
{
	Handle	   *handle;

	*own = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership file", ALLOCSET_SMALL_SIZES);
	handle = MemoryContextAllocZero(*own, sizeof(Handle));
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many files are open in this session")));
	handle->fd = -1;
	handle->callback.func = close_handle;
	handle->callback.arg = handle;
	MemoryContextRegisterResetCallback(*own, &handle->callback);
	return handle;
}

/* The name of a file as errors show it. */
static char *
shown(const char *folder, const char *name)
{
	return strcmp(folder, "/") == 0 ? psprintf("/%s", name) : psprintf("%s/%s", folder, name);
}

/* Refuse what is neither a file nor a directory, by the name that it has now. */
static void
refuse_kind(const char *path, mode_t mode)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 S_ISLNK(mode) ? errmsg("\"%s\" is a symbolic link", path)
			 : errmsg("\"%s\" is not a regular file", path),
			 S_ISLNK(mode) ? errdetail("Links are not followed: they lead to files that nobody may read this way.")
			 : errdetail("Migrations are read from regular files in directories."),
			 S_ISLNK(mode) ? errhint("Name the directory that it leads to, or put the files themselves there.")
			 : 0));
}

/* What could not be opened: because it is a link, or for the system's reason. */
static void
refuse_open(int parent, const char *name, const char *path)
{
	int			reason = errno;
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		refuse_kind(path, st.st_mode);
	errno = reason;
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not open \"%s\": %m", path)));
}

/* Open a directory in one that is open. */
static void
open_folder(Handle *handle, int parent, const char *name, const char *path)
{
	handle->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (handle->fd < 0)
		refuse_open(parent, name, path);
}

/*
 * Open a file in a directory that is open, and look at what was opened.  A
 * named pipe in its place must not make us wait.
 */
static void
open_file(Handle *handle, int parent, const char *name, const char *path, struct stat *st)
{
	handle->fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (handle->fd < 0)
		refuse_open(parent, name, path);
	if (fstat(handle->fd, st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", path)));
	if (!S_ISREG(st->st_mode))
		refuse_kind(path, st->st_mode);
}

/* Read to the end, but no more than what there was room made for; returns how much. */
static Size
read_all(int fd, char *content, Size room, const char *path)
{
	Size		length = 0;
	ssize_t		n;

	while ((n = read(fd, content + length, Min(room - length, READ_AT_ONCE))) != 0)
	{
		if (n < 0 && errno != EINTR)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", path)));
		length += Max(n, 0);
		if (length == room)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("file \"%s\" grew while it was read", path),
					 errhint("Call it again when the file is complete.")));
		CHECK_FOR_INTERRUPTS();
	}
	return length;
}

/* Add a file to the result. */
static void
read_file(Walk *walk, int parent, const char *name, const char *relative)
{
	MemoryContext own;
	Handle	   *handle = new_handle(&own);
	MemoryContext old = MemoryContextSwitchTo(own);
	char	   *path = shown(walk->base, relative);
	struct stat st;
	char	   *content;
	Size		length;

	open_file(handle, parent, name, path, &st);
	input_check_room(&walk->inputs, relative, st.st_size);
	/* one byte more than there is: who finds it filled knows of what came meanwhile */
	content = MemoryContextAllocHuge(walk->result, st.st_size + 1);
	length = read_all(handle->fd, content, st.st_size + 1, path);
	content[length] = '\0';
	MemoryContextSwitchTo(walk->result);
	input_add(&walk->inputs, pstrdup(relative), content, length);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(own);
}

static void read_folder(Walk *walk, int parent, const char *name, const char *relative, int depth);

/* Add what a name in a directory stands for; hidden ones are none of ours. */
static void
read_entry(Walk *walk, int folder, const char *name, const char *relative, int depth)
{
	char	   *inside = relative[0] ? psprintf("%s/%s", relative, name) : pstrdup(name);
	struct stat st;

	CHECK_FOR_INTERRUPTS();
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
	{
		/* gone since it was listed: as if it had never been there */
		if (errno == ENOENT)
			return;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", shown(walk->base, inside))));
	}
	if (S_ISDIR(st.st_mode))
		read_folder(walk, folder, name, inside, depth + 1);
	else if (S_ISREG(st.st_mode))
		read_file(walk, folder, name, inside);
	else
		refuse_kind(shown(walk->base, inside), st.st_mode);
}

/* Add all that is in an open directory. */
static void
read_entries(Walk *walk, Handle *handle, const char *relative, int depth)
{
	const char *path = relative[0] ? shown(walk->base, relative) : walk->base;
	struct dirent *entry;

	if (depth > MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("directory \"%s\" is more than %d folders deep", path, MAX_DEPTH)));
	handle->entries = fdopendir(handle->fd);
	if (!handle->entries)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open directory \"%s\": %m", path)));
	while (errno = 0, (entry = readdir(handle->entries)) != NULL)
		if (entry->d_name[0] != '.')
			read_entry(walk, dirfd(handle->entries), entry->d_name, relative, depth);
	if (errno != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read directory \"%s\": %m", path)));
}

/* Add all that is in a folder of an open directory. */
static void
read_folder(Walk *walk, int parent, const char *name, const char *relative, int depth)
{
	MemoryContext own;
	Handle	   *handle = new_handle(&own);
	MemoryContext old = MemoryContextSwitchTo(own);

	open_folder(handle, parent, name, shown(walk->base, relative));
	read_entries(walk, handle, relative, depth);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(own);
}

/*
 * Open the directory that a relative path leads to, one component after the
 * other, none of them a link.  path is shown in errors.
 */
static void
descend(Handle *handle, const char *relative, const char *path)
{
	char	   *rest = pstrdup(relative);
	char	   *component;

	while ((component = strsep(&rest, "/")) != NULL)
	{
		int			parent = handle->fd;

		if (component[0] == '\0' || strcmp(component, ".") == 0)
			continue;
		handle->fd = openat(parent, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (handle->fd < 0)
		{
			handle->fd = parent;
			refuse_open(parent, component, path);
		}
		close(parent);
	}
}

/* Refuse a name that leads up, wherever it would end. */
static void
check_no_way_up(const char *directory)
{
	char	   *rest = pstrdup(directory);
	char	   *component;

	while ((component = strsep(&rest, "/")) != NULL)
		if (strcmp(component, "..") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("directory \"%s\" leads up with \"..\"", directory)));
}

/* Refuse what cannot be the name of a directory. */
static void
check_name(const char *directory)
{
	if (directory[strspn(directory, " \t\r\n")] == '{')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is an object, not the name of a directory", "directory"),
				 errhint("Hand files over with files => '{\"V1__users.sql\": \"CREATE TABLE ...\"}'.")));
	if (directory[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", "directory"),
				 errhint("'.' is the directory of setting \"%s\" itself.", SETTING)));
	if (strlen(directory) > MAX_PATH_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" is longer than %d bytes", "directory", MAX_PATH_LENGTH)));
	check_no_way_up(directory);
}

/* Refuse callers who may not read files of the server. */
static void
check_may_read(void)
{
	if (migration_directory[0] == '\0' && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a directory of the server"),
				 errdetail("Setting \"%s\" is empty: only superusers read directories.", SETTING),
				 errhint("Ask a superuser to set it, or hand the files over with files => ...")));
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a directory of the server"),
				 errdetail("Role \"%s\" has no privileges of role \"%s\".", svc_role_name(GetUserId()),
						   "pg_read_server_files"),
				 errhint("Ask a superuser to grant it, or hand the files over with files => ...")));
}

/* The part of an absolute name that is inside another directory, or NULL. */
static const char *
inside(const char *directory, const char *outer)
{
	Size		length = strlen(outer);

	while (length > 0 && outer[length - 1] == '/')
		length--;
	if (strncmp(directory, outer, length) != 0 ||
		(directory[length] != '\0' && directory[length] != '/'))
		return NULL;
	return directory + length;
}

/* The part of a directory's name that is inside the one that we may read, which is *base. */
static const char *
bounded(const char *directory, const char **base)
{
	const char *relative;

	*base = migration_directory[0] ? migration_directory : "/";
	if (directory[0] != '/' && migration_directory[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("directory \"%s\" is relative, and setting \"%s\" is empty", directory, SETTING),
				 errhint("Name it from the root, or set the directory that it is in.")));
	relative = directory[0] == '/' ? inside(directory, *base) : directory;
	if (!relative)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("directory \"%s\" is outside of \"%s\"", directory, migration_directory),
				 errdetail("Setting \"%s\" says which directory migrations are read from.", SETTING)));
	return relative;
}

/* The files of a directory of the server and of the folders in it. */
List *
inputs_of_directory(const char *directory)
{
	Walk		walk = {CurrentMemoryContext};
	MemoryContext own;
	Handle	   *handle;
	const char *base;
	const char *relative;

	check_name(directory);
	check_may_read();
	relative = bounded(directory, &base);
	handle = new_handle(&own);
	MemoryContextSwitchTo(own);
	walk.base = directory[0] == '/' ? directory : shown(base, directory);
	/* the setting is the superuser's, and may well be a link */
	handle->fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (handle->fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open directory \"%s\": %m", base)));
	descend(handle, relative, walk.base);
	read_entries(&walk, handle, "", 0);
	MemoryContextSwitchTo(walk.result);
	MemoryContextDelete(own);
	return walk.inputs.files;
}

/* Is the setting empty, or a name from the root? */
static bool
check_setting(char **value, void **extra, GucSource source)
{
	if ((*value)[0] == '\0' || (*value)[0] == '/')
		return true;
	GUC_check_errdetail("It is the name of a directory from the root, or empty.");
	return false;
}

/* What inputs do when the library is loaded. */
void
InputInit(void)
{
	DefineCustomStringVariable(SETTING,
							   "The directory of the server that migrations are read from.",
							   "Names of directories are relative to it. Empty: only superusers read directories.",
							   &migration_directory, "", PGC_SUSET, 0, check_setting, NULL, NULL);
}
