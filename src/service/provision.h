/*
 * provision.h: services come and change.
 */
#ifndef SVC_PROVISION_H
#define SVC_PROVISION_H

#include "service/request.h"
#include "service/service.h"

extern void ProvisionInit(void);

extern const char *provision_here(Request *r);
extern void provision_check(Request *r);
extern void provision_check_extension(const Request *r, const char *extension);
extern bool provision_is_registered(const Request *r);

extern void provision_lock(void);
extern void provision_check_visible(const Service *service);

#endif							/* SVC_PROVISION_H */
