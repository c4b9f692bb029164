/*
 * store.h: what services keep outside PostgreSQL.
 */
#ifndef SVC_STORE_H
#define SVC_STORE_H

extern void StoreInit(void);

#endif							/* SVC_STORE_H */
