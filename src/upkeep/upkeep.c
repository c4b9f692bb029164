/*
 * upkeep.c: the parts of upkeep.
 */
#include "core/svc.h"

#include "core/relation.h"
#include "core/sql.h"
#include "upkeep/upkeep.h"
#include "utils/guc.h"

/* What upkeep does when the library is loaded. */
void
UpkeepInit(void)
{
	CounterInit();
	RetentionInit();
	UpdatedAtTriggerInit();
}

/*
 * Begin to change rows of a table as its owner, with its search_path.  Returns
 * what AtEOXact_GUC wants to end it.
 */
int
upkeep_begin_path_of(Oid relation)
{
	int			guc_level = NewGUCNestLevel();

	svc_sql_set("search_path", svc_search_path_of(relation));
	return guc_level;
}
