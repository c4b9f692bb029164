/*
 * resolve.h: what the names of a reference stand for.
 */
#ifndef SVC_REFERENCE_RESOLVE_H
#define SVC_REFERENCE_RESOLVE_H

#include "reference/reference.h"

extern char *reference_contract_name(const char *service, const char *entity);
extern Oid	reference_relation_of_name(const char *name, char **service_schema, char **entity);
extern char *reference_key_of(Oid contract);
extern char *reference_key_named(const char *service, const char *entity);
extern bool reference_reads_foreign(Oid relation);
extern Oid	reference_element_type(Oid column_type, bool *is_array);
extern Oid	reference_equality(Oid key_type, Oid *stored_type);
extern Oid	reference_validator_of(const char *signature);
extern Oid	reference_run_as(Oid relation);
extern bool reference_trusts_contract(Oid contract, const char *service, Oid run_as);

#endif							/* SVC_REFERENCE_RESOLVE_H */
