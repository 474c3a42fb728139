/*
 * The journal's file: where it is, whose it is, how large it is.
 *
 * mod_init may run as root, and the processes later as another user (-u, -g).
 * All that is done with the file is done as that user, so that rights and
 * ownership are what the end of main and the next start will find.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/globals.h"
#include "core/hashes.h"
#include "core/socket_info.h"
#include "core/ut.h"

#include "journal_file.h"
#include "params_db.h"
#include "text.h"

#define DEFAULT_DIR "/var/lib/kamailio"

enum {
	PAGE = 4096,
	MB = 1 << 20,
	LOCK_WAIT_MS = 3000, /* the processes of before may still be dying */
	LOCK_STEP_MS = 20,
	NAME_SHOWN = 160, /* so much of an address is in the file's name */
	TEXT_SIZE = PATH_MAX + 512,
};

static struct {
	int fd;
	void *area;
	size_t bytes;
	bool made_dir; /* ours, in /dev/shm */
	char dir[PATH_MAX];
	char path[PATH_MAX];
} file = {.fd = -1};

/* Why it cannot be used, as one line. */
struct fault {
	bool final; /* another place would not do either */
	char text[TEXT_SIZE];
};

/* False, so that callers can return it. */
static bool fail(struct fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct fault *fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return false;
}

/* ------------------------------------------------ who, and what name */

struct user {
	uid_t uid;
	gid_t gid;
};

static struct user become(struct user who)
{
	struct user before = {geteuid(), getegid()};

	/* Root first, who may change the group. */
	if (who.uid == 0 && seteuid(0) < 0)
		LM_WARN("journal: cannot be root again: %s\n", strerror(errno));
	if (who.gid != before.gid && setegid(who.gid) < 0)
		LM_WARN("journal: no group %d: %s\n", (int)who.gid,
			strerror(errno));
	if (who.uid != 0 && who.uid != before.uid && seteuid(who.uid) < 0)
		LM_WARN("journal: no user %d: %s\n", (int)who.uid,
			strerror(errno));
	return before;
}

/* The one that the processes will run as. */
static struct user later_user(void)
{
	struct user who = {geteuid(), getegid()};

	if (who.uid == 0 && uid != 0)
		who.uid = (uid_t)uid;
	if (geteuid() == 0 && gid != 0)
		who.gid = (gid_t)gid;
	return who;
}

static str first_address(void)
{
	const struct socket_info *first = get_first_socket();

	return first ? first->sock_str : (str)STR_STATIC_INIT("none");
}

static bool set_path(struct fault *fault)
{
	str address = first_address();
	int len = snprintf(file.path, sizeof(file.path),
			   "%s/parley-%.*s.journal", file.dir,
			   address.len < NAME_SHOWN ? address.len : NAME_SHOWN,
			   address.s);

	if (len < 0 || (size_t)len >= sizeof(file.path))
		return fail(fault, "journal_dir=\"%s\": is too long", file.dir);
	return true;
}

/* ------------------------------------------------ the file */

/* Whether the file that is open is the one with the name: who ends removes
 * his. */
static bool is_named(void)
{
	struct stat open_file, named;

	return fstat(file.fd, &open_file) == 0 &&
	       stat(file.path, &named) == 0 &&
	       open_file.st_ino == named.st_ino &&
	       open_file.st_dev == named.st_dev;
}

static bool lock_file(struct fault *fault)
{
	for (int waited = 0; waited <= LOCK_WAIT_MS; waited += LOCK_STEP_MS) {
		file.fd = open(file.path,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			       S_IRUSR | S_IWUSR);
		if (file.fd < 0)
			return fail(fault, "journal %s: cannot be opened: %s",
				    file.path, strerror(errno));
		if (flock(file.fd, LOCK_EX | LOCK_NB) == 0 && is_named())
			return true;
		close(file.fd);
		file.fd = -1;
		sleep_us(LOCK_STEP_MS * 1000);
	}
	fault->final = true;
	return fail(fault,
		    "journal %s: another server is using it; give each a "
		    "journal_dir or a first listen address of its own",
		    file.path);
}

/* What is in the file: nothing yet (0 and true), a journal of *@madep bytes, or
 * something else. */
static bool look(size_t *madep)
{
	static const char zero[PAGE];
	char head[PAGE];
	ssize_t got = pread(file.fd, head, sizeof(head), 0);

	*madep = got > 0 ? parley_store_size(head, (size_t)got) : 0;
	return got == 0 || *madep > 0 ||
	       (got > 0 && memcmp(head, zero, (size_t)got) == 0);
}

/* What is not ours to overwrite gets another name. */
static bool move_aside(struct fault *fault)
{
	char other[PATH_MAX + 32];

	snprintf(other, sizeof(other), "%s.unknown-%u", file.path,
		 host_now().unix_s);
	if (rename(file.path, other) < 0)
		return fail(fault,
			    "journal %s: is no journal of this version, and "
			    "cannot be renamed: %s",
			    file.path, strerror(errno));
	LM_ERR("journal %s: is no journal of this version; kept as %s, calls "
	       "that are only in it are not followed\n",
	       file.path, other);
	close(file.fd);
	file.fd = -1;
	return lock_file(fault);
}

/* Touches each page: the first write to one may take long. */
static void touch(void)
{
	volatile char *at = file.area;

	for (size_t i = 0; i < file.bytes; i += PAGE)
		at[i] = at[i];
}

static void unmap(void)
{
	if (file.area)
		munmap(file.area, file.bytes);
	file.area = NULL;
}

/* Full disks show here, and not when a call is under way. */
static bool map(size_t bytes, struct fault *fault)
{
	int error = posix_fallocate(file.fd, 0, (off_t)bytes);

	if (error != 0)
		return fail(fault, "journal %s: no room for %zu MB: %s",
			    file.path, bytes / MB, strerror(error));
	file.bytes = bytes;
	file.area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			 file.fd, 0);
	if (file.area == MAP_FAILED) {
		file.area = NULL;
		return fail(fault, "journal %s: cannot be mapped: %s",
			    file.path, strerror(errno));
	}
	touch();
	return true;
}

static void forget(bool remove_it)
{
	unmap();
	if (remove_it && file.path[0])
		unlink(file.path);
	if (file.fd >= 0)
		close(file.fd);
	file.fd = -1;
	if (file.made_dir)
		rmdir(file.dir); /* unless something is in it */
	file.made_dir = false;
}

struct parley_store_config journal_file_area(void)
{
	return (struct parley_store_config){
		.area = file.area,
		.bytes = file.bytes,
		.keep_replaced = adapter.set.db.journal_sync,
	};
}

static size_t wanted_bytes(void)
{
	return (size_t)adapter.set.db.journal_size * MB;
}

/* In file.dir, with @bytes if it is new. */
static bool open_file(size_t bytes, struct fault *fault)
{
	struct parley_store_config config;
	size_t made;
	int rc;

	if (!set_path(fault) || !lock_file(fault))
		return false;
	if (!look(&made) && !move_aside(fault))
		return false;
	if (made > 0 && made != wanted_bytes())
		LM_NOTICE("journal %s: was left with %zu MB, which it keeps "
			  "until the next clean stop\n",
			  file.path, made / MB);
	if (!map(made > 0 ? made : bytes, fault)) {
		forget(made == 0);
		return false;
	}
	config = journal_file_area();
	rc = parley_store_open(adapter.engine, host_now(), &config);
	if (rc == PARLEY_E_CONFLICT) {
		unmap();
		if (!move_aside(fault) || !map(bytes, fault))
			return false;
		config = journal_file_area();
		rc = parley_store_open(adapter.engine, host_now(), &config);
	}
	if (rc == 0)
		return true;
	forget(false);
	fault->final = true;
	return fail(fault, "journal %s: %s", file.path, parley_error_text(rc));
}

/* ------------------------------------------------ the directory */

static bool use_dir(const char *dir, struct fault *fault)
{
	struct stat found;

	if (!realpath(dir, file.dir) || stat(file.dir, &found) < 0)
		return fail(fault, "journal_dir=\"%s\": %s", dir,
			    strerror(errno));
	if (!S_ISDIR(found.st_mode))
		return fail(fault, "journal_dir=\"%s\": is not a directory",
			    dir);
	if (params_db_volatile(file.dir))
		return fail(fault,
			    "journal_dir=\"%s\": is %s, which is emptied when "
			    "the service stops",
			    dir, file.dir);
	if (faccessat(AT_FDCWD, file.dir, W_OK | X_OK, AT_EACCESS) < 0)
		return fail(fault,
			    "journal_dir=\"%s\": user %d cannot write there: "
			    "%s",
			    dir, (int)geteuid(), strerror(errno));
	return true;
}

/* Who knows the password of the database, and which, is no matter here. */
static str url_without_password(void)
{
	str url = adapter.set.db.url;
	const char *at = memchr(url.s, '@', (size_t)url.len);

	if (at) {
		url.len -= (int)(at + 1 - url.s);
		url.s += at + 1 - url.s;
	}
	return url;
}

static void set_volatile_dir(void)
{
	str url = url_without_password();
	str address = first_address();

	snprintf(file.dir, sizeof(file.dir), "/dev/shm/parley-%d-%08x",
		 (int)geteuid(), get_hash2_raw(&url, &address));
}

/* Everybody may write to /dev/shm, so it must be a directory of ours. */
static bool make_volatile_dir(struct fault *fault)
{
	struct stat found;

	set_volatile_dir();
	if (mkdir(file.dir, S_IRWXU) < 0 && errno != EEXIST)
		return fail(fault, "journal %s: cannot be made: %s", file.dir,
			    strerror(errno));
	if (lstat(file.dir, &found) < 0 || !S_ISDIR(found.st_mode) ||
	    found.st_uid != geteuid() ||
	    (found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return fail(fault,
			    "journal %s: is not a directory of user %d alone",
			    file.dir, (int)geteuid());
	file.made_dir = true;
	return true;
}

/* A start that needs nothing of the operator: what was missing there is said,
 * and what it costs. A small /dev/shm gets a small journal. */
static bool open_volatile(const char *why, struct fault *fault)
{
	size_t bytes = wanted_bytes();

	if (!make_volatile_dir(fault))
		return false;
	while (!open_file(bytes, fault)) {
		if (fault->final || bytes / 2 < PARLEY_STORE_MIN)
			return false;
		bytes /= 2;
		if (!make_volatile_dir(fault))
			return false;
	}
	LM_WARN("%s; the journal is %s (%zu MB) instead: a reboot loses what "
		"the database has not got by then\n",
		why, file.path, file.bytes / MB);
	return true;
}

/* A crash has left one there, from before the directory was made or named. */
static bool is_left_volatile(void)
{
	struct fault ignored;

	set_volatile_dir();
	return set_path(&ignored) && access(file.path, F_OK) == 0;
}

static const char *given_dir(void)
{
	return adapter.set.db.journal_dir.len > 0 ? adapter.set.db.journal_dir.s
						  : DEFAULT_DIR;
}

/* The same in the directory where it should be. */
static bool is_left_there(void)
{
	struct fault ignored;

	snprintf(file.dir, sizeof(file.dir), "%s", given_dir());
	return set_path(&ignored) && access(file.path, F_OK) == 0;
}

/* One crash has left one in the directory, and another, when that could not be
 * used, one in /dev/shm. What the first says is too old to be read after the
 * other one is done. */
static void set_older_aside(void)
{
	char other[PATH_MAX + 32];

	if (!is_left_there())
		return;
	snprintf(other, sizeof(other), "%s.older-%u", file.path,
		 host_now().unix_s);
	if (rename(file.path, other) < 0)
		LM_ERR("journal %s: is older than the one in /dev/shm, and "
		       "cannot be renamed: %s\n",
		       file.path, strerror(errno));
	else
		LM_WARN("journal %s: is older than the one in /dev/shm; kept "
			"as %s, calls that are only in it are not followed\n",
			file.path, other);
}

static bool open_anywhere(struct fault *fault)
{
	char why[TEXT_SIZE];

	if (is_left_volatile()) {
		set_older_aside();
		return open_volatile("A crash has left a journal in /dev/shm",
				     fault);
	}
	if (use_dir(given_dir(), fault) && open_file(wanted_bytes(), fault))
		return true;
	if (fault->final || adapter.set.db.journal_dir.len > 0)
		return false;
	memcpy(why, fault->text, sizeof(why));
	return open_volatile(why, fault);
}

/* ------------------------------------------------ others there */

/* A journal that no server has. */
static bool is_left(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char head[PAGE];
	ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	bool left = got > 0 && parley_store_size(head, (size_t)got) > 0 &&
		    flock(fd, LOCK_SH | LOCK_NB) == 0;

	if (fd >= 0)
		close(fd);
	return left;
}

static bool is_name_of_journal(const char *name)
{
	static const char start[] = "parley-", end[] = ".journal";
	size_t len = strlen(name);

	return len > sizeof(start) + sizeof(end) &&
	       memcmp(name, start, sizeof(start) - 1) == 0 &&
	       strcmp(name + len - (sizeof(end) - 1), end) == 0 &&
	       strcmp(name, strrchr(file.path, '/') + 1) != 0;
}

/* Another first address makes another name. */
static void say_others(void)
{
	DIR *dir = opendir(file.dir);
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (is_name_of_journal(entry->d_name) &&
		    is_left(dirfd(dir), entry->d_name))
			LM_WARN("journal %s/%s: is left of a crash of a server "
				"with another first listen address; if that "
				"was this one, parley-journal writes it into "
				"the database\n",
				file.dir, entry->d_name);
	closedir(dir);
}

/* ------------------------------------------------ start and end */

int journal_file_open(void)
{
	struct fault fault = {0};
	struct user before = become(later_user());
	bool opened = open_anywhere(&fault);

	if (opened)
		say_others();
	become(before);
	if (opened)
		return 0;
	LM_ERR("%s\n", fault.text);
	return -1;
}

void journal_file_say_left(void)
{
	if (is_left_volatile() || is_left_there())
		LM_WARN("journal %s: is left of a crash, and not read with "
			"db_mode=%d; parley-journal writes it into the "
			"database while this server is stopped\n",
			file.path, adapter.set.db.mode);
}

const char *journal_file_path(void)
{
	return file.fd >= 0 ? file.path : "";
}

void journal_file_sync(void)
{
	uint64_t mark = parley_store_mark(adapter.engine);

	if (msync(file.area, file.bytes, MS_SYNC) < 0) {
		log_limited(LOG_CAUSE_DB, L_ERR,
			    "journal %s: cannot be flushed: %s\n", file.path,
			    strerror(errno));
		return;
	}
	parley_store_synced(adapter.engine, mark);
}

void journal_file_close(bool empty)
{
	if (file.fd < 0)
		return;
	/* What stays keeps its directory. */
	file.made_dir = file.made_dir && empty;
	forget(empty);
}
