/*
 * remote_contract.h: views of what connected services publish.
 */
#ifndef SVC_REMOTE_CONTRACT_H
#define SVC_REMOTE_CONTRACT_H

#include "service/connection.h"

extern void remote_contract_sync(const char *service, List *asked, bool quiet);
extern void remote_contract_leave(const Connection *c);
extern List *remote_contract_differences(const Connection *c);

#endif							/* SVC_REMOTE_CONTRACT_H */
