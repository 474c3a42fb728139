/* See fifo.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cfg/cfg_struct.h"
#include "core/globals.h"
#include "core/receive.h"
#include "core/ut.h"

#include "fifo.h"
#include "fifo_run.h"
#include "fifo_send.h"
#include "text.h"

enum {
	FIFO_MODE = 0660,
	HALF_MS = 3000,
	PAUSE_US = 100 * 1000, /* after what should not happen */
	READ_BYTES = 16 * 1024,
};

/* ------------------------------------------------ the file */

static struct {
	bool made;
	dev_t device;
	ino_t inode;
} file;

static int refuse(const char *name, const str *path, const char *why)
{
	LM_ERR("%s=\"%.*s\": %s\n", name, path->len, path->s, why);
	return -1;
}

static int check_folder(const char *name, const str *path, const char *folder)
{
	struct stat found;

	if (stat(folder, &found) < 0)
		return refuse(name, path, strerror(errno));
	return S_ISDIR(found.st_mode)
		       ? 0
		       : refuse(name, path, "it is not in a directory");
}

/* One that another server has left is taken away, but not one that is read. */
static int remove_old(const str *path)
{
	struct stat found;
	int fd;

	if (lstat(path->s, &found) < 0)
		return errno == ENOENT
			       ? 0
			       : refuse("mi_fifo", path, strerror(errno));
	if (!S_ISFIFO(found.st_mode))
		return refuse("mi_fifo", path,
			      "is there, and is no FIFO; it is left alone");
	fd = open(path->s, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return refuse("mi_fifo", path, "another process reads there");
	}
	return unlink(path->s) == 0 ? 0
				    : refuse("mi_fifo", path, strerror(errno));
}

/* Owner and mode of the file that was made, and of no other. */
static int dress(const str *path)
{
	struct stat found;
	int fd = open(path->s, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	int rc = -1;

	if (fd < 0)
		return refuse("mi_fifo", path, strerror(errno));
	if (fstat(fd, &found) == 0 && S_ISFIFO(found.st_mode) &&
	    fchmod(fd, FIFO_MODE) == 0 &&
	    ((uid == 0 && gid == 0) ||
	     fchown(fd, (uid_t)uid, (gid_t)gid) == 0)) {
		file.made = true;
		file.device = found.st_dev;
		file.inode = found.st_ino;
		rc = 0;
	} else {
		refuse("mi_fifo", path, strerror(errno));
		unlink(path->s);
	}
	close(fd);
	return rc;
}

int fifo_init(void)
{
	const str *path = &adapter.set.mi_fifo;
	const str *replies = &adapter.set.mi_fifo_reply_dir;
	char folder[1024];
	const char *end;

	if (!fifo_is_wanted())
		return 0;
	end = strrchr(path->s, '/');
	if (!end || path->len >= (int)sizeof(folder) || end[1] == '\0')
		return refuse("mi_fifo", path,
			      "must be the full path of a FIFO");
	snprintf(folder, sizeof(folder), "%.*s/", (int)(end - path->s),
		 path->s);
	if (check_folder("mi_fifo", path, folder) < 0 ||
	    check_folder("mi_fifo_reply_dir", replies, replies->s) < 0 ||
	    remove_old(path) < 0)
		return -1;
	if (mkfifo(path->s, FIFO_MODE) < 0)
		return refuse("mi_fifo", path, strerror(errno));
	return dress(path);
}

void fifo_fini(void)
{
	struct stat found;

	if (file.made && lstat(adapter.set.mi_fifo.s, &found) == 0 &&
	    found.st_dev == file.device && found.st_ino == file.inode)
		unlink(adapter.set.mi_fifo.s);
	file.made = false;
}

/* ------------------------------------------------ the process */

/* While we hold a writing end ourselves, the FIFO is not hung up, and nothing
 * wakes us. It is closed as soon as something comes, so that we learn when all
 * others have closed theirs. */
static struct {
	int fd, own_writer;
	uint64_t since_ms; /* of the request that is not complete; 0: none */
	struct parley_str bytes; /* read, and not parsed yet */
	char buffer[READ_BYTES];
	struct fifo_parser parser;
} fifo = {.fd = -1, .own_writer = -1};

static void hold_open(void)
{
	if (fifo.own_writer < 0)
		fifo.own_writer = open(adapter.set.mi_fifo.s,
				       O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	/* Somebody has removed it: what is open goes on, if awkwardly. */
	if (fifo.own_writer < 0)
		sleep_us(PAUSE_US);
}

static void hold_no_more(void)
{
	if (fifo.own_writer >= 0)
		close(fifo.own_writer);
	fifo.own_writer = -1;
}

static bool open_file(void)
{
	fifo.fd = open(adapter.set.mi_fifo.s,
		       O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fifo.fd < 0) {
		refuse("mi_fifo", &adapter.set.mi_fifo, strerror(errno));
		return false;
	}
	hold_open();
	return true;
}

static void answer(const struct fifo_request *request)
{
	struct fifo_reply reply = {0};

	if (request->fault)
		log_limited(LOG_CAUSE_RPC, L_WARN,
			    "mi_fifo: a request for \"%.*s\" is refused: %s\n",
			    text_shown((int)request->command.len),
			    request->command.s ? request->command.s : "",
			    request->fault);
	/* Of a command that is not run there is nothing to do but to tell. */
	if (request->fault && request->reply.len == 0)
		return;
	fifo_run(request, &reply);
	/* What a route has set meanwhile must not reach the next one. */
	ksr_msg_env_reset();
	if (request->reply.len > 0)
		fifo_send(request->reply, &reply);
	else
		fifo_reply_free(&reply);
}

static void take(enum fifo_found found, const struct fifo_request *request)
{
	if (found != FIFO_NOTHING)
		fifo.since_ms = 0;
	if (found == FIFO_REQUEST || found == FIFO_BAD)
		answer(request);
	else if (found == FIFO_NOISE)
		log_limited(LOG_CAUSE_RPC, L_WARN,
			    "mi_fifo: a line is left out that is of no "
			    "request, which would begin as :dlg_list:name\n");
}

static void parse(void)
{
	struct fifo_request request;
	uint32_t used;

	while (fifo.bytes.len > 0 && fifo_send_has_room()) {
		take(fifo_parse(&fifo.parser, fifo.bytes, &used, &request),
		     &request);
		fifo.bytes.s += used;
		fifo.bytes.len -= used;
	}
}

static void read_more(void)
{
	struct fifo_request request;
	ssize_t got;

	hold_no_more();
	got = read(fifo.fd, fifo.buffer, sizeof(fifo.buffer));
	if (got > 0) {
		fifo.bytes = (struct parley_str){fifo.buffer, (uint32_t)got};
	} else if (got == 0) {
		take(fifo_parse_end(&fifo.parser, &request), &request);
		hold_open();
	} else if (errno != EAGAIN && errno != EINTR) {
		log_limited(LOG_CAUSE_RPC, L_ERR, "mi_fifo: %s\n",
			    strerror(errno));
		sleep_us(PAUSE_US);
	}
}

static void drop_half(void)
{
	uint64_t now_ms = host_now().ms;
	struct fifo_request request;

	if (!fifo_is_pending(&fifo.parser) || fifo.bytes.len > 0)
		fifo.since_ms = 0;
	else if (fifo.since_ms == 0)
		fifo.since_ms = now_ms;
	else if (now_ms - fifo.since_ms >= HALF_MS && fifo_send_has_room())
		take(fifo_parse_drop(&fifo.parser, &request), &request);
}

static void wait_for_some(void)
{
	struct pollfd fds[1 + FIFO_SEND_MAX];
	unsigned int count = 0;
	bool reading = fifo.bytes.len == 0 && fifo_send_has_room();

	if (reading)
		fds[count++] = (struct pollfd){.fd = fifo.fd, .events = POLLIN};
	count += fifo_send_polled(fds + count);
	if (poll(fds, count, fifo_send_wait_ms()) > 0 && reading &&
	    fds[0].revents)
		read_more();
}

void fifo_loop(void)
{
	/* A reader of ours that goes away is not worth a line of Kamailio's. */
	signal(SIGPIPE, SIG_IGN);
	if (!open_file())
		return;
	for (;;) {
		cfg_update();
		wait_for_some();
		parse();
		fifo_send_go_on();
		drop_half();
	}
}
