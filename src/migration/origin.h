/*
 * origin.h: where in a file a text that was made from it comes from.
 *
 * A list of spans: what was taken over as it is, and what replaces something,
 * all of which comes from the place of what it replaces.
 */
#ifndef SVC_MIGRATION_ORIGIN_H
#define SVC_MIGRATION_ORIGIN_H

typedef struct OriginSpan
{
	Size		made;			/* where the span begins in the text that was made */
	Size		source;			/* in the file */
	bool		as_it_is;
} OriginSpan;

typedef struct Origin
{
	OriginSpan *spans;
	int			n;
	int			allocated;
} Origin;

extern void origin_reset(Origin *origin);
extern void origin_add(Origin *origin, Size made, Size source, bool as_it_is);
extern Size origin_of(const Origin *origin, Size made);

#endif							/* SVC_MIGRATION_ORIGIN_H */
