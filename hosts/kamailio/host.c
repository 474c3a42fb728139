/*
 * host.c - Kamailio as the engine's host: memory, locks, randomness, log
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "core/hashes.h"
#include "core/locking.h"
#include "core/pt.h"
#include "core/ut.h"

#include "capi.h"
#include "names.h"

enum {
	LOG_LINES_PER_SECOND = 10,
	LOG_LINE_MAX = 1024,
	RANDOM_STOCK = 32,
	/* RFC 3261 17.1.1.2: 64*T1 is how long a callee repeats its 2xx. */
	CROSSING_MS = 64 * 500 + 1000,
	FREEZE_MS = 500,
};

/* A cache line each: workers spin on neighbouring locks. */
struct host_lock {
	_Alignas(64) gen_lock_t lock;
};

struct log_count {
	_Atomic uint32_t second, written, left_out;
};

/* In shared memory. */
struct host_shared {
	struct log_count log[LOG_CAUSES];
	_Atomic uint64_t crossing_until_ms;
};

static struct {
	struct host_lock *locks;
	uint32_t lock_count;
	bool frozen;	   /* main alone is left, and needs no locks */
	void *locks_block; /* as it was allocated */
	struct host_shared *shared;
} host;

/* ------------------------------------------------ the engine's host */

static void *host_alloc(void *self, size_t size)
{
	(void)self;
	return shm_malloc(size);
}

static void host_free(void *self, void *ptr)
{
	(void)self;
	shm_free(ptr);
}

static void host_lock(void *self, uint32_t index)
{
	(void)self;
	if (!host.frozen)
		lock_get(&host.locks[index].lock);
}

static void host_unlock(void *self, uint32_t index)
{
	(void)self;
	if (!host.frozen)
		lock_release(&host.locks[index].lock);
}

/* A stock of the kernel's random numbers, one per process: after a fork the
 * child must not hand out its parent's. */
static uint64_t host_random(void *self)
{
	static struct {
		int pid;
		uint32_t left;
		uint64_t numbers[RANDOM_STOCK];
	} stock;

	(void)self;
	if (stock.pid != my_pid() || stock.left == 0) {
		/* Up to 256 bytes are never cut short (getrandom(2)). */
		while (getrandom(stock.numbers, sizeof(stock.numbers), 0) !=
		       (ssize_t)sizeof(stock.numbers))
			;
		stock.pid = my_pid();
		stock.left = RANDOM_STOCK;
	}
	return stock.numbers[--stock.left];
}

static uint32_t host_hash(void *self, struct parley_str callid)
{
	str s = to_str(callid);

	(void)self;
	return core_hash(&s, NULL, 0);
}

static void host_log(void *self, enum parley_log_level level, const char *text)
{
	static const int levels[] = {
		[PARLEY_LOG_ERROR] = L_ERR,
		[PARLEY_LOG_WARNING] = L_WARN,
		[PARLEY_LOG_INFO] = L_INFO,
	};

	(void)self;
	log_limited(LOG_CAUSE_ENGINE, levels[level], "%s\n", text);
}

static bool host_pause(void *self)
{
	(void)self;
	sleep_us(1000);
	return true;
}

/* ------------------------------------------------ names */

static struct parley_str host_socket_text(void *self, void *socket)
{
	(void)self;
	return names_socket(socket);
}

static void *host_socket_find(void *self, struct parley_str text)
{
	(void)self;
	return names_find_socket(text);
}

static int32_t host_route_find(void *self, struct parley_str name)
{
	(void)self;
	return names_find_route(name);
}

/* ------------------------------------------------ time */

struct parley_now host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct parley_now){
		.ms = (uint64_t)now.tv_sec * 1000 +
		      (uint64_t)now.tv_nsec / 1000000,
		.unix_s = (uint32_t)time(NULL),
	};
}

void host_crossing_start(void)
{
	atomic_store_explicit(&host.shared->crossing_until_ms,
			      host_now().ms + CROSSING_MS,
			      memory_order_relaxed);
}

bool host_crossing_expected(void)
{
	uint64_t until = atomic_load_explicit(&host.shared->crossing_until_ms,
					      memory_order_relaxed);

	/* The clock is only asked when calls have been ended at all. */
	return until != 0 && host_now().ms < until;
}

/* ------------------------------------------------ log */

const char *log_place(const char *place)
{
	static char text[96];
	const char *name = adapter.name;

	/* While the configuration is read nobody has told us. */
	if (!name)
		name = find_module_by_name("ims_dialog")  ? "ims_dialog"
		       : find_module_by_name("dialog_ng") ? "dialog_ng"
							  : "dialog";
	snprintf(text, sizeof(text), "%s [%s]: ", name, place);
	return text;
}

/* True if a line may be written now. @left_outp: how many of an earlier second
 * were not. Two processes that race at a second's turn may write a line too
 * many or lose one from the count; neither matters. */
static bool log_allowed(enum log_cause cause, uint32_t *left_outp)
{
	struct log_count *count = &host.shared->log[cause];
	uint32_t second = (uint32_t)(host_now().ms / 1000);

	*left_outp = 0;
	if (atomic_exchange_explicit(&count->second, second,
				     memory_order_relaxed) != second) {
		atomic_store_explicit(&count->written, 0, memory_order_relaxed);
		*left_outp = atomic_exchange_explicit(&count->left_out, 0,
						      memory_order_relaxed);
	}
	if (atomic_fetch_add_explicit(&count->written, 1,
				      memory_order_relaxed) <
	    LOG_LINES_PER_SECOND)
		return true;
	atomic_fetch_add_explicit(&count->left_out, 1, memory_order_relaxed);
	return false;
}

static void log_left_out(enum log_cause cause, uint32_t lines)
{
	static const char *const names[LOG_CAUSES] = {
		[LOG_CAUSE_ENGINE] = "the engine",
		[LOG_CAUSE_MEMORY] = "calls that are not followed",
		[LOG_CAUSE_MESSAGE] = "malformed messages",
		[LOG_CAUSE_COOKIE] = "cookies that name no dialog",
		[LOG_CAUSE_UNKNOWN] = "requests for unknown dialogs",
		[LOG_CAUSE_SEND] = "requests that were not sent",
		[LOG_CAUSE_END] = "calls that were not ended",
		[LOG_CAUSE_QUEUE] = "work for the actions process",
		[LOG_CAUSE_PROFILE] = "profiles",
		[LOG_CAUSE_SCRIPT] = "script functions",
		[LOG_CAUSE_PV] = "pseudo-variables",
		[LOG_CAUSE_RPC] = "RPC commands",
		[LOG_CAUSE_MODULE] = "calls of modules on top",
		[LOG_CAUSE_DMQ] = "other nodes",
		[LOG_CAUSE_DB] = "the database",
	};

	if (lines > 0)
		LM_WARN("%u more lines about %s were left out\n", lines,
			names[cause]);
}

void log_limited(enum log_cause cause, int level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	uint32_t left_out = 0;
	va_list args;

	/* While the configuration is read there are no others to count. */
	if (host.shared && !log_allowed(cause, &left_out))
		return;
	log_left_out(cause, left_out);
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	LOG(level, "%s", line);
}

void log_flush(void)
{
	uint32_t second = (uint32_t)(host_now().ms / 1000);

	for (int cause = 0; cause < LOG_CAUSES; cause++) {
		struct log_count *count = &host.shared->log[cause];

		if (atomic_load_explicit(&count->left_out,
					 memory_order_relaxed) > 0 &&
		    atomic_load_explicit(&count->second,
					 memory_order_relaxed) != second)
			log_left_out(
				(enum log_cause)cause,
				atomic_exchange_explicit(&count->left_out, 0,
							 memory_order_relaxed));
	}
}

/* ------------------------------------------------ start and end */

static int make_locks(uint32_t count)
{
	size_t align = _Alignof(struct host_lock);
	uintptr_t block;

	host.locks_block = shm_malloc(count * sizeof(struct host_lock) + align);
	if (!host.locks_block)
		return -1;
	block = (uintptr_t)host.locks_block;
	host.locks = (struct host_lock *)((block + align - 1) & ~(align - 1));
	host.lock_count = count;
	for (uint32_t i = 0; i < count; i++)
		if (!lock_init(&host.locks[i].lock))
			return -1;
	return 0;
}

static const struct parley_host shared_host = {
	.version = PARLEY_HOST_VERSION,
	.alloc = host_alloc,
	.free = host_free,
	.lock = host_lock,
	.unlock = host_unlock,
	.random = host_random,
	.hash = host_hash,
	.log = host_log,
	.pause = host_pause,
	.show = capi_show,
	.socket_text = host_socket_text,
	.socket_find = host_socket_find,
	.route_find = host_route_find,
};

int host_init(void)
{
	struct parley_config config;
	const char *fault;

	params_config(&config);
	fault = parley_config_fault(&config);
	if (fault) {
		LM_ERR("cannot start: %s\n", fault);
		return -1;
	}
	host.shared = shm_malloc(sizeof(*host.shared));
	if (host.shared)
		memset(host.shared, 0, sizeof(*host.shared));
	if (!host.shared || make_locks(parley_locks(&config)) < 0 ||
	    parley_create(&shared_host, &config, &adapter.engine) < 0 ||
	    (adapter.set.value_index &&
	     parley_index_values(adapter.engine) < 0)) {
		LM_ERR("not enough shared memory to start with hash_size=%u: "
		       "start kamailio with a larger -m\n",
		       config.hash_size);
		return -1;
	}
	return 0;
}

void host_freeze(void)
{
	uint64_t end_ms = host_now().ms + FREEZE_MS;

	/* Who was killed inside of a lock never gives it back. */
	for (uint32_t i = 0; i < host.lock_count; i++)
		while (lock_try(&host.locks[i].lock) != 0 &&
		       host_now().ms < end_ms)
			sleep_us(100);
	host.frozen = true;
}

static void *alone_alloc(void *self, size_t size)
{
	(void)self;
	return malloc(size);
}

static void alone_free(void *self, void *ptr)
{
	(void)self;
	free(ptr);
}

static void alone_lock(void *self, uint32_t index)
{
	(void)self;
	(void)index;
}

int host_make_alone(struct parley **enginep)
{
	struct parley_host calls = shared_host;
	struct parley_config config;

	params_config(&config);
	calls.alloc = alone_alloc;
	calls.free = alone_free;
	calls.lock = alone_lock;
	calls.unlock = alone_lock;
	return parley_create(&calls, &config, enginep);
}

void host_fini(void)
{
	struct parley *engine = adapter.engine;

	/* tm may still call back when its transactions are destroyed. */
	adapter.engine = NULL;
	parley_destroy(engine);
	if (host.locks_block)
		shm_free(host.locks_block);
	if (host.shared)
		shm_free(host.shared);
	host.locks_block = NULL;
	host.shared = NULL;
}
