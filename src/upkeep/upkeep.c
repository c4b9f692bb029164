/*
 * upkeep.c: the parts of upkeep.
 */
#include "core/svc.h"

#include "upkeep/upkeep.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* What upkeep does when the library is loaded. */
void
UpkeepInit(void)
{
	CounterInit();
	RetentionInit();
	UpdatedAtTriggerInit();
}

/*
 * Begin to change rows of a table as its owner: with the search_path that its
 * service has, which the table's triggers may count on, and not with one that
 * the caller chose for them.  Returns what AtEOXact_GUC wants to end it.
 */
int
upkeep_begin_path_of(Oid relation)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relation));
	int			guc_level = NewGUCNestLevel();

	/* no schema: the table was dropped just now, which the change will find out */
	(void) set_config_option("search_path",
							 psprintf("%s, public, " SVC_TRIGGER_SCHEMA ", pg_temp",
									  schema ? quote_identifier(schema) : "pg_catalog"),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return guc_level;
}
