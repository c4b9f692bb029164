/*
 * service.h: a service as the catalog knows it.
 */
#ifndef SVC_SERVICE_H
#define SVC_SERVICE_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/pg_list.h"

/* names of roles and of the contract schema are made from it: <name>_writer */
#define SERVICE_MAX_NAME 56

typedef struct Service
{
	char	   *name;
	char	   *form;			/* database, schema, logical */
	char	   *schema;			/* NULL for a logical service */
	Oid			owner;
	Oid			writer;
	Oid			reader;
	bool		adopted_schema; /* its schema counts whoever owns it */
	bool		adopted_database;	/* of form database: there before */
	bool		confirmed;		/* false: its own user restored it, and no superuser has looked at it */
} Service;

extern void ServiceInit(void);

extern Service *service_lookup(const char *name, bool missing_ok);
extern Service *service_of_schema(const char *schema);
extern Service *service_claiming_schema(const char *schema);
extern bool service_owns_schema(const Service *service, Oid schema);
extern List *service_list(void);

extern void service_check_owned_by(const Service *service, Oid user);
extern Service *service_of_row(HeapTuple row, TupleDesc desc);
extern void service_check_confirmed(const Service *service);

extern Service *svc_check_service_owner(const char *name);
extern Service *service_arg(FunctionCallInfo fcinfo, int i);

extern void service_hold(const char *service);
extern List *service_strings(uint64 rows);
extern char *service_joined(List *strings);
extern bool service_mentions(List *strings, const char *string);

extern char *service_contract_schema(const char *service);
extern bool service_form_is(const Service *service, const char *form);

#endif							/* SVC_SERVICE_H */
