/*
 * updated_at.h: columns that hold the time of the last change.
 */
#ifndef SVC_UPDATED_AT_H
#define SVC_UPDATED_AT_H

#include "utils/rel.h"

/* the column that is set where a trigger names none, and the argument that is no column */
#define UPDATED_AT_DEFAULT "updated_at"
#define UPDATED_AT_ON_CHANGE "on change"

extern bool updated_at_type(Oid type);
extern AttrNumber updated_at_column(Relation rel, const char *column);

#endif							/* SVC_UPDATED_AT_H */
