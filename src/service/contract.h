/*
 * contract.h: what a service shows to others.
 */
#ifndef SVC_CONTRACT_H
#define SVC_CONTRACT_H

#include "service/service.h"

/* What is known of an entity by its view */
typedef struct ContractEntry
{
	Oid			relation;		/* the table behind it; a foreign one if it is remote */
	char	   *key;
	bool		remote;			/* of a connected service */
} ContractEntry;

extern bool contract_entry(Oid view, ContractEntry *entry);
extern bool contract_entry_named(const char *service, const char *entity, ContractEntry *entry);

/*
 * What stands on a contract besides queries: descriptions (strings) of what
 * needs an entity of a service, or, with NULL, any.  Called inside a scope of
 * the extension's owner.
 */
typedef List *(*ContractUsers) (const char *service, const char *entity);

extern void contract_register_users(ContractUsers users);

/* Called when views are granted to consumers */
extern void contract_register_granted(void (*granted) (void));
extern List *contract_users(const char *service, const char *entity);
extern void contract_tell_users(const char *service, const char *entity);

/* contract_check.c, and what contract.c adds to it */
extern void ContractInit(void);
extern void PublishInit(void);

extern void contract_check_no_consumers(const Service *service, bool force);
extern void contract_welcome_consumer(const char *consumer);
extern void contract_forget_consumer(const char *consumer);
extern void contract_lock(const char *service, const char *consumer);
extern void contract_drop(const Service *service);
extern void contract_grant(const char *service);
extern void contract_take_back(const char *service, const char *consumer);

#endif							/* SVC_CONTRACT_H */
