/* See db_load.h. */
#include <stdlib.h>

#include "db_load.h"
#include "db_pass.h"
#include "late.h"
#include "loaded.h"
#include "parley_store.h"
#include "reader.h"

enum { BATCH_MAX = 1000, CALLS_MAX = 256 };

bool db_load_has_more(void)
{
	return db_pass.has_more;
}

bool db_load_pending(void)
{
	return late_is_on();
}

void db_load_tell(void)
{
	for (uint32_t i = 0; i < db_pass.told_count; i++) {
		const struct told *told = &db_pass.told[i];
		struct parley_actions note = {
			.id = told->note.id,
			.old_state = told->note.old_state,
			.new_state = told->note.new_state,
			.note = told->note,
		};

		sip_run(NULL, told->actions ? told->actions : &note, NULL);
		free(told->actions);
	}
	free(db_pass.told);
	db_pass.told = NULL;
	db_pass.told_count = db_pass.told_room = 0;
}

/* ------------------------------------------------ the start */

static int take_record(const struct parley_record *record)
{
	struct parley_image image = record->image;
	struct parley_id id = image.view.id;
	struct parley_actions actions;
	int rc;

	if (db_ids_add(&db_pass.done, id) < 0)
		return pass_no_memory();
	if (record->gone)
		return 0;
	/* The crash may have come between a commit and its note in the
	 * journal; without transactions, amid the rows. */
	image.stored = true;
	rc = pass_give(&image, &actions);
	if (rc == PARLEY_E_FULL) {
		db_pass.no_room++;
		return 0;
	}
	if (rc < 0)
		LM_ERR("journal: dialog %u.%u, Call-ID %.*s: %s\n", id.entry,
		       id.id, (int)image.view.callid.len, image.view.callid.s,
		       parley_error_text(rc));
	if (rc < 0 && rc != PARLEY_E_MEMORY)
		return 0;
	return pass_carry_out(&actions, false);
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
			rc = pass_no_memory();
			break;
		}
		rc = parley_store_next(adapter.engine, host_now(), &cursor,
				       &record, reader.buffer, reader.size,
				       &needed);
		if (rc == 1 && take_record(&record) < 0)
			rc = DB_REFUSED;
		if (rc == PARLEY_E_ARGUMENT)
			LM_ERR("journal: record %llu is of a form that is not "
			       "known here; it is skipped and stays there\n",
			       (unsigned long long)record.ticket);
	} while (rc == 1 || rc == PARLEY_E_SPACE || rc == PARLEY_E_ARGUMENT);
	reader_fini(&reader);
	return rc;
}

/* The pass that the start begins, and the writer ends. */
static struct {
	struct load load;
	struct db_load_count count;
	struct db_link *link; /* from mod_init to the start */
} begun;

/* As far as it has come, it is not begun anew. */
static int leave_begun(void)
{
	int rc = db_ids_join(&db_pass.done, &begun.load.seen) < 0
			 ? pass_no_memory()
			 : 0;

	pass_end(&begun.load);
	begun.load = (struct load){0};
	return rc;
}

static int load_first(uint64_t wait_ms)
{
	int rc;

	begun.load.link = begun.link;
	begun.load.count = &begun.count;
	begun.load.deadline_ms =
		wait_ms == UINT64_MAX ? UINT64_MAX : host_now().ms + wait_ms;
	rc = pass_all(&begun.load);
	if (rc == 0 && begun.load.over) {
		late_begin();
		pass_unlink(&begun.load);
		return db_can_raw() ? 0 : leave_begun();
	}
	pass_end(&begun.load);
	db_ids_fini(&db_pass.done);
	return rc;
}

int db_load_check(void)
{
	begun.link = db_open();
	return begun.link ? db_check_tables(begun.link, &db_pass.has_more) : -1;
}

/* A file of SQLite's with a write-ahead log can only be read by who may write
 * it: then the writer could not go on with what main has begun as root. */
static uint64_t wait_ms(void)
{
	bool writable = db_check_writable(begun.link);

	return writable || db_kind() != DB_SQLITE
		       ? (uint64_t)adapter.set.db.load_wait * 1000
		       : UINT64_MAX;
}

int db_load_start(void)
{
	int rc = 0;

	if (!adapter.set.db.skip_load && adapter.set.db.mode != 3)
		rc = read_journal();
	if (!adapter.set.db.skip_load && rc == 0)
		rc = load_first(wait_ms());
	db_close(begun.link);
	begun.link = NULL;
	if (rc == 0)
		return 0;
	LM_ERR("database: the dialogs cannot be loaded; db_skip_load=1 starts "
	       "without them\n");
	return -1;
}

/* ------------------------------------------------ in the writer */

int db_load_rest(struct db_link *link)
{
	int rc;

	if (!db_load_pending())
		return 0;
	begun.count = (struct db_load_count){0};
	begun.load.link = link;
	begun.load.count = &begun.count;
	begun.load.deadline_ms = UINT64_MAX;
	begun.load.running = true;
	begun.load.resumes = begun.load.over;
	begun.load.over = false;
	rc = pass_all(&begun.load);
	if (rc == DB_GONE)
		return leave_begun() < 0 ? DB_REFUSED : DB_GONE;
	pass_end(&begun.load);
	db_ids_fini(&db_pass.done);
	late_end();
	return rc;
}

void db_load_forked(void)
{
	pass_end(&begun.load);
	db_ids_fini(&db_pass.done);
}

/* In mode 3 rows stay when their calls are over, until the server ends. */
static int add_loaded(struct load *load)
{
	uint32_t count;
	struct parley_id *ids = loaded_sorted(&count);
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < count; i++)
		rc = db_ids_add(&load->known, ids[i]);
	free(ids);
	return rc < 0 ? pass_no_memory() : 0;
}

/* What is in memory now, and then the journal: a call that has ended since then
 * must not come back. */
static int settle(struct load *load, int (*drain)(void))
{
	struct parley_id id = {0, 0};

	while (parley_next(adapter.engine, &id))
		if (db_ids_add(&load->known, id) < 0)
			return pass_no_memory();
	return drain ? drain() : add_loaded(load);
}

int db_load_extra(struct db_link *link, int (*drain)(void),
		  struct db_load_count *count)
{
	struct load load = {
		.link = link,
		.count = count,
		.deadline_ms = UINT64_MAX,
		.running = true,
	};
	int rc = settle(&load, drain);

	if (rc == 0)
		rc = pass_all(&load);
	pass_end(&load);
	return rc;
}

/* ------------------------------------------------ what was kept */

static int make_kept(struct load *load, struct kept_row *kept)
{
	struct which which = pass_which(DB_DIALOG, kept->values, kept->key);
	struct db_rows rows = {.has_dialog = true};
	int rc;

	memcpy(rows.dialog.values, kept->values,
	       DB_D_COLUMNS * sizeof(kept->values[0]));
	rc = pass_image(load, &which, db_sides_find(&load->sides, which.id),
			&rows, &kept->image);
	kept->good = rc == 0;
	return rc == PARLEY_E_MEMORY ? pass_no_memory() : 0;
}

static int import_kept(struct load *load, const struct kept_row *kept)
{
	const struct which which =
		pass_which(DB_DIALOG, kept->values, kept->key);

	return kept->good ? pass_import(load, &which,
					db_sides_find(&load->sides, which.id),
					&kept->image)
			  : 0;
}

static int read_vars(struct load *load)
{
	int rc = 0;

	for (struct kept_row *kept = load->kept; rc == 0 && kept;
	     kept = kept->next) {
		const struct which which =
			pass_which(DB_DIALOG, kept->values, kept->key);
		const struct db_filter filter = {.id = which.id};

		rc = pass_rows(load, DB_VARS, &filter, pass_take_var);
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

static int settle_callid(struct load *load, struct parley_str callid,
			 int (*drain)(void))
{
	struct parley_id ids[CALLS_MAX];
	uint32_t count =
		parley_find_callid(adapter.engine, callid, ids, CALLS_MAX);

	for (uint32_t i = 0; i < count; i++)
		if (db_ids_add(&load->known, ids[i]) < 0)
			return pass_no_memory();
	return drain ? drain() : add_loaded(load);
}

static int load_callid(struct load *load, struct parley_str callid)
{
	const uint32_t width = db_layout(DB_DIALOG)->columns[DB_D_CALLID].width;
	const struct db_filter filter = {
		.callid = {callid.s, callid.len < width ? callid.len : width},
	};
	int rc = pass_begin(load);

	if (rc == 0 && db_pass.has_more)
		rc = pass_rows(load, DB_MORE, &filter, pass_take_more);
	if (rc == 0)
		rc = pass_rows(load, DB_DIALOG, &filter, pass_take_dialog);
	if (rc == 0)
		rc = read_vars(load);
	if (rc == 0)
		rc = take_kept(load);
	if (rc == 0)
		rc = pass_others(load);
	if (rc == 0)
		(void)!pass_write(load);
	return rc;
}

int db_load_callid(struct db_link *link, struct parley_str callid,
		   int (*drain)(void), struct db_load_count *count)
{
	struct load load = {
		.link = link,
		.count = count,
		.deadline_ms = UINT64_MAX,
		.running = true,
		.keeping = true,
	};
	int rc = settle_callid(&load, callid, drain);

	if (rc == 0)
		rc = load_callid(&load, callid);
	pass_end(&load);
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
				rc = pass_no_memory();
		}
		if (rc == 0)
			rc = pass_write(load);
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
	if (node.len == 0 || !db_pass.has_more)
		return 0;
	rc = pass_begin(&load);
	if (rc == 0 && !pass_batch(&load))
		rc = pass_no_memory();
	if (rc == 0)
		rc = pass_sides(&load);
	if (rc == 0)
		rc = pass_rows(&load, DB_DIALOG, &all, pass_take_dialog);
	if (rc == 0)
		rc = adopt_kept(&load);
	if (rc == 0)
		rc = pass_others(&load);
	if (rc == 0)
		rc = pass_write(&load);
	pass_end(&load);
	return rc;
}
