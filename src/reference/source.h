/*
 * source.h: where the rows of a foreign contract come from.
 */
#ifndef SVC_SOURCE_H
#define SVC_SOURCE_H

/* Of a contract, as the catalog has it now */
typedef struct Source
{
	Oid			server;			/* foreign server below it; the contract itself if there are several, or none */
	uint64		version;		/* changes with whatever decides which rows there are */
} Source;

extern void SourceInit(void);
extern Source source_of(Oid contract);

#endif							/* SVC_SOURCE_H */
