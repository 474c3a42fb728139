/* See db_load.h. */
#include <stdlib.h>

#include "db_load.h"
#include "db_sides.h"
#include "db_write.h"
#include "late.h"
#include "loaded.h"
#include "parley_store.h"
#include "reader.h"
#include "text.h"

enum {
	LINES_MAX = 100, /* about damaged rows, each time that is loaded */
	BATCH_MAX = 1000,
};

/* Rows that are not read on while others are asked for. */
struct kept_row {
	struct kept_row *next;
	struct db_value *values;
	uint64_t key;
	struct parley_image image;
	bool good;
};

/* One pass over the tables. */
struct load {
	struct db_link *link;
	struct db_load_count *count;
	struct db_sides sides;
	struct db_arena *arena; /* for one dialog */
	struct db_ids seen;	/* identities in the table dialog */
	uint64_t deadline_ms;
	bool over;     /* it has passed */
	bool running;  /* SIP is handled meanwhile */
	bool keeping;  /* rows are kept for later */
	bool adopting; /* those of @node */
	struct parley_str node;
	struct kept_row *kept, *last_kept;
	struct db_batch *batch;
	uint32_t lines, unarmed, foreign_sockets;
};

/* What an import before the fork leads to. */
struct told {
	struct parley_note note;
	struct parley_actions *actions; /* NULL: none but the note */
};

/* What was done before the fork is known to the processes after it. */
static struct {
	struct db_ids done; /* identities that are not to be loaded any more */
	bool has_more;
	struct told *told;
	uint32_t told_count, told_room;
} db;

bool db_load_has_more(void)
{
	return db.has_more;
}

bool db_load_pending(void)
{
	return late_is_on();
}

/* ------------------------------------------------ what is said */

static int no_memory(void)
{
	log_limited(LOG_CAUSE_DB, L_ERR,
		    "database: no memory to load dialogs\n");
	return DB_REFUSED;
}

/* A dialog or a row, in words. */
struct which {
	enum db_table table;
	uint64_t key;
	struct parley_id id;
	struct parley_str callid;
};

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
static struct which which_of(enum db_table table, const struct db_value *values,
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
	LM_INFO("database: %u dialogs loaded in %llu ms (%u known, %u of other "
		"nodes, %u damaged, %u over)\n",
		count->loaded, (unsigned long long)(host_now().ms - begin_ms),
		count->known, count->foreign, count->damaged, count->orphans);
}

/* ------------------------------------------------ into the engine */

/* Before the fork there is nobody to be told. */
static int keep_told(const struct parley_actions *actions)
{
	struct told told = {.note = actions->note};

	if (db.told_count == db.told_room) {
		uint32_t room = db.told_room ? db.told_room * 2 : 1024;
		struct told *grown = realloc(db.told, room * sizeof(*grown));

		if (!grown)
			return no_memory();
		db.told = grown;
		db.told_room = room;
	}
	if (actions->count > 0) {
		told.actions = malloc(sizeof(*told.actions));
		if (!told.actions)
			return no_memory();
		*told.actions = *actions;
	}
	db.told[db.told_count++] = told;
	return 0;
}

static int carry_out(const struct parley_actions *actions, bool running)
{
	if (actions->count == 0 && actions->note.types == 0)
		return 0;
	if (!running)
		return keep_told(actions);
	procs_push(actions);
	return 0;
}

void db_load_tell(void)
{
	for (uint32_t i = 0; i < db.told_count; i++) {
		const struct told *told = &db.told[i];
		struct parley_actions note = {
			.id = told->note.id,
			.old_state = told->note.old_state,
			.new_state = told->note.new_state,
			.note = told->note,
		};

		sip_run(NULL, told->actions ? told->actions : &note, NULL);
	}
}

static int import(struct load *load, const struct which *which,
		  const struct parley_image *image)
{
	struct parley_actions actions;
	int rc = parley_import(adapter.engine, host_now(), image, &actions);

	switch (rc) {
	case 0:
		load->count->loaded++;
		loaded_add(which->id);
		break;
	case PARLEY_E_OLD:
	case PARLEY_E_STATE:
		load->count->known++;
		return 0;
	case PARLEY_E_MEMORY:
		load->count->damaged++;
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u is not loaded, or not whole: no "
			    "shared memory left; start kamailio with a larger "
			    "-m\n",
			    which->id.entry, which->id.id);
		break;
	default:
		damaged(load, which, "", parley_error_text(rc));
		return 0;
	}
	rc = carry_out(&actions, load->running);
	if (load->running)
		late_apply(image->view.callid, procs_push);
	return rc;
}

/* ------------------------------------------------ what is over */

static void on_done(uint64_t ticket, bool written)
{
	(void)ticket;
	(void)written;
}

static int write_batch(struct load *load)
{
	struct db_batch_result result;

	if (!load->batch || db_batch_count(load->batch) == 0)
		return 0;
	return db_batch_write(load->batch, on_done, &result);
}

static struct db_batch *batch_of(struct load *load)
{
	if (!load->batch)
		load->batch = db_batch_make(load->link, db.has_more);
	return load->batch;
}

/* Its rows are deleted. */
static int take_orphan(struct load *load, const struct which *which)
{
	struct db_batch *batch = batch_of(load);

	load->count->orphans++;
	if (!batch || db_batch_gone(batch, which->id, which->callid, 0) < 0)
		return no_memory();
	return db_batch_count(batch) < BATCH_MAX ? 0 : write_batch(load);
}

/* ------------------------------------------------ rows */

static int take_var(struct load *load, const struct db_row *row, uint64_t key)
{
	const struct which which = which_of(DB_VARS, row->values, key);
	int rc = 0;
	const char *fault = db_sides_put_var(&load->sides, row, key, &rc);

	if (fault)
		damaged(load, &which, "", fault);
	return rc < 0 ? no_memory() : 0;
}

static int take_more(struct load *load, const struct db_row *row, uint64_t key)
{
	const struct which which = which_of(DB_MORE, row->values, key);
	int rc = 0;
	const char *fault = db_sides_put_more(&load->sides, row, key, &rc);

	if (fault)
		damaged(load, &which, "", fault);
	return rc < 0 ? no_memory() : 0;
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

static bool in_memory(struct parley_id id)
{
	uint64_t unused;

	return parley_get_host_ref(adapter.engine, id, &unused) == 0;
}

/* Makes an image of what is known about a dialog. 0, or as db_rows_image();
 * what there is to say was said. */
static int make_image(struct load *load, const struct which *which,
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
		return no_memory();
	*kept = (struct kept_row){
		.key = key,
		.values = db_row_copy(load->sides.arena, row, DB_D_COLUMNS),
	};
	if (!kept->values)
		return no_memory();
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
	if (db_ids_has(&db.done, which->id)) {
		load->count->known++;
		return false;
	}
	if (!is_wanted(load, side ? side->more : NULL))
		return false;
	added = db_ids_add(&load->seen, which->id);
	if (added < 0)
		*rcp = no_memory();
	if (added == 0)
		damaged(load, which, "", "there is another row of this dialog");
	if (added > 0 && load->running && in_memory(which->id)) {
		load->count->known++;
		return false;
	}
	return added > 0;
}

static int take_dialog(struct load *load, const struct db_row *row,
		       uint64_t key)
{
	struct which which = which_of(DB_DIALOG, row->values, key);
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
	rc = make_image(load, &which, side, &rows, &image);
	if (rc == PARLEY_E_MEMORY)
		return no_memory();
	return rc == 0 ? import(load, &which, &image) : 0;
}

typedef int (*take_function)(struct load *load, const struct db_row *row,
			     uint64_t key);

/* 0, also if it was interrupted because the time is over, or enum db_result. */
static int each_row(struct load *load, enum db_table table,
		    const struct db_filter *filter, take_function take)
{
	struct db_reader *reader = db_read(load->link, table, filter);
	struct db_row row;
	uint64_t key = 0;
	int rc = 0;

	if (!reader)
		return no_memory();
	while (rc == 0 && !load->over &&
	       (rc = db_read_next(reader, &row, &key)) == 1) {
		rc = take(load, &row, key);
		load->over = load->deadline_ms != UINT64_MAX &&
			     host_now().ms >= load->deadline_ms;
	}
	db_read_end(reader);
	return rc;
}

/* ------------------------------------------------ what has no row */

/* An early dialog, or one that the table dialog cannot hold, or an orphan. */
static int take_alone(struct load *load, const struct db_side *side)
{
	const struct which which =
		which_of(DB_MORE, side->more, side->more_row);
	struct db_rows rows = {0};
	struct parley_image image;
	int rc;

	if (db_ids_has(&db.done, side->id) || !is_wanted(load, side->more))
		return 0;
	if (load->running && in_memory(side->id)) {
		load->count->known++;
		return 0;
	}
	db_arena_empty(load->arena);
	rc = make_image(load, &which, side, &rows, &image);
	if (rc == PARLEY_E_MEMORY)
		return no_memory();
	if (rc == PARLEY_E_NO_DIALOG || rc == PARLEY_E_OLD)
		return take_orphan(load, &which);
	if (rc == 0 && load->adopting)
		rc = db_batch_put(load->batch, &image, true, 0, host_now()) < 0
			     ? no_memory()
			     : write_batch(load);
	return rc == 0 ? import(load, &which, &image) : 0;
}

static void say_lost_vars(struct load *load, const struct db_side *side)
{
	const struct db_side_var *var = side->vars;

	if (db_ids_has(&db.done, side->id))
		return;
	for (; var; var = var->next)
		damaged(load,
			&(struct which){DB_VARS, var->row, side->id, {"", 0}},
			"", "there is no such dialog");
}

static int take_others(struct load *load)
{
	struct db_side *side = NULL;
	uint32_t cursor = 0;
	int rc = 0;

	while (rc == 0 && (side = db_sides_next(&load->sides, &cursor, side))) {
		if (side->seen)
			continue;
		if (side->more)
			rc = take_alone(load, side);
		else if (!load->adopting)
			say_lost_vars(load, side);
	}
	return rc;
}

/* ------------------------------------------------ a pass */

static int begin(struct load *load)
{
	load->arena = db_arena_make();
	if (!load->arena || db_sides_init(&load->sides) < 0)
		return no_memory();
	return 0;
}

static void end(struct load *load)
{
	if (load->batch)
		db_batch_free(load->batch);
	db_arena_free(load->arena);
	db_sides_fini(&load->sides);
	db_ids_fini(&load->seen);
}

static int read_sides(struct load *load)
{
	const struct db_filter all = {0};
	int rc = each_row(load, DB_VARS, &all, take_var);

	if (rc == 0 && db.has_more && !load->over)
		rc = each_row(load, DB_MORE, &all, take_more);
	return rc;
}

/* All rows; what is in db.done is left alone. */
static int load_all(struct load *load)
{
	const struct db_filter all = {0};
	uint64_t begin_ms = host_now().ms;
	int rc = begin(load);

	if (rc == 0)
		rc = read_sides(load);
	if (rc == 0 && !load->over)
		rc = each_row(load, DB_DIALOG, &all, take_dialog);
	if (rc == 0 && !load->over)
		rc = take_others(load);
	if (rc == 0)
		rc = write_batch(load);
	if (rc == 0)
		say_sum(load, begin_ms);
	return rc;
}

/* ------------------------------------------------ the start */

static int take_record(const struct parley_record *record)
{
	struct parley_image image = record->image;
	struct parley_id id = image.view.id;
	struct parley_actions actions;
	int rc;

	if (db_ids_add(&db.done, id) < 0)
		return no_memory();
	if (record->gone)
		return 0;
	image.stored = record->known;
	rc = parley_import(adapter.engine, host_now(), &image, &actions);
	if (rc < 0)
		LM_ERR("journal: dialog %u.%u, Call-ID %.*s: %s\n", id.entry,
		       id.id, (int)image.view.callid.len, image.view.callid.s,
		       parley_error_text(rc));
	if (rc < 0 && rc != PARLEY_E_MEMORY)
		return 0;
	return carry_out(&actions, false);
}

/* What the processes before this one have left. It is newer than the rows. */
static int read_journal(void)
{
	struct reader reader = {0};
	struct parley_record record;
	size_t needed = 4096;
	uint32_t cursor = 0;
	int rc;

	do {
		if (!reader_reserve(&reader, needed)) {
			rc = no_memory();
			break;
		}
		rc = parley_store_next(adapter.engine, host_now(), &cursor,
				       &record, reader.buffer, reader.size,
				       &needed);
		if (rc == 1 && take_record(&record) < 0)
			rc = DB_REFUSED;
	} while (rc == 1 || rc == PARLEY_E_SPACE);
	reader_fini(&reader);
	return rc;
}

static int load_first(struct db_link *link, bool *restp)
{
	struct db_load_count count = {0};
	struct load load = {
		.link = link,
		.count = &count,
		.deadline_ms = host_now().ms +
			       (uint64_t)adapter.set.db.load_wait * 1000,
	};
	int rc = load_all(&load);

	*restp = rc == 0 && load.over;
	if (*restp && db_ids_join(&db.done, &load.seen) < 0)
		rc = no_memory();
	end(&load);
	if (!*restp)
		db_ids_fini(&db.done);
	return rc;
}

int db_load_start(bool *restp)
{
	struct db_link *link;
	int rc = 0;

	*restp = false;
	link = db_open();
	if (!link)
		return -1;
	rc = db_check_tables(link, &db.has_more);
	if (rc == 0 && !adapter.set.db.skip_load) {
		if (adapter.set.db.mode != 3)
			rc = read_journal();
		if (rc == 0)
			rc = load_first(link, restp);
		if (rc < 0)
			LM_ERR("database: the dialogs cannot be loaded; "
			       "db_skip_load=1 starts without them\n");
	}
	db_close(link);
	if (*restp)
		late_begin();
	return rc < 0 ? -1 : 0;
}

/* ------------------------------------------------ in the writer */

int db_load_rest(struct db_link *link)
{
	struct db_load_count count = {0};
	struct load load = {
		.link = link,
		.count = &count,
		.deadline_ms = UINT64_MAX,
		.running = true,
	};
	int rc;

	if (!db_load_pending())
		return 0;
	rc = load_all(&load);
	if (rc == DB_GONE && db_ids_join(&db.done, &load.seen) < 0)
		rc = no_memory();
	end(&load);
	if (rc == DB_GONE)
		return rc;
	db_ids_fini(&db.done);
	late_end();
	return rc;
}

int db_load_extra(struct db_link *link, struct db_load_count *count)
{
	struct load load = {
		.link = link,
		.count = count,
		.deadline_ms = UINT64_MAX,
		.running = true,
	};
	int rc = load_all(&load);

	end(&load);
	return rc;
}

/* ------------------------------------------------ what was kept */

static int make_kept(struct load *load, struct kept_row *kept)
{
	struct which which = which_of(DB_DIALOG, kept->values, kept->key);
	struct db_rows rows = {.has_dialog = true};
	int rc;

	memcpy(rows.dialog.values, kept->values,
	       DB_D_COLUMNS * sizeof(kept->values[0]));
	rc = make_image(load, &which, db_sides_find(&load->sides, which.id),
			&rows, &kept->image);
	kept->good = rc == 0;
	return rc == PARLEY_E_MEMORY ? no_memory() : 0;
}

static int import_kept(struct load *load, const struct kept_row *kept)
{
	const struct which which = which_of(DB_DIALOG, kept->values, kept->key);

	return kept->good ? import(load, &which, &kept->image) : 0;
}

static int read_vars(struct load *load)
{
	int rc = 0;

	for (struct kept_row *kept = load->kept; rc == 0 && kept;
	     kept = kept->next) {
		const struct which which =
			which_of(DB_DIALOG, kept->values, kept->key);
		const struct db_filter filter = {.id = which.id};

		rc = each_row(load, DB_VARS, &filter, take_var);
	}
	return rc;
}

static int take_kept(struct load *load)
{
	int rc = 0;

	db_arena_empty(load->arena);
	for (struct kept_row *kept = load->kept; rc == 0 && kept;
	     kept = kept->next) {
		rc = make_kept(load, kept);
		if (rc == 0)
			rc = import_kept(load, kept);
	}
	return rc;
}

int db_load_callid(struct db_link *link, struct parley_str callid,
		   struct db_load_count *count)
{
	const uint32_t width = db_layout(DB_DIALOG)->columns[DB_D_CALLID].width;
	const struct db_filter filter = {
		.callid = {callid.s, callid.len < width ? callid.len : width},
	};
	struct load load = {
		.link = link,
		.count = count,
		.deadline_ms = UINT64_MAX,
		.running = true,
		.keeping = true,
	};
	int rc = begin(&load);

	if (rc == 0 && db.has_more)
		rc = each_row(&load, DB_MORE, &filter, take_more);
	if (rc == 0)
		rc = each_row(&load, DB_DIALOG, &filter, take_dialog);
	if (rc == 0)
		rc = read_vars(&load);
	if (rc == 0)
		rc = take_kept(&load);
	if (rc == 0)
		rc = take_others(&load);
	end(&load);
	return rc;
}

/* First they are this node's in the database, then in memory. */
static int adopt_kept(struct load *load)
{
	struct kept_row *first = load->kept;
	int rc = 0;

	while (rc == 0 && first) {
		struct kept_row *after = first;

		db_arena_empty(load->arena);
		for (uint32_t i = 0; rc == 0 && after && i < BATCH_MAX;
		     i++, after = after->next) {
			rc = make_kept(load, after);
			if (rc == 0 && after->good &&
			    db_batch_put(load->batch, &after->image, true, 0,
					 host_now()) < 0)
				rc = no_memory();
		}
		if (rc == 0)
			rc = write_batch(load);
		for (; rc == 0 && first != after; first = first->next)
			rc = import_kept(load, first);
	}
	return rc;
}

int db_load_adopt(struct db_link *link, struct parley_str node,
		  struct db_load_count *count)
{
	const struct db_filter all = {0};
	struct load load = {
		.link = link,
		.count = count,
		.deadline_ms = UINT64_MAX,
		.running = true,
		.keeping = true,
		.adopting = true,
		.node = node,
	};
	int rc;

	/* Only dialog_more says whose a dialog is. */
	if (node.len == 0 || !db.has_more)
		return 0;
	rc = begin(&load);
	if (rc == 0 && !batch_of(&load))
		rc = no_memory();
	if (rc == 0)
		rc = read_sides(&load);
	if (rc == 0)
		rc = each_row(&load, DB_DIALOG, &all, take_dialog);
	if (rc == 0)
		rc = adopt_kept(&load);
	if (rc == 0)
		rc = take_others(&load);
	if (rc == 0)
		rc = write_batch(&load);
	end(&load);
	return rc;
}
