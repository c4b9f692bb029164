/*
 * variable.h: values for placeholders.
 */
#ifndef SVC_MIGRATION_VARIABLE_H
#define SVC_MIGRATION_VARIABLE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A placeholder's name and value */
typedef struct ScriptVariable
{
	char	   *name;
	char	   *value;
} ScriptVariable;

/* An object of strings, numbers and truth values as a List of ScriptVariable; 22023 for others */
extern List *variables_of_jsonb(Datum variables);

/* A string, number or truth value as text; NULL for what is none */
extern char *variable_text(const JsonbValue *value);

/* The value of the last variable of this name, or NULL; anyhow: upper and lower case are the same */
extern const char *variable_value(List *variables, const char *name, bool anyhow);

#endif							/* SVC_MIGRATION_VARIABLE_H */
