/* See rpc_dump.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_line.h"
#include "own_var.h"
#include "reader.h"
#include "rpc_args.h"
#include "rpc_dump.h"

/* So much is written at once. */
enum { DUMP_BYTES = 64 * 1024 };

struct dump {
	rpc_t *rpc;
	void *c;
	struct reader reader;
	int fd;
	uint32_t now_s;
	char *s; /* whole lines, not written yet */
	size_t size, len;
};

/* ------------------------------------------------ the file */

/* What is wrong with the path of a file below dump_dir, or NULL. */
static const char *path_fault(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (len == 0)
			return "must be that of a file below dump_dir, with "
			       "one / between folders";
		if ((len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return "may not contain . or .. as a folder";
		if (!path[len])
			return NULL;
		path += len + 1;
	}
}

/* The part of a name behind dump_dir, if it begins with that. */
static char *below(char *path)
{
	size_t len = (size_t)adapter.set.dump_dir.len;

	while (len > 0 && adapter.set.dump_dir.s[len - 1] == '/')
		len--;
	if (strncmp(path, adapter.set.dump_dir.s, len) == 0 && path[len] == '/')
		return path + len + 1;
	return path;
}

/* Opens one folder or the file; no link is followed. */
static int open_in(int folder, const char *name, bool last)
{
	const int both = O_NOFOLLOW | O_CLOEXEC;

	if (last)
		return openat(folder, name,
			      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK |
				      O_NOCTTY | both,
			      S_IRUSR | S_IWUSR | S_IRGRP);
	return openat(folder, name, O_RDONLY | O_DIRECTORY | both);
}

/* A file descriptor or -1 and errno. @path is taken apart. */
static int open_below(char *path)
{
	int at = open(adapter.set.dump_dir.s,
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (at >= 0) {
		char *slash = strchr(path, '/');
		int next, error;

		if (slash)
			*slash = 0;
		next = open_in(at, path, !slash);
		error = errno;
		close(at);
		errno = error;
		if (!slash)
			return next;
		*slash = '/';
		path = slash + 1;
		at = next;
	}
	return -1;
}

/* A device, a pipe or a second name of a file elsewhere is none of ours. */
static bool ordinary(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) &&
	       stat.st_nlink == 1;
}

/* False: a fault was sent. */
static bool dump_open(struct dump *dump, char *name)
{
	char *path = below(name);
	const char *fault = path_fault(path);

	if (fault) {
		dump->rpc->fault(dump->c, 400, "The name of the file %s",
				 fault);
		return false;
	}
	dump->fd = open_below(path);
	if (dump->fd < 0) {
		dump->rpc->fault(dump->c, 500,
				 "Cannot open %.128s below dump_dir: %s", path,
				 errno == ELOOP ? "a link" : strerror(errno));
		return false;
	}
	if (ordinary(dump->fd))
		return true;
	dump->rpc->fault(dump->c, 500,
			 "Cannot write to %.128s: not an ordinary file, or a "
			 "link to one",
			 path);
	return false;
}

/* False: a fault was sent. */
static bool dump_flush(struct dump *dump)
{
	size_t done = 0;

	while (done < dump->len) {
		ssize_t wrote =
			write(dump->fd, dump->s + done, dump->len - done);

		if (wrote >= 0) {
			done += (size_t)wrote;
		} else if (errno != EINTR) {
			dump->rpc->fault(dump->c, 500, "Cannot write: %s",
					 strerror(errno));
			return false;
		}
	}
	dump->len = 0;
	return true;
}

/* ------------------------------------------------ one dialog */

static void add_head(struct json_line *line, const struct parley_view *view,
		     uint32_t now_s)
{
	uint32_t timeout = view->timer_armed ? now_s + view->left_s : 0;

	json_number(line, "h_entry", view->id.entry);
	json_number(line, "h_id", view->id.id);
	json_number(line, "ref", (uint32_t)reader_refs(view));
	json_text(line, "call_id", view->callid);
	json_text(line, "from_uri", view->from_uri);
	json_text(line, "to_uri", view->to_uri);
	json_number(line, "state", view->state);
	json_number(line, "start_ts", view->start_s);
	json_number(line, "init_ts", view->init_s);
	json_number(line, "end_ts", view->end_s);
	json_number(line, "timeout", timeout);
	json_number(line, "lifetime", view->lifetime_s);
	json_number(line, "dflags", (uint32_t)reader_dflags(view));
	json_number(line, "sflags", view->flags);
	json_number(line, "iflags", view->options);
}

static void add_party_fields(struct json_line *line,
			     const struct parley_leg_view *leg)
{
	static const struct parley_leg_view none;
	const struct parley_leg_view *party = leg ? leg : &none;
	str cseq = leg ? reader_cseq(leg) : reader_text(none.tag);
	str socket = reader_socket(party->socket);

	json_text(line, "tag", party->tag);
	json_text(line, "contact", party->contact);
	json_text(line, "cseq", to_parley(&cseq));
	json_text(line, "route_set", party->route_set);
	json_text(line, "socket", to_parley(&socket));
}

static void add_party(struct json_line *line, const char *name,
		      const struct parley_leg_view *leg)
{
	json_open(line, name, '{');
	add_party_fields(line, leg);
	json_close(line, '}');
}

static void add_lists(struct json_line *line, const struct parley_view *view)
{
	json_open(line, "profiles", '{');
	for (uint32_t i = 0; i < view->profile_count; i++)
		json_text(line,
			  parley_profile_name(adapter.engine,
					      view->profiles[i].profile),
			  view->profiles[i].value);
	json_close(line, '}');
	json_open(line, "variables", '{');
	/* As in the packaged module, an ended dialog shows none. */
	for (uint32_t i = 0;
	     view->state != PARLEY_STATE_DELETED && i < view->var_count; i++)
		if (!own_var_is(view->vars[i].key))
			json_pair(line, view->vars[i].key, view->vars[i].value);
	json_close(line, '}');
}

static void add_new(struct json_line *line, const struct parley_view *view)
{
	str ended = reader_ended(view);

	json_text(line, "req_uri", view->req_uri);
	json_text(line, "timeout_route", view->timeout_route_name);
	json_number(line, "ending", view->ending);
	json_number(line, "end_code", view->end_code);
	json_text(line, "end_reason", view->end_reason);
	json_text(line, "ended", to_parley(&ended));
	json_open(line, "legs", '[');
	for (uint32_t i = 0; i < view->leg_count; i++) {
		const char *state = reader_leg_state(&view->legs[i]);

		json_open(line, NULL, '{');
		json_number(line, "number", view->legs[i].number);
		json_text(line, "state",
			  (struct parley_str){state, (uint32_t)strlen(state)});
		add_party_fields(line, &view->legs[i]);
		json_close(line, '}');
	}
	json_close(line, ']');
}

/* Writes the line behind what is there; returns how long it is. */
static size_t add_line(const struct dump *dump, const struct parley_view *view)
{
	struct json_line line = {.s = dump->s + dump->len,
				 .size = dump->size - dump->len};

	json_open(&line, NULL, '{');
	add_head(&line, view, dump->now_s);
	add_party(&line, "caller", &view->caller);
	add_party(&line, "callee", reader_callee(view));
	add_lists(&line, view);
	add_new(&line, view);
	json_close(&line, '}');
	json_end(&line);
	return line.len;
}

/* Makes room for a line of so many bytes. False: a fault was sent. */
static bool dump_room(struct dump *dump, size_t needed)
{
	size_t size = needed > DUMP_BYTES ? needed : DUMP_BYTES;
	char *larger;

	if (!dump_flush(dump))
		return false;
	if (dump->size >= needed)
		return true;
	larger = pkg_malloc(size);
	if (!larger) {
		dump->rpc->fault(dump->c, 500, "No memory left");
		return false;
	}
	if (dump->s)
		pkg_free(dump->s);
	dump->s = larger;
	dump->size = size;
	return true;
}

/* False: a fault was sent. A dialog that has gone is no fault. */
static bool dump_one(struct dump *dump, struct parley_id id)
{
	struct parley_view view;
	int error = reader_read(&dump->reader, id, &view);
	size_t len;

	if (error == PARLEY_E_MEMORY)
		dump->rpc->fault(dump->c, 500, "No memory left");
	if (error < 0)
		return error != PARLEY_E_MEMORY;
	/* The same for both attempts, so that they have the same length. */
	dump->now_s = host_now().unix_s;
	len = add_line(dump, &view);
	if (len > dump->size - dump->len) {
		if (!dump_room(dump, len))
			return false;
		len = add_line(dump, &view);
	}
	dump->len += len;
	return true;
}

/* ------------------------------------------------ the command */

static void dump_all(struct dump *dump)
{
	struct parley_id id = {0, 0};

	if (!dump_room(dump, DUMP_BYTES))
		return;
	while (parley_next(adapter.engine, &id))
		if (!dump_one(dump, id))
			return;
	(void)dump_flush(dump);
}

void rpc_dump_file(rpc_t *rpc, void *c)
{
	struct dump dump = {.rpc = rpc, .c = c, .fd = -1};
	char name[PATH_MAX];
	struct rpc_text text;
	size_t len;

	if (rpc_text_next(rpc, c, &text) != RPC_ARG_GIVEN) {
		rpc->fault(c, 400, "Need the name of a file below dump_dir");
		return;
	}
	if (!rpc_no_more(rpc, c))
		return;
	if (!adapter.set.dump_dir.len) {
		rpc->fault(c, 500,
			   "The parameter dump_dir is not set: no file "
			   "may be written");
		return;
	}
	len = (size_t)text.s.len;
	if (len >= sizeof(name) || memchr(text.s.s, 0, len)) {
		rpc->fault(c, 400,
			   "The name of the file is too long, or has a "
			   "zero byte");
		return;
	}
	memcpy(name, text.s.s, len);
	name[len] = 0;
	if (dump_open(&dump, name))
		dump_all(&dump);
	if (dump.fd >= 0)
		close(dump.fd);
	if (dump.s)
		pkg_free(dump.s);
	reader_fini(&dump.reader);
}
