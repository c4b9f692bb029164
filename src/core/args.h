/*
 * args.h: arguments of functions, checked alike everywhere.
 */
#ifndef SVC_ARGS_H
#define SVC_ARGS_H

#include "utils/array.h"

/* more than any sentence needs, less than what hurts */
#define SVC_MAX_TEXT 10000
#define SVC_MAX_RELATIONS 100000

extern void svc_arg_check_given(FunctionCallInfo fcinfo, int i, const char *what);
extern char *svc_arg_name(FunctionCallInfo fcinfo, int i, const char *what);
extern char *svc_arg_name_or_null(FunctionCallInfo fcinfo, int i, const char *what);
extern char *svc_arg_text(FunctionCallInfo fcinfo, int i, const char *what);
extern char *svc_arg_text_or_null(FunctionCallInfo fcinfo, int i, const char *what);
extern bool svc_arg_bool(FunctionCallInfo fcinfo, int i, const char *what);
extern Oid	svc_arg_relation(FunctionCallInfo fcinfo, int i, const char *what);
extern Datum *svc_arg_array(FunctionCallInfo fcinfo, int i, const char *what, Oid type,
							int max, int *n);

extern char *svc_role_name(Oid role);

#endif							/* SVC_ARGS_H */
