/*
 * svc.h: what every file of the extension includes first.
 */
#ifndef SVC_H
#define SVC_H

#include "postgres.h"
#include "fmgr.h"

#include "core/compat.h"

#define SVC_EXTENSION "svc_ownership"
#define SVC_SCHEMA "svc"
#define SVC_TRIGGER_SCHEMA "svc_triggers"

/*
 * Everything is compiled with hidden visibility, so that no symbol of ours can
 * collide with another library's.  What SQL calls is exported by this.
 */
#define SVC_FUNCTION(name) \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

#endif							/* SVC_H */
