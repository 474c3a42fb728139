/* store.c - the simulated writer and database, and crashes (store.h) */
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "tell.h"

enum { AREA = PARLEY_STORE_MIN };

static void *memory(size_t size)
{
	void *made = aligned_alloc(4096, (size + 4095) / 4096 * 4096);

	if (made == NULL)
		abort();
	memset(made, 0, size);
	return made;
}

void store_plan(struct sim *sim)
{
	struct store *store = &sim->store;

	store->rng.state = sim->seed ^ 0xbb67ae8584caa73bu;
	store->on =
		sim->options.crashes ||
		(sim->options.letters == 0 && sim->options.fail_count == 0 &&
		 !sim->options.canary && sim->seed / SIM_KINDS % 4 == 3);
	if (!store->on)
		return;
	store->keep = rng_chance(&store->rng, sim->options.crashes ? 600 : 300);
	store->look_permille = sim->options.crashes ? 1000 : 10;
	store->crash_permille = sim->options.crashes ? 40 : 5;
	store->area = memory(AREA);
	store->copy = memory(AREA);
	store->cut = cut_make(sim->seed, AREA);
	store->model = memory(sizeof(*store->model));
	store->actions = memory(MODEL_DIALOGS * sizeof(*store->actions));
}

static void open_on(struct sim *sim, char *area)
{
	const struct parley_store_config config = {
		.area = area, .bytes = AREA, .keep_replaced = sim->store.keep};
	int rc = parley_store_open(sim->engine, sim_now(sim), &config);

	if (rc != 0)
		sim_fail(sim, "store_open(): %s", parley_error_text(rc));
}

void store_open(struct sim *sim)
{
	if (sim->store.on)
		open_on(sim, sim->store.area);
}

static void row_free(struct row *row)
{
	free(row->buffer);
	*row = (struct row){0};
}

void store_fini(struct store *store)
{
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		row_free(&store->row[i]);
	for (uint32_t i = 0; i < TAKEN_MAX; i++)
		row_free(&store->taken[i].row);
	if (store->on)
		host_fini(&store->host);
	free(store->area);
	free(store->copy);
	free(store->model);
	free(store->actions);
	cut_free(store->cut);
	*store = (struct store){.looks = store->looks,
				.crashes = store->crashes,
				.cuts = store->cuts};
}

/* ------------------------------------------------------------- writer */

static struct row *row_find(struct store *store, struct parley_id id)
{
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		if (store->row[i].used &&
		    id_equal(store->row[i].image.view.id, id))
			return &store->row[i];
	return NULL;
}

static struct row *row_new(struct sim *sim)
{
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		if (!sim->store.row[i].used)
			return &sim->store.row[i];
	sim_fail(sim, "the database has rows of %u calls", ROWS_MAX);
}

/* Into the database, for good. */
static void apply(struct sim *sim, struct taken *taken)
{
	struct parley_id id = taken->record.image.view.id;
	struct row *row = row_find(&sim->store, id);

	if (row != NULL && !taken->record.known)
		sim_fail(sim, "%u.%u is in the database, its record says not",
			 id.entry, id.id);
	if (row != NULL)
		row_free(row);
	if (taken->record.gone)
		return;
	row = row_new(sim);
	*row = taken->row;
	taken->row = (struct row){0};
}

static void take(struct sim *sim)
{
	struct store *store = &sim->store;
	struct taken *taken = &store->taken[store->taken_count];
	char *buffer = malloc(ROW_BYTES);
	int rc;

	if (buffer == NULL)
		abort();
	rc = parley_store_take(sim->engine, sim_now(sim), &taken->record,
			       buffer, ROW_BYTES, NULL);
	if (rc != 1) {
		free(buffer);
		if (rc != 0)
			sim_fail(sim, "store_take(): %s",
				 parley_error_text(rc));
		return;
	}
	taken->row = (struct row){.used = true,
				  .at_ms = sim->now_ms,
				  .ticket = taken->record.ticket,
				  .crashes = store->crashes,
				  .image = taken->record.image,
				  .buffer = buffer};
	store->taken_count++;
	sim_event(sim, "  take %s of %u.%u, state %u",
		  taken->record.gone ? "end" : "record",
		  taken->record.image.view.id.entry,
		  taken->record.image.view.id.id,
		  taken->record.image.view.state);
}

static void forget(struct store *store, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		row_free(&store->taken[i].row);
	store->taken_count -= count;
	memmove(&store->taken[0], &store->taken[count],
		store->taken_count * sizeof(store->taken[0]));
	memset(&store->taken[store->taken_count], 0,
	       count * sizeof(store->taken[0]));
}

/* Some of those that were taken first are committed, or not, or who knows. */
static void commit(struct sim *sim, uint32_t count)
{
	struct store *store = &sim->store;
	bool there = rng_chance(&store->rng, 800);
	bool known = there && rng_chance(&store->rng, 900);

	for (uint32_t i = 0; there && i < count; i++)
		apply(sim, &store->taken[i]);
	for (uint32_t i = 0; i < count; i++)
		parley_store_done(sim->engine, store->taken[i].record.ticket,
				  known);
	sim_event(sim, "  commit of %u: %s", count,
		  known	  ? "done"
		  : there ? "done, but nobody knows"
			  : "failed");
	forget(store, count);
}

static void writer_step(struct sim *sim)
{
	struct store *store = &sim->store;

	if (store->keep && rng_chance(&store->rng, 300))
		cut_flush(sim);
	if (store->taken_count < TAKEN_MAX && rng_chance(&store->rng, 600))
		take(sim);
	else if (store->taken_count > 0)
		commit(sim, rng_range(&store->rng, 1, store->taken_count));
}

/* ------------------------------------------------------------- a look */

/* Any other hash_size may come with a start. */
static void config_anew(struct sim *sim)
{
	struct parley_config *config = &sim->config;
	struct rng *rng = &sim->store.rng;

	if (rng_chance(rng, 500))
		return;
	config->hash_size = 1u << rng_below(rng, 13);
	config->shards = rng_chance(rng, 700) ? 0 : 1u << rng_below(rng, 2);
	if (config->shards > config->hash_size)
		config->shards = config->hash_size;
}

static void engine_anew(struct sim *sim, struct host *host, char *area)
{
	struct parley_host filled;
	int rc;

	config_anew(sim);
	host_fill(host, parley_locks(&sim->config), &filled);
	rc = parley_create(&filled, &sim->config, &sim->engine);
	if (rc != 0)
		sim_fail(sim, "create: %s", parley_error_text(rc));
	if (sim->values && parley_index_values(sim->engine) != 0)
		sim_fail(sim, "values cannot be indexed");
	open_on(sim, area);
}

void store_look_at(struct sim *sim, char *area, void (*see)(struct sim *sim))
{
	struct store *store = &sim->store;
	struct parley *engine = sim->engine;
	struct parley_config config = sim->config;
	uint32_t wants[SUBSCRIBERS];

	store->looking = true;
	memcpy(wants, sim->wants, sizeof(wants));
	memset(sim->wants, 0, sizeof(sim->wants));
	*store->model = sim->model;
	host_init(&store->host, &sim->host.owner, sim->seed);
	engine_anew(sim, &store->host, area);
	see(sim);
	parley_destroy(sim->engine);
	host_fini(&store->host);
	sim->engine = engine;
	sim->config = config;
	sim->model = *store->model;
	store->looking = false;
	memcpy(sim->wants, wants, sizeof(wants));
}

static void look(struct sim *sim)
{
	struct store *store = &sim->store;

	store->looks++;
	memcpy(store->copy, store->area, AREA);
	store_look_at(sim, store->copy, reload);
}

void store_look_sometimes(struct sim *sim)
{
	struct store *store = &sim->store;
	uint32_t permille = store->look_permille;

	/* The calm at the end of a world is long. */
	if (sim->quiet)
		permille /= 20;
	if (store->on && !store->looking && rng_chance(&store->rng, permille))
		look(sim);
}

/* ------------------------------------------------------------- a crash */

/* What has not got to its end may have got anywhere; the order of two records
 * of one call is kept. */
static void apply_some(struct sim *sim)
{
	struct store *store = &sim->store;

	for (uint32_t i = 0; i < store->taken_count; i++) {
		struct parley_id id = store->taken[i].record.image.view.id;
		bool before = true;

		for (uint32_t k = 0; k < i; k++)
			before =
				before &&
				(store->taken[k].row.buffer == NULL ||
				 !id_equal(store->taken[k].record.image.view.id,
					   id));
		if (before && rng_chance(&store->rng, 500)) {
			apply(sim, &store->taken[i]);
			row_free(&store->taken[i].row);
		}
	}
	forget(store, store->taken_count);
}

/* Transactions, notes and what processes were about to do are gone. */
static void proxy_dies(struct sim *sim)
{
	memset(&sim->notes, 0, sizeof(sim->notes));
	memset(sim->pending, 0, sizeof(sim->pending));
	memset(sim->slow, 0, sizeof(sim->slow));
	memset(sim->own, 0, sizeof(sim->own));
	for (uint32_t i = 0; i < CALLS_MAX; i++) {
		struct proxy_call *proxy = &sim->proxy[i];

		proxy->alive = proxy->held = proxy->ended = false;
		memset(proxy->ours, 0, sizeof(proxy->ours));
		memset(proxy->relayed, 0, sizeof(proxy->relayed));
		sim->calls[i].tainted = true;
	}
}

static void crash(struct sim *sim)
{
	const struct host_owner owner = sim->host.owner;
	uint32_t permille = sim->host.fail_permille;

	sim_event(sim, "all processes are killed");
	sim->store.crashes++;
	cut_crash(sim);
	apply_some(sim);
	host_fini(&sim->host);
	host_init(&sim->host, &owner, rng_next(&sim->store.rng));
	sim->failures_seen = 0;
	proxy_dies(sim);
	engine_anew(sim, &sim->host, sim->store.area);
	told_subscribe(sim);
	reload(sim);
	parley_set_trace(sim->engine, sim_trace, sim);
	sim->host.fail_permille = permille;
	/* A look has actions of its own. */
	sim->store.looking = true;
	for (uint32_t i = 0; i < sim->store.actions_count; i++)
		proxy_run(sim, &sim->store.actions[i],
			  proxy_find(sim, sim->store.actions[i].id));
	sim->store.looking = false;
}

void store_step(struct sim *sim)
{
	struct store *store = &sim->store;

	if (!store->on)
		return;
	if (rng_chance(&store->rng, 150))
		writer_step(sim);
	store_look_sometimes(sim);
	cut_step(sim);
	if (!sim->quiet && rng_chance(&store->rng, store->crash_permille))
		crash(sim);
}

void store_end(struct sim *sim)
{
	struct store *store = &sim->store;
	struct parley_store_stats stats;

	if (!store->on)
		return;
	for (int i = 0; i < 10000; i++) {
		writer_step(sim);
		parley_store_get_stats(sim->engine, sim_now(sim), &stats);
		if (stats.waiting + stats.taken == 0)
			break;
	}
	if (stats.waiting + stats.taken + stats.unrecorded > 0)
		sim_fail(sim, "the journal is not empty in the end");
	for (uint32_t i = 0; i < ROWS_MAX; i++)
		if (store->row[i].used)
			sim_fail(sim, "rows of %u.%u are left",
				 store->row[i].image.view.id.entry,
				 store->row[i].image.view.id.id);
}
