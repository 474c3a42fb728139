/* See fifo_send.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter.h"
#include "fifo_parse.h"
#include "fifo_send.h"
#include "text.h"

enum {
	TRY_MS = 50,	   /* between two looks for a reader */
	OPEN_MS = 2000,	   /* until there is one */
	SILENCE_MS = 5000, /* until he reads on */
	ALL_MS = 60 * 1000,
	IDLE_MS = 1000,
	CHUNK = 1 << 20, /* written at once */
};

struct answer {
	bool used;
	bool first; /* no older one is for the same FIFO */
	int fd;	    /* -1: nobody reads yet */
	uint32_t number;
	uint64_t until_ms;     /* of what it waits for */
	uint64_t until_all_ms; /* of all */
	uint64_t next_ms;      /* the next look for a reader */
	struct fifo_reply reply;
	size_t sent;
	uint32_t name_len;
	char name[FIFO_REPLY_NAME_MAX];
};

static struct {
	struct answer answers[FIFO_SEND_MAX];
	uint32_t count; /* gives each its number */
} sending;

static struct parley_str name_of(const struct answer *answer)
{
	return (struct parley_str){answer->name, answer->name_len};
}

/* Two answers for one FIFO are sent one after the other. */
static void choose_first(void)
{
	for (int i = 0; i < FIFO_SEND_MAX; i++) {
		struct answer *one = &sending.answers[i];

		one->first = one->used;
		for (int k = 0; k < FIFO_SEND_MAX && one->first; k++) {
			const struct answer *other = &sending.answers[k];

			one->first = !other->used ||
				     other->number >= one->number ||
				     !text_equal(name_of(other), name_of(one));
		}
	}
}

static void forget(struct answer *answer)
{
	if (answer->fd >= 0)
		close(answer->fd);
	fifo_reply_free(&answer->reply);
	answer->used = false;
	choose_first();
}

static void give_up(struct answer *answer, const char *why)
{
	log_limited(LOG_CAUSE_RPC, L_WARN,
		    "mi_fifo: the answer for %.*s%s%.*s is dropped: %s\n",
		    adapter.set.mi_fifo_reply_dir.len,
		    adapter.set.mi_fifo_reply_dir.s, "/", (int)answer->name_len,
		    answer->name, why);
	forget(answer);
}

bool fifo_send_has_room(void)
{
	for (int i = 0; i < FIFO_SEND_MAX; i++)
		if (!sending.answers[i].used)
			return true;
	return false;
}

void fifo_send(struct parley_str name, struct fifo_reply *reply)
{
	struct answer *answer = NULL;

	for (int i = 0; i < FIFO_SEND_MAX && !answer; i++)
		if (!sending.answers[i].used)
			answer = &sending.answers[i];
	if (!answer || reply->len == 0 || name.len > sizeof(answer->name)) {
		log_limited(LOG_CAUSE_RPC, L_ERR,
			    "mi_fifo: no memory left for an answer\n");
		fifo_reply_free(reply);
		return;
	}
	*answer = (struct answer){
		.used = true,
		.fd = -1,
		.number = sending.count++,
		.reply = *reply,
		.name_len = name.len,
	};
	memcpy(answer->name, name.s, name.len);
	*reply = (struct fifo_reply){0};
	choose_first();
}

/* ------------------------------------------------ one answer */

/* A FIFO by this one name, and no link. NULL: it is; else why not. */
static const char *fifo_fault(int fd)
{
	struct stat found;

	if (fstat(fd, &found) < 0)
		return strerror(errno);
	if (!S_ISFIFO(found.st_mode))
		return "it is no FIFO";
	return found.st_nlink > 1 ? "it has several names" : NULL;
}

static void try_open(struct answer *answer, uint64_t now_ms)
{
	const str *folder = &adapter.set.mi_fifo_reply_dir;
	const char *fault;
	char path[1024];
	int len = snprintf(path, sizeof(path), "%.*s/%.*s", folder->len,
			   folder->s, (int)answer->name_len, answer->name);

	answer->next_ms = now_ms + TRY_MS;
	if (len < 0 || (size_t)len >= sizeof(path)) {
		give_up(answer, "its path is too long");
		return;
	}
	answer->fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC |
					O_NOCTTY);
	if (answer->fd < 0) {
		/* ENXIO: nobody reads. */
		if (errno != ENXIO)
			give_up(answer, strerror(errno));
		else if (now_ms >= answer->until_ms)
			give_up(answer, "nobody reads there");
		return;
	}
	fault = fifo_fault(answer->fd);
	if (fault)
		give_up(answer, fault);
	else
		answer->until_ms = now_ms + SILENCE_MS;
}

static void try_write(struct answer *answer, uint64_t now_ms)
{
	size_t left = answer->reply.len - answer->sent;
	ssize_t done = write(answer->fd, answer->reply.s + answer->sent,
			     left < CHUNK ? left : CHUNK);

	if (done > 0) {
		answer->sent += (size_t)done;
		answer->until_ms = now_ms + SILENCE_MS;
		if (answer->sent == answer->reply.len)
			forget(answer);
	} else if (done < 0 && errno != EAGAIN && errno != EINTR) {
		give_up(answer, strerror(errno));
	} else if (now_ms >= answer->until_ms) {
		give_up(answer, "it is not read on");
	}
}

static void go_on(struct answer *answer, uint64_t now_ms)
{
	/* Its time begins when its turn comes. */
	if (answer->until_all_ms == 0) {
		answer->until_ms = now_ms + OPEN_MS;
		answer->until_all_ms = now_ms + ALL_MS;
	}
	if (now_ms >= answer->until_all_ms) {
		give_up(answer, "it is read too slowly");
		return;
	}
	if (answer->fd < 0 && now_ms >= answer->next_ms)
		try_open(answer, now_ms);
	if (answer->used && answer->fd >= 0)
		try_write(answer, now_ms);
}

/* ------------------------------------------------ all of them */

void fifo_send_go_on(void)
{
	uint64_t now_ms = host_now().ms;

	for (int i = 0; i < FIFO_SEND_MAX; i++)
		if (sending.answers[i].used && sending.answers[i].first)
			go_on(&sending.answers[i], now_ms);
}

unsigned int fifo_send_polled(struct pollfd *fds)
{
	unsigned int count = 0;

	for (int i = 0; i < FIFO_SEND_MAX; i++) {
		const struct answer *answer = &sending.answers[i];

		if (answer->used && answer->fd >= 0)
			fds[count++] = (struct pollfd){.fd = answer->fd,
						       .events = POLLOUT};
	}
	return count;
}

int fifo_send_wait_ms(void)
{
	uint64_t now_ms = host_now().ms;
	uint64_t until_ms = now_ms + IDLE_MS;

	for (int i = 0; i < FIFO_SEND_MAX; i++) {
		const struct answer *answer = &sending.answers[i];
		uint64_t due_ms =
			answer->fd < 0 ? answer->next_ms : answer->until_ms;

		if (answer->used && answer->first && due_ms < until_ms)
			until_ms = due_ms;
	}
	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}
