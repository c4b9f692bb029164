/*
 * drop_extension.h: what happens before the extension is dropped.
 */
#ifndef SVC_DROP_EXTENSION_H
#define SVC_DROP_EXTENSION_H

#include "nodes/parsenodes.h"

extern bool svc_drops_extension(const DropStmt *command);
extern void svc_before_drop_extension(const DropStmt *command);

#endif							/* SVC_DROP_EXTENSION_H */
