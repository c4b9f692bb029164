/*
 * session.c: sessions of our own background workers, as superuser, in databases
 * that belong to others.
 */
#include "core/svc.h"

#include "catalog/pg_authid.h"
#include "core/session.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"

/*
 * Whose settings must not be what the database's or the role's owner made them:
 * a job as superuser runs in databases that belong to others.
 */
static const char *const own_settings[][2] = {
	{"role", "none"},
	{"search_path", "pg_catalog, pg_temp"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"quote_all_identifiers", "off"},
	{"synchronous_commit", "on"},
	{"default_transaction_read_only", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_tablespace", ""},
	{"default_table_access_method", "heap"},
	{"statement_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"row_security", "on"},
	{"check_function_bodies", "on"},
	{"password_encryption", "scram-sha-256"},
	{"scram_iterations", "4096"},
	{"lock_timeout", "30s"}
};

/* Set a setting of this session, where this server has it. */
void
svc_session_set(const char *name, const char *value)
{
	if (GetConfigOption(name, true, false))
		SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

/*
 * Make a session ours, whatever the database's owner set for it.  Inside a
 * transaction.
 */
void
svc_session_own_settings(void)
{
	svc_session_set("session_authorization", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false));
	for (int i = 0; i < lengthof(own_settings); i++)
		svc_session_set(own_settings[i][0], own_settings[i][1]);
}

/*
 * Make it ours again after it ran code of others, which can change any setting
 * that everybody may.  Inside a transaction.
 */
void
svc_session_reset(void)
{
	ResetAllOptions();
	svc_session_own_settings();
	svc_session_set("client_encoding", GetDatabaseEncodingName());
}
