/*
 * trigger.c: the trigger functions of references.
 */
#include "core/svc.h"

#include "commands/trigger.h"
#include "reference/reference.h"

SVC_FUNCTION(svc_check_reference);
SVC_FUNCTION(svc_check_reference_row);

Datum
svc_check_reference(PG_FUNCTION_ARGS)
{
	return PointerGetDatum(NULL);
}

Datum
svc_check_reference_row(PG_FUNCTION_ARGS)
{
	return PointerGetDatum(NULL);
}
