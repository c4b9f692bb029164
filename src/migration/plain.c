/*
 * plain.c: folders of plain SQL files, which no tool has made rules for.
 *
 * Digits at the beginning of a file's name are its version.  Files without
 * are run before all others, in the order of their names.
 */
#include "core/svc.h"

#include "migration/plain.h"

/* The description: the name without version, what separates the two, and the ending. */
static char *
plain_description(const char *base, Size digits)
{
	const char *words = base + digits + strspn(base + digits, "_-. ");
	Size		length = strlen(base) - strlen(".sql");

	if (words > base + length)
		words = base + length;
	return description_of(words, base + length - words);
}

/* Every file with the ending .sql is a migration. */
void
plain_read(Folder *folder)
{
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);
		const char *base = file_base_name(input->name);
		Size		digits = digits_length(base);

		if (file_name_ends_anyhow(base, ".sql"))
			folder_add(folder, input, KIND_VERSIONED,
					   digits > 0 ? pnstrdup(base, digits) : input->name,
					   plain_description(base, digits));
	}
}
