/*
 * origin.c: where in a file a text that was made from it comes from.
 */
#include "core/svc.h"

#include "migration/origin.h"

/* Forget all spans. */
void
origin_reset(Origin *origin)
{
	origin->n = 0;
}

/* The text goes on with a span; where it only carries on, nothing is written. */
void
origin_add(Origin *origin, Size made, Size source, bool as_it_is)
{
	const OriginSpan *last = origin->n > 0 ? &origin->spans[origin->n - 1] : NULL;

	if (last && last->as_it_is && as_it_is && made - last->made == source - last->source)
		return;
	if (origin->n == origin->allocated)
	{
		int			allocated = Max(16, origin->allocated * 2);

		origin->spans = origin->spans ?
			repalloc_huge(origin->spans, mul_size(allocated, sizeof(OriginSpan))) :
			palloc(mul_size(allocated, sizeof(OriginSpan)));
		origin->allocated = allocated;
	}
	origin->spans[origin->n++] = (OriginSpan) {made, source, as_it_is};
}

/* The place in the file of a place in the text. */
Size
origin_of(const Origin *origin, Size made)
{
	int			low = 0;
	int			high = origin->n - 1;
	const OriginSpan *span;

	if (origin->n == 0)
		return made;
	while (low < high)
	{
		int			middle = low + (high - low + 1) / 2;

		if (origin->spans[middle].made <= made)
			low = middle;
		else
			high = middle - 1;
	}
	span = &origin->spans[low];
	return span->as_it_is && made > span->made ? span->source + (made - span->made) : span->source;
}
