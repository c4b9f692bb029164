/*
 * variable.c: values for placeholders.
 */
#include "core/svc.h"

#include "migration/variable.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

/* A scalar as text, NULL where it is none. */
char *
variable_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

/* The value of a variable; what has no plain form is refused. */
static char *
check_text(const char *name, const JsonbValue *value)
{
	char	   *text = variable_text(value);

	if (!text)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the variable \"%s\" is not a string", name),
				 errhint("Write variables => '{\"%s\": \"value\"}'.", name)));
	return text;
}

/* An object's members as variables. */
List *
variables_of_jsonb(Datum variables)
{
	Jsonb	   *object = DatumGetJsonbP(variables);
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	List	   *list = NIL;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("variables must be a JSON object"),
				 errhint("Write variables => '{\"name\": \"value\"}'.")));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		ScriptVariable *variable;

		if (token != WJB_KEY)
			continue;
		variable = palloc(sizeof(ScriptVariable));
		variable->name = pnstrdup(value.val.string.val, value.val.string.len);
		JsonbIteratorNext(&iterator, &value, true);
		variable->value = check_text(variable->name, &value);
		list = lappend(list, variable);
	}
	return list;
}

/* The value of the last variable of this name, or NULL. */
const char *
variable_value(List *variables, const char *name, bool anyhow)
{
	for (int i = list_length(variables) - 1; i >= 0; i--)
	{
		const ScriptVariable *variable = list_nth(variables, i);

		if ((anyhow ? pg_strcasecmp(variable->name, name) : strcmp(variable->name, name)) == 0)
			return variable->value;
	}
	return NULL;
}
