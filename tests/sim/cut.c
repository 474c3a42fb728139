/* See cut.h. */
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "tell.h"

enum {
	PAGE = 4096,
	LIVES_MAX = 4096,
	END_PERMILLE = 400, /* of a flush that is under way */
};

/* Where a start would take a call from. */
struct source {
	bool back, gone;
	uint64_t ticket; /* of the record, or with which the row was written;
			  * 0: before the last crash */
};

struct life {
	struct parley_id id;
	uint32_t now; /* of a renamed one: the other's index + 1 */
	/* When the last flush began, and the one under way. */
	struct source flushed, flushing;
	bool lived, over, lives, is_over;
	struct source found;
};

struct cut {
	struct rng rng;
	size_t bytes;
	char *disk, *left;
	bool *dirty;   /* pages that the flush has not written yet */
	uint64_t mark; /* of the flush; 0: there is none */
	struct life life[LIVES_MAX];
	uint32_t count;
};

static void *pages(size_t bytes)
{
	void *made = aligned_alloc(PAGE, bytes);

	if (made == NULL)
		abort();
	memset(made, 0, bytes);
	return made;
}

struct cut *cut_make(uint64_t seed, size_t bytes)
{
	struct cut *cut = calloc(1, sizeof(*cut));

	if (cut == NULL)
		abort();
	cut->rng.state = seed ^ 0xa54ff53a5f1d36f1u;
	cut->bytes = bytes;
	cut->disk = pages(bytes);
	cut->left = pages(bytes);
	cut->dirty = calloc(bytes / PAGE, sizeof(*cut->dirty));
	if (cut->dirty == NULL)
		abort();
	return cut;
}

void cut_free(struct cut *cut)
{
	if (cut == NULL)
		return;
	free(cut->disk);
	free(cut->left);
	free(cut->dirty);
	free(cut);
}

/* ------------------------------------------------------------- lives */

static struct life *life_find(struct cut *cut, struct parley_id id)
{
	for (uint32_t i = cut->count; i-- > 0;)
		if (id_equal(cut->life[i].id, id))
			return cut->life[i].now != 0
				       ? &cut->life[cut->life[i].now - 1]
				       : &cut->life[i];
	return NULL;
}

static struct life *life_add(struct sim *sim, struct parley_id id)
{
	struct cut *cut = sim->store.cut;

	if (cut->count == LIVES_MAX)
		sim_fail(sim, "more than %u calls in one world", LIVES_MAX);
	cut->life[cut->count] = (struct life){.id = id};
	return &cut->life[cut->count++];
}

static bool lives(struct sim *sim, const struct life *life)
{
	const struct model_dialog *dialog = model_find(&sim->model, life->id);

	return dialog != NULL && dialog->state != PARLEY_STATE_DELETED;
}

static void look_for_lives(struct sim *sim)
{
	for (uint32_t i = 0; i < MODEL_DIALOGS; i++) {
		const struct model_dialog *dialog = &sim->model.dialog[i];

		if (dialog->used && dialog->state != PARLEY_STATE_DELETED &&
		    life_find(sim->store.cut, dialog->id) == NULL)
			(void)life_add(sim, dialog->id);
	}
}

void cut_renamed(struct sim *sim, struct parley_id was, struct parley_id id)
{
	struct cut *cut = sim->store.cut;
	struct life *old = life_find(cut, was);
	struct life *life = life_add(sim, id);

	if (old == NULL)
		return;
	*life = *old;
	life->id = id;
	/* The end of the old one may get to the disk first: such a call can
	 * be lost until the first flush after a start. */
	life->lived = life->lives = false;
	for (uint32_t i = 0; i + 1 < cut->count; i++)
		if (&cut->life[i] == old ||
		    cut->life[i].now == (uint32_t)(old - cut->life) + 1)
			cut->life[i].now = cut->count;
}

/* ------------------------------------------------------------- a start */

static void import(struct sim *sim, const struct parley_image *image,
		   uint64_t ticket)
{
	struct life *life = life_find(sim->store.cut, image->view.id);
	struct parley_actions actions;
	int rc = parley_import(sim->engine, sim_now(sim), image, &actions);

	if (rc != 0 && rc != PARLEY_E_OLD)
		sim_fail(sim, "after a power cut %u.%u cannot be read: %s",
			 image->view.id.entry, image->view.id.id,
			 parley_error_text(rc));
	if (life == NULL || life->found.back)
		return;
	life->found.back = true;
	life->found.ticket = ticket;
}

static void load_rows(struct sim *sim, const struct parley_id *gone,
		      uint32_t count)
{
	for (uint32_t i = 0; i < ROWS_MAX; i++) {
		const struct row *row = &sim->store.row[i];
		struct parley_image image = row->image;
		bool deleted = false;

		for (uint32_t k = 0; k < count; k++)
			deleted |= id_equal(gone[k], image.view.id);
		if (!row->used || deleted)
			continue;
		image.stored = true;
		image.record = 0;
		import(sim, &image,
		       row->crashes == sim->store.crashes ? row->ticket : 0);
	}
}

/* What the engine, just made on some area, and the rows bring back. */
static void start(struct sim *sim)
{
	_Alignas(16) static char buffer[ROW_BYTES];
	struct cut *cut = sim->store.cut;
	struct parley_id gone[ROWS_MAX];
	struct parley_record record;
	uint32_t cursor = 0, count = 0;
	const char *fault;
	int rc;

	for (uint32_t i = 0; i < cut->count; i++)
		cut->life[i].found = (struct source){0};
	while ((rc = parley_store_next(sim->engine, sim_now(sim), &cursor,
				       &record, buffer, sizeof(buffer),
				       NULL)) == 1) {
		if (!record.gone) {
			import(sim, &record.image, record.ticket);
		} else if (count == ROWS_MAX) {
			sim_fail(sim, "more than %u ends", ROWS_MAX);
		} else {
			gone[count++] = record.image.view.id;
		}
	}
	if (rc != 0)
		sim_fail(sim, "store_next() after a power cut: %s",
			 parley_error_text(rc));
	load_rows(sim, gone, count);
	fault = parley_check(sim->engine);
	if (fault)
		sim_fail(sim, "after a power cut: %s", fault);
}

/* ------------------------------------------------------------- the disk */

static void write_page(struct sim *sim, size_t page)
{
	struct cut *cut = sim->store.cut;

	memcpy(cut->disk + page * PAGE, sim->store.area + page * PAGE, PAGE);
	cut->dirty[page] = false;
}

/* The kernel writes when it likes. */
static void write_some(struct sim *sim)
{
	struct cut *cut = sim->store.cut;
	size_t count = cut->bytes / PAGE;
	size_t page = rng_below(&cut->rng, (uint32_t)count);

	if (!rng_chance(&cut->rng, cut->mark != 0 ? 700 : 100))
		return;
	for (size_t i = 0; i < count; i++, page = (page + 1) % count) {
		if (memcmp(cut->disk + page * PAGE,
			   sim->store.area + page * PAGE, PAGE) == 0)
			continue;
		write_page(sim, page);
		if (rng_chance(&cut->rng, 500))
			return;
	}
}

static void flush_begins(struct sim *sim)
{
	struct cut *cut = sim->store.cut;

	cut->mark = parley_store_mark(sim->engine);
	look_for_lives(sim);
	memcpy(cut->left, sim->store.area, cut->bytes);
	for (size_t i = 0; i < cut->bytes / PAGE; i++)
		cut->dirty[i] = true;
	store_look_at(sim, cut->left, start);
	for (uint32_t i = 0; i < cut->count; i++) {
		struct life *life = &cut->life[i];

		life->flushing = life->found;
		life->lives = lives(sim, life);
		life->is_over = !life->lives;
		if (life->now == 0 && life->lives != life->found.back)
			sim_fail(sim, "a flush has %u.%u wrongly",
				 life->id.entry, life->id.id);
	}
	sim_event(sim, "  a flush begins");
}

static void flush_ends(struct sim *sim)
{
	struct cut *cut = sim->store.cut;

	for (size_t i = 0; i < cut->bytes / PAGE; i++)
		if (cut->dirty[i])
			write_page(sim, i);
	for (uint32_t i = 0; i < cut->count; i++) {
		struct life *life = &cut->life[i];

		life->flushed = life->flushing;
		life->lived = life->lives;
		life->over = life->is_over;
	}
	sim_event(sim, "  the flush is done");
	parley_store_synced(sim->engine, cut->mark);
	cut->mark = 0;
}

void cut_flush(struct sim *sim)
{
	struct cut *cut = sim->store.cut;

	if (cut->mark == 0)
		flush_begins(sim);
	else if (rng_chance(&cut->rng, END_PERMILLE))
		flush_ends(sim);
}

/* Numbers of tickets begin anew. */
void cut_crash(struct sim *sim)
{
	struct cut *cut = sim->store.cut;

	cut->mark = 0;
	for (uint32_t i = 0; i < cut->count; i++) {
		struct life *life = &cut->life[i];

		life->flushed.ticket = life->flushing.ticket = 0;
		life->lives = life->is_over = false;
	}
}

/* ------------------------------------------------------------- a cut */

static bool has_row(const struct sim *sim, struct parley_id id)
{
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		if (sim->store.row[i].used &&
		    id_equal(sim->store.row[i].image.view.id, id))
			return true;
	return false;
}

static void judge(struct sim *sim, const struct life *life)
{
	const struct store *store = &sim->store;
	const struct source *found = &life->found;
	bool promised = store->keep ? life->lived : has_row(sim, life->id);

	if (promised && lives(sim, life) && !found->back)
		sim_fail(sim, "a power cut has taken %u.%u away",
			 life->id.entry, life->id.id);
	if (!store->keep || !found->back)
		return;
	if (life->over)
		sim_fail(sim, "a power cut has brought %u.%u back",
			 life->id.entry, life->id.id);
	if (found->ticket < life->flushed.ticket)
		sim_fail(sim, "after a power cut %u.%u is older than it was",
			 life->id.entry, life->id.id);
}

static void look(struct sim *sim)
{
	static const uint32_t permilles[] = {0, 100, 500, 900};
	struct cut *cut = sim->store.cut;
	uint32_t newer = permilles[rng_below(&cut->rng, 4)];

	look_for_lives(sim);
	for (size_t at = 0; at < cut->bytes; at += PAGE)
		memcpy(cut->left + at,
		       (rng_chance(&cut->rng, newer) ? sim->store.area
						     : cut->disk) +
			       at,
		       PAGE);
	store_look_at(sim, cut->left, start);
	for (uint32_t i = 0; i < cut->count; i++)
		if (cut->life[i].now == 0)
			judge(sim, &cut->life[i]);
	sim->store.cuts++;
}

void cut_step(struct sim *sim)
{
	uint32_t permille = sim->options.crashes ? 500 : 10;

	look_for_lives(sim);
	write_some(sim);
	if (sim->store.keep && sim->options.crashes &&
	    rng_chance(&sim->store.cut->rng, 300))
		cut_flush(sim);
	/* The calm at the end of a world is long. */
	if (rng_chance(&sim->store.cut->rng,
		       sim->quiet ? permille / 20 : permille))
		look(sim);
}
