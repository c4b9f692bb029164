/*
 * upkeep.c: the parts of upkeep.
 */
#include "core/svc.h"

#include "upkeep/upkeep.h"

/* What upkeep does when the library is loaded. */
void
UpkeepInit(void)
{
	CounterInit();
	RetentionInit();
	UpdatedAtTriggerInit();
}
