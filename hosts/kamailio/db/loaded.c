/* See loaded.h. */
#include <stdlib.h>

#include "loaded.h"

enum { PIECE_IDS = 4000 };

struct piece {
	struct piece *next;
	uint32_t count;
	struct parley_id ids[PIECE_IDS];
};

/* In shared memory, because two processes add to it one after the other. */
struct list {
	struct piece *first;
	uint32_t count;
};

static struct list *list;

int loaded_init(void)
{
	if (adapter.set.db.mode != 3)
		return 0;
	list = shm_malloc(sizeof(*list));
	if (!list) {
		SHM_MEM_ERROR;
		return -1;
	}
	*list = (struct list){0};
	return 0;
}

static bool make_room(void)
{
	struct piece *piece;

	if (list->first && list->first->count < PIECE_IDS)
		return true;
	piece = shm_malloc(sizeof(*piece));
	if (!piece)
		return false;
	piece->count = 0;
	piece->next = list->first;
	list->first = piece;
	return true;
}

void loaded_add(struct parley_id id)
{
	if (!list)
		return;
	if (!make_room()) {
		log_limited(LOG_CAUSE_DB, L_ERR,
			    "dialog %u.%u: no shared memory to note that it "
			    "was loaded; its row stays when the call is over\n",
			    id.entry, id.id);
		return;
	}
	list->first->ids[list->first->count++] = id;
	list->count++;
}

static int compare(const void *one, const void *other)
{
	const struct parley_id *a = one, *b = other;

	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

struct parley_id *loaded_sorted(uint32_t *countp)
{
	struct parley_id *sorted;

	*countp = 0;
	sorted = list && list->count > 0 ? malloc(list->count * sizeof(*sorted))
					 : NULL;
	if (!sorted)
		return NULL;
	for (const struct piece *piece = list->first; piece;
	     piece = piece->next) {
		memcpy(sorted + *countp, piece->ids,
		       piece->count * sizeof(*sorted));
		*countp += piece->count;
	}
	qsort(sorted, *countp, sizeof(*sorted), compare);
	return sorted;
}

bool loaded_has(const struct parley_id *sorted, uint32_t count,
		struct parley_id id)
{
	return count > 0 &&
	       bsearch(&id, sorted, count, sizeof(*sorted), compare);
}

void loaded_fini(void)
{
	while (list && list->first) {
		struct piece *piece = list->first;

		list->first = piece->next;
		shm_free(piece);
	}
	if (list)
		shm_free(list);
	list = NULL;
}
