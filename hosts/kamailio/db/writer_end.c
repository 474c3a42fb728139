/*
 * What main writes when the other processes are gone.
 *
 * They were ended wherever they were, perhaps inside of a lock. The journal can
 * be read without any, so it is read as after a crash, with an engine that is
 * made for it. Mode 3 has none, and has to use the dialogs as they were left.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/globals.h"
#include "core/ut.h"

#include "db_load.h"
#include "journal_file.h"
#include "loaded.h"
#include "writer.h"

enum {
	WAIT_STEP_US = 2000,
	STALLED_MS = 10000, /* without a batch: the database does not answer */
};

static uint64_t left_in(struct parley *engine)
{
	struct parley_store_stats stats = {0};

	parley_store_get_stats(engine, host_now(), &stats);
	return stats.waiting + stats.taken;
}

/* ------------------------------------------------ modes 1 and 2 */

/* The journal with an engine of its own; NULL: no memory, or it is broken. */
static struct parley *open_left(void)
{
	struct parley_store_config area = journal_file_area();
	struct parley *engine = NULL;

	area.keep_replaced = false;
	if (host_make_alone(&engine) < 0)
		return NULL;
	if (parley_store_open(engine, host_now(), &area) == 0)
		return engine;
	parley_destroy(engine);
	return NULL;
}

static void drain(void)
{
	struct writer_batch batch = {.has_more = db_load_has_more()};
	struct parley *engine = open_left();
	int rc = DB_GONE;

	if (engine && writer_connect(&batch))
		do {
			rc = writer_step(&batch, engine);
		} while (rc > 0);
	writer_disconnect(&batch);
	reader_fini(&batch.reader);
	parley_destroy(engine);
}

/* Kamailio gives its end so many seconds, and aborts it then. */
static uint64_t patience_ms(void)
{
	return (uint64_t)(ser_kill_timeout > 20 ? ser_kill_timeout - 10
						: ser_kill_timeout / 2) *
	       1000;
}

/* Waits until the process has ended, or ends it. */
static void wait_for(pid_t pid)
{
	uint64_t now_ms = host_now().ms;
	uint64_t end_ms = now_ms + patience_ms();
	uint64_t stalled_ms = now_ms + STALLED_MS;
	uint64_t batches = writer_batches();

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		now_ms = host_now().ms;
		if (writer_batches() != batches) {
			batches = writer_batches();
			stalled_ms = now_ms + STALLED_MS;
		}
		if (now_ms >= end_ms || now_ms >= stalled_ms)
			kill(pid, SIGKILL);
		sleep_us(WAIT_STEP_US);
	}
}

/* A database that does not answer may keep who asks it for ever, so that is a
 * process which can be ended. */
static void drain_in_child(void)
{
	pid_t pid = fork();

	if (pid > 0) {
		wait_for(pid);
		return;
	}
	drain();
	if (pid == 0)
		_exit(0);
}

/* What a process has done to the journal is seen by looking anew. False: it
 * cannot be told. */
static bool count_left(uint64_t *leftp)
{
	struct parley *engine = open_left();

	if (!engine)
		return false;
	*leftp = left_in(engine);
	parley_destroy(engine);
	return true;
}

static void finish_journal(void)
{
	uint64_t left = 0;
	bool known;

	if (!journal_file_area().area)
		return;
	known = count_left(&left);
	if (known && left > 0) {
		drain_in_child();
		known = count_left(&left);
	}
	if (!known)
		LM_ERR("journal %s: cannot be read; it stays for the next "
		       "start\n",
		       journal_file_path());
	else if (left > 0)
		LM_ERR("database: %llu dialogs could not be written; they stay "
		       "in the journal %s for the next start\n",
		       (unsigned long long)left, journal_file_path());
	journal_file_close(known && left == 0);
}

/* ------------------------------------------------ mode 3 */

enum { ALL_MAX = 20000 }; /* dialogs of one batch: as few commits as may be */

struct finish {
	struct writer_batch batch;
	struct parley_id *loaded; /* what the database has rows of */
	uint32_t loaded_count;
	uint64_t written, lost;
	bool gone; /* the database is, nothing more is tried */
};

static void flush(struct finish *finish)
{
	uint32_t count = finish->batch.puts;

	if (finish->batch.puts + finish->batch.gone == 0)
		return;
	if (writer_put(&finish->batch) == DB_DONE) {
		finish->written += count;
	} else {
		finish->lost += count;
		finish->gone = true;
	}
}

/* 1: it is to be written; 0: the call is over, or another node's. */
static int export(struct finish *finish, struct parley_id id,
		  struct parley_image *image)
{
	struct reader *reader = &finish->batch.reader;
	size_t needed = sizeof(*image);
	int rc;

	do {
		if (!reader_reserve(reader, needed))
			return PARLEY_E_MEMORY;
		rc = parley_export(adapter.engine, host_now(), id, image,
				   reader->buffer, reader->size, &needed);
	} while (rc == PARLEY_E_SPACE);
	return rc == 0 && image->view.owner.len == 0 &&
	       image->view.state != PARLEY_STATE_DELETED;
}

static void write_dialog(struct finish *finish, struct parley_id id)
{
	struct parley_image image;
	int rc = export(finish, id, &image);
	bool known = loaded_has(finish->loaded, finish->loaded_count, id);

	if (rc == 0)
		return;
	if (rc > 0 && !finish->gone &&
	    db_batch_put(finish->batch.batch, &image, known, 0, host_now()) ==
		    0)
		finish->batch.puts++;
	else
		finish->lost++;
	if (finish->batch.puts >= ALL_MAX)
		flush(finish);
}

/* The rows of a call that was loaded and is over. */
static void delete_dialog(struct finish *finish, struct parley_id id)
{
	struct parley_image image;

	if (finish->gone || export(finish, id, &image) != 0)
		return;
	if (db_batch_gone(finish->batch.batch, id, (struct parley_str){0}, 0) ==
	    0)
		finish->batch.gone++;
	if (finish->batch.gone >= ALL_MAX)
		flush(finish);
}

static void finish_all(void)
{
	struct finish finish = {0};
	struct parley_id id = {0, 0};

	finish.batch.has_more = db_load_has_more();
	finish.gone = !writer_connect(&finish.batch);
	finish.loaded = loaded_sorted(&finish.loaded_count);
	while (parley_next(adapter.engine, &id))
		write_dialog(&finish, id);
	for (uint32_t i = 0; i < finish.loaded_count; i++)
		delete_dialog(&finish, finish.loaded[i]);
	if (!finish.gone)
		flush(&finish);
	if (finish.lost > 0)
		LM_ERR("database: %llu dialogs could not be written and are "
		       "lost\n",
		       (unsigned long long)finish.lost);
	LM_NOTICE("database: %llu dialogs written at the end\n",
		  (unsigned long long)finish.written);
	free(finish.loaded);
	writer_disconnect(&finish.batch);
	reader_fini(&finish.batch.reader);
}

void writer_abandon(void)
{
	if (adapter.engine)
		journal_file_close(left_in(adapter.engine) == 0);
}

void writer_finish(void)
{
	if (adapter.set.db.mode == 3)
		finish_all();
	else if (adapter.set.db.mode != 0)
		finish_journal();
}
