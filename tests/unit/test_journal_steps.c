/* objects: journal.o journal_open.o hash.o bed.o */
/*
 * A process that is killed at any instruction. A child works on a journal in
 * shared memory and is stopped after each of its instructions; whenever one has
 * changed a block, the area is opened as after a crash.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bed.h"

enum { BLOCKS = 16 }; /* that the child uses at most */

/* What the child is about: the version that is there before and after. */
struct progress {
	volatile uint32_t before, after;
};

static void no_lock(void *self, uint32_t index)
{
	(void)self;
	(void)index;
}

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

/* ------------------------------------------------ the child */

static journal_name put(struct bed *bed, struct progress *progress,
			struct bed_record what, journal_name old)
{
	journal_name name;

	progress->after = what.version;
	name = bed_put(bed, 1, what, old, 0);
	progress->before = what.version;
	return name;
}

static void done(struct bed *bed, struct progress *progress, journal_name name)
{
	progress->after = 0;
	journal_done(&bed->journal, name, true);
	progress->before = 0;
}

/* No assertion in here: its message would be the parent's. False: it did not
 * go as it should. */
static bool work(struct bed *bed, struct progress *progress)
{
	struct bed_record what = {.version = 1, .bytes = 600};
	struct journal_record taken, gone;
	journal_name name = put(bed, progress, what, 0);

	what = (struct bed_record){.version = 2, .bytes = 1100};
	name = put(bed, progress, what, name);
	what = (struct bed_record){.version = 3, .bytes = 100};
	name = put(bed, progress, what, name);
	if (!journal_take(&bed->journal, &taken))
		return false;
	what = (struct bed_record){.version = 4, .bytes = 20, .gone = true};
	(void)put(bed, progress, what, name);
	if (!journal_take(&bed->journal, &gone))
		return false;
	done(bed, progress, gone.name);
	journal_done(&bed->journal, taken.name, true);
	what = (struct bed_record){.version = 5, .bytes = 700};
	name = put(bed, progress, what, 0);
	progress->after = 0;
	if (!journal_drop(&bed->journal, name))
		return false;
	progress->before = 0;
	what = (struct bed_record){.version = 6, .bytes = 900};
	return put(bed, progress, what, 0) != 0;
}

static _Noreturn void child(struct bed *bed, struct progress *progress)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(2);
	raise(SIGSTOP);
	_exit(work(bed, progress) ? 0 : 1);
}

/* ------------------------------------------------ the parent */

static void look(struct bed *bed, const struct progress *progress,
		 const char *area)
{
	struct bed_record found[BED_IDS];

	memcpy(bed->copy, area, BED_BYTES);
	(void)bed_recover(bed, bed->copy, found);
	assert_true(found[1].version == progress->before ||
		    found[1].version == progress->after);
}

/* Lets the child take one instruction after the other. Returns its status, and
 * how often a block had changed. */
static int follow(struct bed *bed, const struct progress *progress, pid_t pid,
		  uint32_t *changes)
{
	static char before[BLOCKS * JOURNAL_BLOCK];
	const char *area = (const char *)bed->journal.block;
	const char *blocks = area + bed->journal.base * (size_t)JOURNAL_BLOCK;
	int status;

	memcpy(before, blocks, sizeof(before));
	for (;;) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			return status;
		if (memcmp(before, blocks, sizeof(before)) != 0) {
			memcpy(before, blocks, sizeof(before));
			look(bed, progress, area);
			++*changes;
		}
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	}
}

static void killed_at_any_instruction(void **state)
{
	static struct bed bed;
	struct progress *progress = shared(sizeof(*progress));
	struct bed_record found[BED_IDS];
	struct parley_store_config config;
	struct parley_host host;
	uint32_t changes = 0;
	pid_t pid;
	int status;

	(void)state;
	bed_begin(&bed, false);
	config = bed.config;
	config.area = shared(BED_BYTES);
	host = bed.host.host;
	host.lock = no_lock;
	host.unlock = no_lock;
	assert_int_equal(journal_open(&bed.journal, &host, 0, 0, &config), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(&bed, progress);
	status = follow(&bed, progress, pid, &changes);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
		puts("# ptrace() is not allowed here");
		skip();
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* Each record is many stores. */
	assert_true(changes > 100);
	(void)bed_recover(&bed, config.area, found);
	assert_int_equal(found[1].version, 6);
	/* bed_end() looks at the journal, which is the child's. */
	assert_int_equal(journal_open(&bed.journal, &host, 0, 0, &bed.config),
			 0);
	bed_end(&bed);
	munmap(config.area, BED_BYTES);
	munmap(progress, sizeof(*progress));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
