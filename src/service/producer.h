/*
 * producer.h: a connected service: what it is asked, and what it tells.
 */
#ifndef SVC_PRODUCER_H
#define SVC_PRODUCER_H

#include "service/connection.h"
#include "service/link.h"

/* An entity of a connected service */
typedef struct RemoteEntity
{
	char	   *entity;
	char	   *key;
	List	   *columns;		/* names */
	List	   *types;			/* OIDs of types here */
	List	   *typmods;
	char	   *unknown;		/* a column with a type that is not here, or NULL */
	Oid			relation;		/* the foreign table, or InvalidOid where there is none yet */
	Oid			view;
	List	   *consumers;		/* names of services here */
} RemoteEntity;

extern void ProducerInit(void);

extern char *producer_ask(const Connection *c, const LinkRequest *request);
extern void producer_make_channel(const Connection *c);
extern void producer_open_channel(const Connection *c);
extern void producer_close_channel(const Connection *c);
extern void producer_drop_channel(const Connection *c);
extern List *producer_entities(const Connection *c);
extern bool producer_knows_login(const Connection *c);

#endif							/* SVC_PRODUCER_H */
