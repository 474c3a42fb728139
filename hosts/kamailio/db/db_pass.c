/* See db_pass.h. */
#include <stdlib.h>
#include <time.h>

#include "core/globals.h"

#include "db_pass.h"
#include "late.h"
#include "loaded.h"
#include "scripted.h"
#include "text.h"

enum {
	LINES_MAX = 100, /* about damaged rows, each time that is loaded */
	KEPT_SHARE = 8,	 /* of the shared memory, for new calls */
};

struct db_pass db_pass;

/* ------------------------------------------------ what is said */

int pass_no_memory(void)
{
	log_limited(LOG_CAUSE_DB, L_ERR,
		    "database: no memory to load dialogs\n");
	return DB_REFUSED;
}

static void say(struct load *load, const struct which *which,
		const char *column, const char *fault)
{
	const str *table = db_layout(which->table)->name;

	if (load->lines++ >= LINES_MAX)
		return;
	LM_WARN("database: row %llu of %.*s (dialog %u.%u, Call-ID %.*s): "
		"%s%s%s\n",
		(unsigned long long)which->key, table->len, table->s,
		which->id.entry, which->id.id, (int)which->callid.len,
		which->callid.len > 0 ? which->callid.s : "", column,
		column[0] ? " " : "", fault);
}

static void damaged(struct load *load, const struct which *which,
		    const char *column, const char *fault)
{
	char text[128];

	load->count->damaged++;
	snprintf(text, sizeof(text), "%s; it is skipped and stays there",
		 fault);
	say(load, which, column, text);
}

/* As far as it can be told from a row that may hold anything. */
struct which pass_which(enum db_table table, const struct db_value *values,
			uint64_t key)
{
	struct which which = {
		.table = table,
		.key = key,
		.id = {(uint32_t)values[0].number, (uint32_t)values[1].number},
	};

	if (table != DB_VARS && !values[DB_D_CALLID].null)
		which.callid = values[DB_D_CALLID].text;
	return which;
}
_Static_assert((int)DB_D_CALLID == (int)DB_M_CALLID,
	       "one column for both tables");

static void say_remarks(struct load *load, const struct which *which,
			const struct db_remarks *remarks)
{
	struct which row = *which;

	if (remarks->fault) {
		row.table = remarks->table;
		say(load, &row, remarks->column, remarks->fault);
	}
	if (remarks->unknown_profiles > 0)
		say(load, which, "",
		    "it is in profiles that are not in profiles_with_value or "
		    "profiles_no_value; they are left out");
	load->foreign_sockets += remarks->foreign_sockets;
	load->unarmed += remarks->unarmed;
}

static void say_sum(const struct load *load, uint64_t begin_ms)
{
	const struct db_load_count *count = load->count;

	if (load->lines > LINES_MAX)
		LM_WARN("database: %u more lines about rows were left out\n",
			load->lines - LINES_MAX);
	if (load->foreign_sockets > 0)
		LM_WARN("database: %u sockets of dialogs are none of this "
			"server's; requests of ours go out from any\n",
			load->foreign_sockets);
	if (load->unarmed > 0)
		LM_NOTICE("database: %u calls were written while they waited "
			  "for their ACK; they have the lifetime "
			  "default_timeout\n",
			  load->unarmed);
	if (count->no_room + db_pass.no_room > 0)
		LM_ERR("database: %u dialogs are not loaded: the rest of the "
		       "shared memory is for new calls; start kamailio with a "
		       "larger -m. They stay in the database\n",
		       count->no_room + db_pass.no_room);
	db_pass.no_room = 0;
	LM_NOTICE("database: %u dialogs loaded in %llu ms, %llu ms of them "
		  "for reading (%u known, %u of other nodes, %u damaged, %u "
		  "over)\n",
		  count->loaded, (unsigned long long)(host_now().ms - begin_ms),
		  (unsigned long long)(load->read_us / 1000), count->known,
		  count->foreign, count->damaged, count->orphans);
}

/* ------------------------------------------------ what is written */

static void on_done(uint64_t ticket, bool written,
		    const struct parley_id *saved)
{
	(void)ticket;
	(void)written;
	(void)saved;
}

int pass_write(struct load *load)
{
	struct db_batch_result result;

	if (!load->batch || db_batch_count(load->batch) == 0)
		return 0;
	return db_batch_write(load->batch, on_done, &result);
}

struct db_batch *pass_batch(struct load *load)
{
	if (!load->batch)
		load->batch = db_batch_make(load->link, db_pass.has_more);
	return load->batch;
}

/* Its rows are nobody's yet: they say who has loaded them. */
static int claim(struct load *load, const struct db_side *side,
		 const struct parley_image *image)
{
	struct db_batch *batch;
	int rc;

	if (db_rules()->names.self.len == 0 || !db_pass.has_more ||
	    load->adopting ||
	    (side && side->more && side->more[DB_M_NODE].text.len > 0))
		return 0;
	batch = pass_batch(load);
	if (!batch)
		return pass_no_memory();
	rc = side && side->more
		     ? db_batch_put(batch, image, true, 0, host_now())
		     : db_batch_claim(batch, image, host_now());
	return rc < 0 ? pass_no_memory() : 0;
}

/* Its rows are deleted. */
static int take_orphan(struct load *load, const struct which *which)
{
	struct db_batch *batch = pass_batch(load);

	load->count->orphans++;
	if (!batch || db_batch_gone(batch, which->id, which->callid, 0) < 0)
		return pass_no_memory();
	return 0;
}

/* ------------------------------------------------ into the engine */

/* Before the fork there is nobody to be told. */
static int keep_told(const struct parley_actions *actions)
{
	struct told told = {.note = actions->note};

	if (db_pass.told_count == db_pass.told_room) {
		uint32_t room =
			db_pass.told_room ? db_pass.told_room * 2 : 1024;
		struct told *grown =
			realloc(db_pass.told, room * sizeof(*grown));

		if (!grown)
			return pass_no_memory();
		db_pass.told = grown;
		db_pass.told_room = room;
	}
	if (actions->count > 0) {
		told.actions = malloc(sizeof(*told.actions));
		if (!told.actions)
			return pass_no_memory();
		*told.actions = *actions;
	}
	db_pass.told[db_pass.told_count++] = told;
	return 0;
}

int pass_carry_out(const struct parley_actions *actions, bool running)
{
	if (actions->count == 0 && actions->note.types == 0)
		return 0;
	if (!running)
		return keep_told(actions);
	procs_push(actions);
	return 0;
}

int pass_give(const struct parley_image *image, struct parley_actions *actions)
{
	int rc;

	*actions = (struct parley_actions){0};
	if (shm_available() < shm_mem_size / KEPT_SHARE)
		return PARLEY_E_FULL;
	rc = parley_import(adapter.engine, host_now(), image, actions);
	scripted_loaded(image);
	return rc;
}

int pass_import(struct load *load, const struct which *which,
		const struct db_side *side, const struct parley_image *image)
{
	struct parley_actions actions;
	int rc = pass_give(image, &actions);

	switch (rc) {
	case 0:
		load->count->loaded++;
		loaded_add(which->id);
		break;
	case PARLEY_E_OLD:
	case PARLEY_E_STATE:
		load->count->known++;
		return 0;
	case PARLEY_E_FULL:
		load->count->no_room++;
		return 0;
	case PARLEY_E_MEMORY:
		load->count->damaged++;
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u is not loaded, or not whole: no "
			    "shared memory left; start kamailio with a larger "
			    "-m\n",
			    which->id.entry, which->id.id);
		break;
	case PARLEY_E_ARGUMENT:
		damaged(load, which, "",
			"its hash_entry is that of no hash_size for its "
			"Call-ID");
		return 0;
	default:
		damaged(load, which, "", parley_error_text(rc));
		return 0;
	}
	rc = pass_carry_out(&actions, load->running);
	if (rc == 0)
		rc = claim(load, side, image);
	if (load->running)
		late_apply(image->view.callid, procs_push);
	return rc;
}

/* ------------------------------------------------ rows */

int pass_take_var(struct load *load, const struct db_row *row, uint64_t key)
{
	const struct which which = pass_which(DB_VARS, row->values, key);
	int rc = 0;
	const char *fault = db_sides_put_var(&load->sides, row, key, &rc);

	if (fault)
		damaged(load, &which, "", fault);
	return rc < 0 ? pass_no_memory() : 0;
}

int pass_take_more(struct load *load, const struct db_row *row, uint64_t key)
{
	const struct which which = pass_which(DB_MORE, row->values, key);
	int rc = 0;
	const char *fault = db_sides_put_more(&load->sides, row, key, &rc);

	if (fault)
		damaged(load, &which, "", fault);
	return rc < 0 ? pass_no_memory() : 0;
}

/* Whether this pass is about rows with this owner. */
static bool is_wanted(struct load *load, const struct db_value *more)
{
	struct parley_str node = {0};
	bool ours;

	if (more && !more[DB_M_NODE].null)
		node = more[DB_M_NODE].text;
	if (load->adopting)
		return text_equal(node, load->node);
	ours = node.len == 0 || text_equal(node, db_rules()->names.self);
	load->count->foreign += !ours;
	return ours;
}

/* One that was there before the journal was written, and is not any more, has
 * ended since. */
static bool in_memory(const struct load *load, struct parley_id id)
{
	uint64_t unused;

	return db_ids_has(&load->known, id) ||
	       parley_get_host_ref(adapter.engine, id, &unused) == 0;
}

/* Makes an image of what is known about a dialog. 0, or as db_rows_image();
 * what there is to say was said. */
int pass_image(struct load *load, const struct which *which,
	       const struct db_side *side, struct db_rows *rows,
	       struct parley_image *image)
{
	struct db_remarks remarks;
	struct which row = *which;
	int rc;

	if (side && !db_side_rows(side, load->arena, rows))
		return PARLEY_E_MEMORY;
	rc = db_rows_image(rows, host_now(), load->arena, image, &remarks);
	if (rc == PARLEY_E_ARGUMENT) {
		row.table = remarks.table;
		if (remarks.table == DB_MORE && side)
			row.key = side->more_row;
		damaged(load, &row, remarks.column, remarks.fault);
	} else if (rc == 0) {
		say_remarks(load, which, &remarks);
	}
	image->stored = true;
	return rc;
}

static int keep_row(struct load *load, const struct db_row *row, uint64_t key)
{
	struct kept_row *kept = db_arena_take(load->sides.arena, sizeof(*kept));

	if (!kept)
		return pass_no_memory();
	*kept = (struct kept_row){
		.key = key,
		.values = db_row_copy(load->sides.arena, row, DB_D_COLUMNS),
	};
	if (!kept->values)
		return pass_no_memory();
	if (load->last_kept)
		load->last_kept->next = kept;
	else
		load->kept = kept;
	load->last_kept = kept;
	return 0;
}

/* The row is the first of its dialog, and this pass is about it. */
static bool is_due(struct load *load, const struct which *which,
		   struct db_side *side, int *rcp)
{
	int added;

	if (side)
		side->seen = true;
	if (db_ids_has(&db_pass.done, which->id)) {
		load->count->known++;
		return false;
	}
	if (!is_wanted(load, side ? side->more : NULL))
		return false;
	added = db_ids_add(&load->seen, which->id);
	if (added < 0)
		*rcp = pass_no_memory();
	if (added == 0)
		damaged(load, which, "", "there is another row of this dialog");
	if (added > 0 && load->running && in_memory(load, which->id)) {
		load->count->known++;
		return false;
	}
	return added > 0;
}

int pass_take_dialog(struct load *load, const struct db_row *row, uint64_t key)
{
	struct which which = pass_which(DB_DIALOG, row->values, key);
	struct db_rows rows = {.has_dialog = true};
	struct db_side *side = NULL;
	struct parley_image image;
	struct parley_id id;
	int rc = 0;

	if (db_row_id(row, &id)) {
		side = db_sides_find(&load->sides, id);
		if (!is_due(load, &which, side, &rc))
			return rc;
		if (load->keeping)
			return keep_row(load, row, key);
	} else if (load->adopting) {
		return 0; /* nobody knows whose it is */
	}
	db_arena_empty(load->arena);
	rows.dialog = *row;
	rc = pass_image(load, &which, side, &rows, &image);
	if (rc == PARLEY_E_MEMORY)
		return pass_no_memory();
	return rc == 0 ? pass_import(load, &which, side, &image) : 0;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* 0, also if it was interrupted because the time is over, or enum db_result. */
int pass_rows(struct load *load, enum db_table table,
	      const struct db_filter *filter, pass_take take)
{
	struct db_reader *reader = db_read(load->link, table, filter);
	struct db_row row;
	uint64_t key = 0;
	int rc = 0;

	if (!reader)
		return pass_no_memory();
	if (load->resumes)
		db_read_after(reader, load->after);
	load->resumes = false;
	while (rc == 0 && !load->over) {
		uint64_t begin_us = now_us();

		rc = db_read_next(reader, &row, &key);
		load->read_us += now_us() - begin_us;
		if (rc != 1)
			break;
		rc = take(load, &row, key);
		load->over = load->deadline_ms != UINT64_MAX &&
			     host_now().ms >= load->deadline_ms;
	}
	load->after = key;
	db_read_end(reader);
	return rc;
}

/* ------------------------------------------------ what has no row */

/* An early dialog, or one that the table dialog cannot hold, or an orphan. With
 * @early 1: an orphan, of which nothing was done. */
static int take_alone(struct load *load, const struct db_side *side, bool early)
{
	const struct which which =
		pass_which(DB_MORE, side->more, side->more_row);
	struct db_rows rows = {0};
	struct parley_image image;
	int rc;

	if (db_ids_has(&db_pass.done, side->id) || !is_wanted(load, side->more))
		return 0;
	if (load->running && in_memory(load, side->id)) {
		load->count->known++;
		return 0;
	}
	db_arena_empty(load->arena);
	rc = pass_image(load, &which, side, &rows, &image);
	if (rc == PARLEY_E_MEMORY)
		return pass_no_memory();
	if (rc == PARLEY_E_NO_DIALOG || rc == PARLEY_E_OLD)
		return early ? 1 : take_orphan(load, &which);
	if (rc == 0 && load->adopting)
		rc = db_batch_put(load->batch, &image, true, 0, host_now()) < 0
			     ? pass_no_memory()
			     : pass_write(load);
	return rc == 0 ? pass_import(load, &which, side, &image) : 0;
}

/* Calls that ring come first: their answer may pass at any moment, and the ACK
 * alone does not tell that it was there. What is over is left for later. */
static int take_early(struct load *load)
{
	struct db_side *side = NULL;
	uint32_t cursor = 0;
	int rc = 0;

	while (rc >= 0 && (side = db_sides_next(&load->sides, &cursor, side))) {
		if (!side->more ||
		    side->more[DB_M_STATE].number >= PARLEY_STATE_ANSWERED)
			continue;
		rc = take_alone(load, side, true);
		side->seen = rc != 1;
		if (rc == 0 && db_ids_add(&load->seen, side->id) < 0)
			rc = pass_no_memory();
	}
	return rc < 0 ? rc : 0;
}

static void say_lost_vars(struct load *load, const struct db_side *side)
{
	const struct db_side_var *var = side->vars;

	if (db_ids_has(&db_pass.done, side->id))
		return;
	for (; var; var = var->next)
		damaged(load,
			&(struct which){DB_VARS, var->row, side->id, {"", 0}},
			"", "there is no such dialog");
}

int pass_others(struct load *load)
{
	struct db_side *side = NULL;
	uint32_t cursor = 0;
	int rc = 0;

	while (rc == 0 && (side = db_sides_next(&load->sides, &cursor, side))) {
		if (side->seen)
			continue;
		if (side->more)
			rc = take_alone(load, side, false);
		else if (!load->adopting)
			say_lost_vars(load, side);
	}
	return rc;
}

/* ------------------------------------------------ a pass */

int pass_begin(struct load *load)
{
	load->arena = db_arena_make();
	if (!load->arena || db_sides_init(&load->sides) < 0)
		return pass_no_memory();
	return 0;
}

void pass_unlink(struct load *load)
{
	if (load->batch)
		db_batch_free(load->batch);
	load->batch = NULL;
	load->link = NULL;
	load->read_us = 0;
	load->lines = load->unarmed = load->foreign_sockets = 0;
}

void pass_end(struct load *load)
{
	pass_unlink(load);
	db_arena_free(load->arena);
	load->arena = NULL;
	db_sides_fini(&load->sides);
	db_ids_fini(&load->seen);
	db_ids_fini(&load->known);
}

/* Rows of the table at which this pass is; from where it stopped. */
static int stage_rows(struct load *load, enum db_table table, pass_take take)
{
	const struct db_filter all = {0};

	return pass_rows(load, table, &all, take);
}

static int read_sides_of(struct load *load, enum db_table table)
{
	if (table == DB_VARS)
		return stage_rows(load, table, pass_take_var);
	return db_pass.has_more ? stage_rows(load, table, pass_take_more) : 0;
}

int pass_sides(struct load *load)
{
	int rc = read_sides_of(load, DB_VARS);

	return rc == 0 ? read_sides_of(load, DB_MORE) : rc;
}

static int do_stage(struct load *load)
{
	switch (load->stage) {
	case PASS_VARS:
		return read_sides_of(load, DB_VARS);
	case PASS_MORE:
		return read_sides_of(load, DB_MORE);
	case PASS_EARLY:
		return take_early(load);
	case PASS_DIALOG:
		return stage_rows(load, DB_DIALOG, pass_take_dialog);
	case PASS_OTHERS:
		return pass_others(load);
	case PASS_END:
		break;
	}
	return 0;
}

/* All rows; what is in db_pass.done is left alone. */
int pass_all(struct load *load)
{
	uint64_t begin_ms = host_now().ms;
	int rc = load->arena ? 0 : pass_begin(load);

	while (rc == 0 && load->stage != PASS_END) {
		rc = do_stage(load);
		if (load->over)
			break;
		load->stage++;
	}
	if (rc == 0) {
		/* Else the next change does it, or the next start. */
		(void)!pass_write(load);
		say_sum(load, begin_ms);
	}
	return rc;
}
