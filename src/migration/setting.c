/*
 * setting.c: what a flyway.conf or a journal said about a folder.
 *
 * Kept as one JSON object, so that a format can bring what no other one knows.
 */
#include "core/svc.h"

#include "migration/script.h"
#include "migration/setting.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* The value of a setting, NULL where it is not there. */
static JsonbValue *
find(const MigrationSource *source, const char *name)
{
	Jsonb	   *settings = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
															  CStringGetDatum(source->settings)));

	if (!JB_ROOT_IS_OBJECT(settings))
		return NULL;
	return getKeyJsonValueFromContainer(&settings->root, name, strlen(name), NULL);
}

/* A setting as text, NULL where it is not there. */
char *
setting_text(const MigrationSource *source, const char *name)
{
	JsonbValue *value = find(source, name);

	return value ? variable_text(value) : NULL;
}

/* Is a setting there, and true? */
bool
setting_bool(const MigrationSource *source, const char *name)
{
	char	   *value = setting_text(source, name);

	return value && strcmp(value, "true") == 0;
}

/* The texts of a list. */
List *
setting_texts(const MigrationSource *source, const char *name)
{
	JsonbValue *list = find(source, name);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	List	   *texts = NIL;

	if (!list || list->type != jbvBinary)
		return NIL;
	iterator = JsonbIteratorInit(list->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM && variable_text(&value))
			texts = lappend(texts, variable_text(&value));
	return texts;
}

/* The members of an object, as variables. */
List *
setting_pairs(const MigrationSource *source, const char *name)
{
	JsonbValue *object = find(source, name);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	List	   *pairs = NIL;
	char	   *key = NULL;

	if (!object || object->type != jbvBinary)
		return NIL;
	iterator = JsonbIteratorInit(object->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = variable_text(&value);
		else if (token == WJB_VALUE && variable_text(&value))
		{
			ScriptVariable *pair = palloc(sizeof(ScriptVariable));

			pair->name = key;
			pair->value = variable_text(&value);
			pairs = lappend(pairs, pair);
		}
	}
	return pairs;
}
