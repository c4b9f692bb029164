/*
 * reference_follow.c: references when what they stand on is renamed, moved,
 * attached, detached or dropped.
 */
#include "core/svc.h"

#include "reference/reference_follow.h"

/* What following does when the library is loaded. */
void
ReferenceFollowInit(void)
{
}
