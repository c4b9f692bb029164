/*
 * body.h: what a PL/pgSQL trigger function does, if it is as simple as can be.
 */
#ifndef SVC_BODY_H
#define SVC_BODY_H

#include "nodes/pg_list.h"

extern List *body_timestamp_columns(const char *body);

#endif							/* SVC_BODY_H */
