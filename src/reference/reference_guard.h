/*
 * reference_guard.h: references that users restore.
 */
#ifndef SVC_REFERENCE_GUARD_H
#define SVC_REFERENCE_GUARD_H

extern void ReferenceGuardInit(void);

#endif							/* SVC_REFERENCE_GUARD_H */
