/*
 * folder.c: a folder of files, in any format.
 *
 * The first byte is the format; files are separated by the byte 1, a file's name
 * from its text by 2.  What is understood must be in order, without duplicates,
 * and made of the files.
 */
#include "fuzz.h"

#include "utils/fmgrprotos.h"

#include "migration/formats.h"

#define MAX_FILES 64

/* Take the files out of the input. */
static List *
read_inputs(const char *data, Size size)
{
	const char *end = data + size;
	List	   *inputs = NIL;

	while (data < end && list_length(inputs) < MAX_FILES)
	{
		const char *file_end = memchr(data, 1, end - data);
		const char *name_end;
		InputFile  *input = palloc(sizeof(InputFile));

		if (!file_end)
			file_end = end;
		name_end = memchr(data, 2, file_end - data);
		if (!name_end)
			name_end = file_end;
		input->name = pnstrdup(data, name_end - data);
		input->length = name_end < file_end ? file_end - name_end - 1 : 0;
		input->content = fuzz_copy(file_end - input->length, input->length);
		inputs = lappend(inputs, input);
		data = file_end + 1;
	}
	return inputs;
}

/* Is the file one that was handed over, as it was? */
static void
check_file(const MigrationFile *file, List *inputs)
{
	ListCell   *cell;
	bool		found = false;

	fuzz_check(file->description != NULL && file->checksum != NULL && file->present);
	fuzz_check((file->kind == KIND_CALLBACK) == (file->event != NULL));
	foreach(cell, inputs)
	{
		const InputFile *input = lfirst(cell);

		if (strcmp(input->name, file->script) == 0 && input->content == file->content &&
			input->length == file->size)
			found = true;
	}
	fuzz_check(found);
}

/* Do two files of a kind come in their order? */
static void
check_order(MigrationFormat format, const MigrationFile *a, const MigrationFile *b)
{
	if (a->kind != b->kind || !a->version || !b->version || format == FORMAT_DRIZZLE)
		return;
	fuzz_check(migration_compare(format, a->version, a->created_at, b->version,
								 b->created_at) < 0);
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	List	   *inputs;
	MigrationSet *set;

	if (size == 0)
		return;
	inputs = read_inputs(data + 1, size - 1);
	set = formats_read((MigrationFormat) ((uint8) *data % (FORMAT_GOLANG_MIGRATE + 1)), inputs);
	fuzz_check(set->format != FORMAT_AUTO);
	DirectFunctionCall1(jsonb_in, CStringGetDatum(set->settings));
	for (int i = 0; i < list_length(set->files); i++)
	{
		const MigrationFile *file = list_nth(set->files, i);

		fuzz_check(file->position == i + 1);
		check_file(file, inputs);
		if (i > 0)
			check_order(set->format, list_nth(set->files, i - 1), file);
	}
}

const FuzzTarget folder_target = {"folder", run};
