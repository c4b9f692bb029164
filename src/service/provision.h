/*
 * provision.h: services come, change and go.
 */
#ifndef SVC_PROVISION_H
#define SVC_PROVISION_H

extern void ProvisionInit(void);

#endif							/* SVC_PROVISION_H */
