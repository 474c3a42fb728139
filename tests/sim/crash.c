/* See crash.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crash.h"

/* The only variable outside functions: a signal handler gets no argument, and
 * may not format anything. */
static char crash_line[64];

static void crashed(int signal_number)
{
	if (write(STDOUT_FILENO, crash_line, sizeof(crash_line)) < 0)
		_exit(2);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

void crash_watch(void)
{
	signal(SIGSEGV, crashed);
	signal(SIGABRT, crashed);
}

void crash_is_of(const char *program, uint64_t seed)
{
	int used = snprintf(crash_line, sizeof(crash_line) - 1,
			    "not ok %s crash, seed %llu", program,
			    (unsigned long long)seed);

	memset(crash_line + used, ' ', sizeof(crash_line) - (size_t)used);
	crash_line[sizeof(crash_line) - 1] = '\n';
}
