/*
 * The writer: batches from the journal into the database, and what is asked.
 *
 * A database that is locked, slow or gone stops this process and no other. What
 * it has taken and could not write waits again.
 */
#include <stdatomic.h>
#include <time.h>

#include "core/cfg/cfg_struct.h"
#include "core/ut.h"

#include "asks.h"
#include "journal_file.h"
#include "writer.h"

enum {
	BATCH_MAX = 2000,  /* dialogs */
	INTERVAL_MS = 50,  /* mode 1 */
	IDLE_MS = 1000,	   /* looks at the journal, in mode 2 */
	PAUSE_MIN_MS = 20, /* after an error; doubled each time */
	PAUSE_MAX_MS = 2000,
	BEHIND_MS = 1000,     /* later than it should be */
	AGAIN_MS = 60 * 1000, /* between two lines */
	WATCH_MS = 500,
};

/* In shared memory. */
struct shared {
	_Atomic uint64_t written, deleted, statements, batches, refused, errors;
	_Atomic uint64_t last_commit_s;
	_Atomic uint64_t behind_since_ms; /* 0: it is not */
	_Atomic bool connected;
};

static struct shared *shared;

int writer_init(void)
{
	shared = shm_malloc(sizeof(*shared));
	if (!shared) {
		SHM_MEM_ERROR;
		return -1;
	}
	memset(shared, 0, sizeof(*shared));
	return 0;
}

void writer_fini(void)
{
	if (shared)
		shm_free(shared);
	shared = NULL;
}

static uint32_t interval_ms(void)
{
	return adapter.set.db.mode == 1
		       ? INTERVAL_MS
		       : (uint32_t)adapter.set.db.update_period * 1000;
}

/* ------------------------------------------------ batches */

bool writer_connect(struct writer_batch *batch)
{
	if (!batch->link) {
		batch->link = db_open();
		if (batch->link && !db_own(batch->link)) {
			db_close(batch->link);
			batch->link = NULL;
		}
	}
	if (batch->link && !batch->batch)
		batch->batch = db_batch_make(batch->link, batch->has_more);
	return batch->batch != NULL;
}

void writer_disconnect(struct writer_batch *batch)
{
	if (batch->batch)
		db_batch_free(batch->batch);
	if (batch->link)
		db_close(batch->link);
	batch->batch = NULL;
	batch->link = NULL;
}

/* Whose records those in the batch are. */
static struct parley *batch_engine;

/* main at its end has an engine without subscribers. */
static void on_done(uint64_t ticket, bool written,
		    const struct parley_id *saved)
{
	if (ticket == 0)
		return;
	parley_store_done(batch_engine, ticket, written);
	if (saved && parley_wants(batch_engine, *saved, PARLEY_NOTE_SAVED))
		procs_push_saved(*saved);
}

static void count_batch(const struct writer_batch *batch,
			const struct db_batch_result *result)
{
	if (!shared)
		return;
	atomic_fetch_add(&shared->written, batch->puts - result->refused);
	atomic_fetch_add(&shared->deleted, batch->gone);
	atomic_fetch_add(&shared->statements, result->statements);
	atomic_fetch_add(&shared->refused, result->refused);
	atomic_fetch_add(&shared->batches, 1);
	atomic_store(&shared->last_commit_s, (uint64_t)time(NULL));
}

int writer_put(struct writer_batch *batch)
{
	struct db_batch_result result = {0};
	enum db_result rc = db_batch_write(batch->batch, on_done, &result);

	if (rc == DB_DONE)
		count_batch(batch, &result);
	else if (shared)
		atomic_fetch_add(&shared->errors, 1);
	batch->puts = batch->gone = 0;
	return rc;
}

/* Copies the next record. 1, 0: none, or PARLEY_E_MEMORY. */
static int take(struct writer_batch *batch, struct parley *engine,
		struct parley_record *record)
{
	size_t needed = sizeof(*record);
	int rc;

	do {
		if (!reader_reserve(&batch->reader, needed))
			return PARLEY_E_MEMORY;
		rc = parley_store_take(engine, host_now(), record,
				       batch->reader.buffer, batch->reader.size,
				       &needed);
		/* One that nobody can read stays in the journal. */
	} while (rc == PARLEY_E_SPACE || rc == PARLEY_E_ARGUMENT);
	return rc;
}

static int add(struct writer_batch *batch, const struct parley_record *record)
{
	const struct parley_view *view = &record->image.view;
	int rc;

	if (record->gone)
		rc = db_batch_gone(batch->batch, view->id, view->callid,
				   record->ticket);
	else
		rc = db_batch_put(batch->batch, &record->image, record->known,
				  record->ticket, host_now());
	if (rc == 0)
		*(record->gone ? &batch->gone : &batch->puts) += 1;
	return rc;
}

int writer_step(struct writer_batch *batch, struct parley *engine)
{
	struct parley_record record;
	uint32_t count = 0;
	int rc = 0;

	batch_engine = engine;
	while (count < BATCH_MAX && (rc = take(batch, engine, &record)) > 0) {
		rc = add(batch, &record);
		if (rc < 0) {
			parley_store_done(engine, record.ticket, false);
			break;
		}
		count++;
	}
	if (rc < 0)
		log_limited(LOG_CAUSE_DB, L_ERR,
			    "database: no memory for a batch; start kamailio "
			    "with a larger -M\n");
	if (count == 0)
		return rc < 0 ? DB_GONE : 0;
	rc = writer_put(batch);
	return rc == DB_DONE ? (int)count : rc;
}

/* ------------------------------------------------ the process */

static struct {
	struct writer_batch batch;
	uint64_t due_ms;   /* when the journal is looked at next */
	uint64_t retry_ms; /* not before, after an error */
	uint32_t pause_ms;
} writer;

static void failed(void)
{
	writer_disconnect(&writer.batch);
	atomic_store(&shared->connected, false);
	writer.pause_ms = writer.pause_ms == 0 ? PAUSE_MIN_MS
			  : writer.pause_ms * 2 > PAUSE_MAX_MS
				  ? PAUSE_MAX_MS
				  : writer.pause_ms * 2;
	writer.retry_ms = host_now().ms + writer.pause_ms;
}

static bool connected(void)
{
	if (writer.batch.batch)
		return true;
	if (host_now().ms < writer.retry_ms)
		return false;
	if (!writer_connect(&writer.batch)) {
		atomic_fetch_add(&shared->errors, 1);
		failed();
		return false;
	}
	atomic_store(&shared->connected, true);
	return true;
}

static void load_rest(void)
{
	if (db_load_pending() && db_load_rest(writer.batch.link) == DB_GONE)
		failed();
}

/* All that waits. What comes while it is written waits for the next time. 0 or
 * enum db_result. */
static int drain(void)
{
	struct parley_store_stats stats;
	uint64_t left;
	int rc = 1;

	parley_store_get_stats(adapter.engine, host_now(), &stats);
	for (left = stats.waiting; left > 0 && rc > 0;
	     left -= left < (uint64_t)rc ? left : (uint64_t)rc) {
		rc = writer_step(&writer.batch, adapter.engine);
		if (rc <= 0)
			break;
		writer.pause_ms = 0;
	}
	if (rc < 0)
		failed();
	return rc < 0 ? rc : 0;
}

/* In mode 2, before the journal has no room for more. */
static bool is_filling(void)
{
	struct parley_store_stats stats;

	if (adapter.set.db.mode != 2)
		return false;
	parley_store_get_stats(adapter.engine, host_now(), &stats);
	return stats.bytes_used > stats.bytes / 2 || stats.unrecorded > 0;
}

static void work(void)
{
	uint64_t now_ms = host_now().ms;

	if (!connected())
		return;
	load_rest();
	if (adapter.set.db.mode == 3 || !writer.batch.batch ||
	    (now_ms < writer.due_ms && !is_filling()))
		return;
	writer.due_ms = now_ms + interval_ms();
	drain();
}

static const char *carry_out(const struct ask *ask, struct db_load_count *count)
{
	struct parley_str text = {ask->text, ask->len};
	int (*before)(void) = adapter.set.db.mode == 3 ? NULL : drain;
	int rc;

	if (!connected())
		return "the database does not answer";
	if (ask->what == ASK_LOAD_CALLID)
		rc = db_load_callid(writer.batch.link, text, before, count);
	else if (ask->what == ASK_LOAD_EXTRA)
		rc = db_load_extra(writer.batch.link, before, count);
	else
		rc = db_load_adopt(writer.batch.link, text, count);
	if (rc == DB_GONE)
		failed();
	return rc < 0 ? "the database refuses, see the log" : NULL;
}

static void answer(const struct ask *ask)
{
	struct db_load_count count = {0};

	if (ask->what == ASK_FLUSH)
		writer.due_ms = 0;
	else
		asks_answer(ask, carry_out(ask, &count), &count);
}

static int wait_ms(void)
{
	uint64_t now_ms = host_now().ms;
	uint64_t until_ms = now_ms + IDLE_MS;

	if (!writer.batch.batch)
		until_ms = writer.retry_ms;
	else if (adapter.set.db.mode != 3 && writer.due_ms < until_ms)
		until_ms = writer.due_ms;
	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

void writer_loop(void)
{
	struct ask ask;

	writer.due_ms = host_now().ms + interval_ms();
	writer.batch.has_more = db_load_has_more();
	for (;;) {
		cfg_update();
		procs_flush();
		work();
		if (asks_next(&ask, wait_ms()))
			answer(&ask);
	}
}

void writer_flush_loop(void)
{
	for (;;) {
		sleep_us(INTERVAL_MS * 1000);
		cfg_update();
		journal_file_sync();
	}
}

/* ------------------------------------------------ how far it is behind */

static bool is_behind(const struct parley_store_stats *stats)
{
	return stats->unrecorded > 0 ||
	       stats->oldest_ms > interval_ms() + BEHIND_MS;
}

static void say_behind(const struct parley_store_stats *stats)
{
	LM_WARN("database: is behind: %llu dialogs wait to be written, the "
		"oldest for %llu s; calls go on\n",
		(unsigned long long)(stats->waiting + stats->taken),
		(unsigned long long)(stats->oldest_ms / 1000));
	if (stats->unrecorded > 0)
		LM_WARN("database: the journal has no room for %llu more "
			"dialogs, which a crash would lose; a larger "
			"journal_size is needed\n",
			(unsigned long long)stats->unrecorded);
}

void writer_watch(void)
{
	static uint64_t next_ms, said_ms;
	static bool said_full;
	struct parley_store_stats stats;
	uint64_t now_ms = host_now().ms;
	uint64_t since_ms;

	if (!shared || adapter.set.db.mode == 3 || now_ms < next_ms)
		return;
	next_ms = now_ms + WATCH_MS;
	parley_store_get_stats(adapter.engine, host_now(), &stats);
	since_ms = atomic_load(&shared->behind_since_ms);
	if (is_behind(&stats)) {
		if (since_ms == 0)
			atomic_store(&shared->behind_since_ms, now_ms);
		if (since_ms == 0 || now_ms - said_ms >= AGAIN_MS ||
		    (stats.unrecorded > 0 && !said_full)) {
			say_behind(&stats);
			said_ms = now_ms;
			said_full |= stats.unrecorded > 0;
		}
	} else if (since_ms != 0) {
		atomic_store(&shared->behind_since_ms, 0);
		said_full = false;
		LM_WARN("database: has caught up after %llu s\n",
			(unsigned long long)((now_ms - since_ms) / 1000));
	}
}

uint64_t writer_batches(void)
{
	return shared ? atomic_load(&shared->batches) : 0;
}

void writer_get_stats(struct writer_stats *stats)
{
	*stats = (struct writer_stats){0};
	if (!shared)
		return;
	if (adapter.set.db.mode != 3)
		parley_store_get_stats(adapter.engine, host_now(),
				       &stats->store);
	stats->written = atomic_load(&shared->written);
	stats->deleted = atomic_load(&shared->deleted);
	stats->statements = atomic_load(&shared->statements);
	stats->batches = atomic_load(&shared->batches);
	stats->refused = atomic_load(&shared->refused);
	stats->errors = atomic_load(&shared->errors);
	stats->last_commit_s = atomic_load(&shared->last_commit_s);
	stats->connected = atomic_load(&shared->connected);
	stats->behind = atomic_load(&shared->behind_since_ms) != 0;
}
