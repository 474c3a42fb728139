/* See db_latest.h. */
#include <stdlib.h>

#include "db_latest.h"

static int compare(const void *one, const void *other)
{
	const struct db_change *a = one, *b = other;

	if (a->id.entry != b->id.entry)
		return a->id.entry < b->id.entry ? -1 : 1;
	if (a->id.id != b->id.id)
		return a->id.id < b->id.id ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

void db_changes_sort(struct db_change *changes, uint32_t count)
{
	if (count > 0)
		qsort(changes, count, sizeof(*changes), compare);
}

bool db_change_is_old(const struct db_change *changes, uint32_t count,
		      uint32_t at)
{
	return at + 1 < count &&
	       changes[at].id.entry == changes[at + 1].id.entry &&
	       changes[at].id.id == changes[at + 1].id.id;
}
