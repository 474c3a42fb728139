/*
 * procs.c - processes of our own
 *
 * "dialog timer" pulls expired timers out of the engine ten times a second and
 * does nothing that takes time. What they lead to - routes of the script, BYEs,
 * event routes - is done by "dialog actions", which gets it through a pipe. A
 * pipe that is full must not stop the clock: what does not fit waits in the
 * timer process's own memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/cfg/cfg_struct.h"
#include "core/pt.h"
#include "core/receive.h"
#include "core/ut.h"

#include "dmq.h"
#include "fifo.h"
#include "db_load.h"
#include "writer.h"

enum { TICK_US = 100 * 1000 };

/* struct parley_actions without the unused places of its list. */
struct record {
	uint32_t size; /* of what is written of it */
	uint32_t count;
	struct parley_id id;
	uint8_t old_state, new_state;
	struct parley_note note;
	struct parley_action list[PARLEY_ACTIONS_MAX];
};
_Static_assert(sizeof(struct record) <= PIPE_BUF, "a pipe must not tear it");

struct waiting {
	struct waiting *next;
	struct record record; /* only record.size bytes of it are there */
};

static struct {
	int read_end, write_end;
	struct waiting *first, *last; /* in the timer process */
} queue = {-1, -1, NULL, NULL};

/* ------------------------------------------------ the timer's side */

static void fill_record(struct record *record,
			const struct parley_actions *actions)
{
	size_t list = actions->count * sizeof(actions->list[0]);

	record->size = (uint32_t)(offsetof(struct record, list) + list);
	record->count = actions->count;
	record->id = actions->id;
	record->old_state = actions->old_state;
	record->new_state = actions->new_state;
	record->note = actions->note;
	memcpy(record->list, actions->list, list);
}

static bool queue_write(const struct record *record)
{
	return write(queue.write_end, record, record->size) ==
	       (ssize_t)record->size;
}

void procs_flush(void)
{
	while (queue.first && queue_write(&queue.first->record)) {
		struct waiting *done = queue.first;

		queue.first = done->next;
		if (!queue.first)
			queue.last = NULL;
		free(done);
	}
}

/* libc's memory, because Kamailio's private pool of 8 MB is soon used up when
 * a hundred thousand calls end in one second. */
static void queue_wait(const struct record *record)
{
	struct waiting *waiting =
		malloc(offsetof(struct waiting, record) + record->size);

	if (!waiting) {
		log_limited(LOG_CAUSE_QUEUE, L_ERR,
			    "dialog %u.%u: no memory left; its end is not "
			    "carried out\n",
			    record->id.entry, record->id.id);
		return;
	}
	waiting->next = NULL;
	memcpy(&waiting->record, record, record->size);
	if (queue.last)
		queue.last->next = waiting;
	else
		queue.first = waiting;
	queue.last = waiting;
}

void procs_push(const struct parley_actions *actions)
{
	struct record record;

	if (actions->count == 0 && actions->note.types == 0)
		return;
	fill_record(&record, actions);
	/* Behind those that wait, to keep the order. */
	if (queue.first || !queue_write(&record))
		queue_wait(&record);
}

/* It is no turn of the dialog's: nobody is to wait until it was told. */
void procs_push_saved(struct parley_id id)
{
	const struct parley_actions actions = {
		.id = id,
		.note.types = PARLEY_NOTE_SAVED,
	};

	procs_push(&actions);
}

static void timer_loop(void)
{
	struct parley_actions actions;

	for (;;) {
		sleep_us(TICK_US);
		cfg_update();
		procs_flush();
		while (parley_expire(adapter.engine, host_now(), &actions))
			procs_push(&actions);
		writer_watch();
		log_flush();
	}
}

/* ------------------------------------------------ the actions' side */

static bool read_all(void *target, size_t size)
{
	char *at = target;

	while (size > 0) {
		ssize_t got = read(queue.read_end, at, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

static bool queue_pop(struct parley_actions *actions)
{
	const size_t head = offsetof(struct record, list);
	struct record record;

	if (!read_all(&record, head) || record.count > PARLEY_ACTIONS_MAX ||
	    !read_all(record.list, record.size - head))
		return false;
	actions->id = record.id;
	actions->old_state = record.old_state;
	actions->new_state = record.new_state;
	actions->note = record.note;
	actions->count = record.count;
	memcpy(actions->list, record.list,
	       record.count * sizeof(record.list[0]));
	return true;
}

static void actions_loop(void)
{
	struct parley_actions actions;

	while (queue_pop(&actions)) {
		cfg_update();
		if (actions.note.types == PARLEY_NOTE_SAVED)
			parley_notify(adapter.engine, actions.id,
				      PARLEY_NOTE_SAVED, PARLEY_DIR_NONE, NULL);
		else
			sip_run(NULL, &actions, NULL);
		/* What a route has set must not reach the next one. */
		ksr_msg_env_reset();
	}
	LM_ERR("the pipe from the dialog timer is broken\n");
}

/* ------------------------------------------------ start */

static bool has_database(void)
{
	return adapter.set.db.mode != 0;
}

static bool flushes_journal(void)
{
	return has_database() && adapter.set.db.mode != 3 &&
	       adapter.set.db.journal_sync;
}

static int processes(void)
{
	return 2 + (adapter.set.enable_dmq != 0) + has_database() +
	       flushes_journal() + fifo_is_wanted();
}

int procs_pipe(int ends[2])
{
	if (pipe(ends) == 0 && fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	LM_ERR("cannot make a pipe: %s\n", strerror(errno));
	return -1;
}

int procs_init(void)
{
	int ends[2];

	if (procs_pipe(ends) < 0)
		return -1;
	queue.read_end = ends[0];
	queue.write_end = ends[1];
	register_procs(processes());
	cfg_register_child(processes());
	return 0;
}

/* Does not return in the new process. */
static int start_process(int rank, char *name, int sockets, void (*loop)(void))
{
	int pid = fork_process(rank, name, sockets);

	if (pid < 0) {
		LM_ERR("cannot start the process \"%s\"\n", name);
		return -1;
	}
	if (pid > 0)
		return 0;
	if (cfg_child_init())
		exit(1);
	loop();
	exit(1);
}

/* The database's: nobody else's child_init, so that connections are their
 * own. */
static int start_writers(void)
{
	static char writer_name[] = "dialog writer";
	static char journal_name[] = "dialog journal";

	if (has_database() &&
	    start_process(PROC_NOCHLDINIT, writer_name, 0, writer_loop) < 0)
		return -1;
	db_load_forked();
	if (flushes_journal() && start_process(PROC_NOCHLDINIT, journal_name, 0,
					       writer_flush_loop) < 0)
		return -1;
	return 0;
}

int procs_child_init(int rank)
{
	static char timer_name[] = "dialog timer";
	static char actions_name[] = "dialog actions";
	static char dmq_name[] = "dialog dmq";
	static char fifo_name[] = "dialog fifo";

	if (rank != PROC_MAIN)
		return 0;
	/* Routes may use what other modules set up for a timer process. */
	if (start_process(PROC_TIMER, actions_name, 1, actions_loop) < 0)
		return -1;
	if (adapter.set.enable_dmq &&
	    start_process(PROC_TIMER, dmq_name, 1, dmq_loop) < 0)
		return -1;
	if (start_writers() < 0)
		return -1;
	if (fifo_is_wanted() &&
	    start_process(PROC_RPC, fifo_name, 1, fifo_loop) < 0)
		return -1;
	return start_process(PROC_NOCHLDINIT, timer_name, 0, timer_loop);
}
