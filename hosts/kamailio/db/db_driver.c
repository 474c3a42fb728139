/*
 * db_driver.c - one database behind srdb1; see db_driver.h
 *
 * What a driver is able to do goes by its name. All drivers offer raw_query()
 * as a function, but db_redis only returns an error from it, and db_cluster
 * sends each statement to another server, which is no transaction.
 *
 * The drivers of PostgreSQL and MySQL connect anew by themselves in the middle
 * of a transaction. What was sent before is lost then, and what comes after is
 * committed statement by statement. db_postgres does not if it is told of the
 * transaction. db_mysql always does; so a session is marked with a variable
 * that goes with it, and whether it is still there is asked after the commit.
 */
#include <stdlib.h>
#include <time.h>

#include "core/sr_module.h"
#include "core/ut.h"

#include "db_link.h"
#include "text.h"

enum {
	SHOWN_STATEMENT = 4000, /* longer ones do not go into the log */
	HEARD_SECONDS = 60,
	TRIES = 20,
	READ_TRIES = 1000,
	PAUSE_US = 5000,
	OWN_TRIES = 40,
	OWN_SECONDS = 10,
};

static struct {
	db_func_t functions;
	enum db_kind kind;
	time_t heard; /* when a driver's words went into the log; per process */
	time_t waits_since; /* for another's transaction; 0: it does not */
} driver = {.kind = DB_OTHER};

const db_func_t *db_functions(void)
{
	return &driver.functions;
}

enum db_kind db_kind(void)
{
	return driver.kind;
}

bool db_can_raw(void)
{
	return driver.kind == DB_SQLITE || driver.kind == DB_POSTGRES ||
	       driver.kind == DB_MYSQL;
}

/* ------------------------------------------------ the driver */

const char *db_shown_url(void)
{
	static char shown[128];
	const str *url = &adapter.set.db.url;
	const char *host = strstr(url->s, "://");
	const char *at = strrchr(url->s, '@');

	if (!host)
		return "db_url";
	host += strlen("://");
	snprintf(shown, sizeof(shown), "%.*s%s", (int)(host - url->s), url->s,
		 at && at > host ? at + 1 : host);
	return shown;
}

static enum db_kind kind_of(const char *scheme)
{
	static const struct {
		const char *scheme;
		enum db_kind kind;
	} known[] = {
		{"sqlite", DB_SQLITE},
		{"postgres", DB_POSTGRES},
		{"mysql", DB_MYSQL},
		{"redis", DB_REDIS},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(scheme, known[i].scheme) == 0)
			return known[i].kind;
	return DB_OTHER;
}

/* The stock module binds by the text before the first colon. */
int db_bind(void)
{
	static const unsigned needed =
		DB_CAP_QUERY | DB_CAP_INSERT | DB_CAP_DELETE;
	const str *url = &adapter.set.db.url;
	const char *colon = url->s ? strstr(url->s, "://") : NULL;
	char module[64];
	int bound;

	if (!colon ||
	    snprintf(module, sizeof(module), "db_%.*s", (int)(colon - url->s),
		     url->s) >= (int)sizeof(module)) {
		LM_ERR("db_url: must be like sqlite:///var/lib/calls.db or "
		       "postgres://user:password@host/database\n");
		return -1;
	}
	if (!find_module_by_name(module)) {
		LM_ERR("db_url=\"%s\": needs the module %s: write loadmodule "
		       "\"%s.so\"\n",
		       db_shown_url(), module, module);
		return -1;
	}
	db_hush();
	bound = db_bind_mod(url, &driver.functions);
	db_listen();
	if (bound < 0 || !DB_CAPABILITY(driver.functions, needed)) {
		LM_ERR("db_url=\"%s\": the module %s cannot query, insert and "
		       "delete; take another one\n",
		       db_shown_url(), module);
		return -1;
	}
	driver.kind = kind_of(module + strlen("db_"));
	/* A driver of that name that is not the packaged one. */
	if ((db_can_raw() &&
	     !DB_CAPABILITY(driver.functions, DB_CAP_RAW_QUERY)) ||
	    (driver.kind == DB_POSTGRES &&
	     !(driver.functions.start_transaction &&
	       driver.functions.end_transaction &&
	       driver.functions.abort_transaction)))
		driver.kind = DB_OTHER;
	return 0;
}

/* ------------------------------------------------ its words */

void db_hush(void)
{
	set_local_debug_level(L_ALERT - 1);
}

void db_listen(void)
{
	reset_local_debug_level();
}

bool db_hear(bool brief)
{
	bool heard = brief && (driver.heard == 0 ||
			       time(NULL) - driver.heard >= HEARD_SECONDS);

	if (!heard)
		db_hush();
	return heard;
}

void db_heard(bool heard, bool failed)
{
	db_listen();
	if (heard && failed)
		driver.heard = time(NULL);
}

void db_let_explain(void)
{
	if (driver.heard != time(NULL))
		driver.heard = 0;
}

/* ------------------------------------------------ connections */

struct db_link *db_open(void)
{
	const db_func_t *functions = &driver.functions;
	struct db_link *link = calloc(1, sizeof(*link));
	bool heard;

	if (!link) {
		LM_ERR("no memory left for a connection to the database\n");
		return NULL;
	}
	link->sql.kind = driver.kind;
	heard = db_hear(true);
	/* One of our own, if that can be had: what other modules do in this
	 * process is not to be part of our transactions. */
	link->con = functions->init2 ? functions->init2(&adapter.set.db.url,
							DB_POOLING_NONE)
				     : functions->init(&adapter.set.db.url);
	db_heard(heard, !link->con);
	if (link->con)
		return link;
	if (heard)
		LM_ERR("no connection to the database %s: see the lines above; "
		       "check db_url, and whether the server runs\n",
		       db_shown_url());
	free(link);
	return NULL;
}

void db_close(struct db_link *link)
{
	if (!link)
		return;
	driver.functions.close(link->con);
	sql_free(&link->sql);
	free(link);
}

/* ------------------------------------------------ statements */

/* The driver of SQLite does nothing without a place for a result. */
static int run_once(struct db_link *link, struct parley_str sql,
		    db1_res_t **resp)
{
	str text = to_str(sql);
	db1_res_t *res = NULL;
	int result = driver.functions.raw_query(link->con, &text, &res);

	if (result >= 0 && resp)
		*resp = res;
	else if (result >= 0)
		db_free(link, res);
	return result < 0 ? -1 : 0;
}

void db_free(struct db_link *link, db1_res_t *res)
{
	if (res)
		driver.functions.free_result(link->con, res);
}

#define SQL(constant)                                                          \
	(struct parley_str)                                                    \
	{                                                                      \
		constant, sizeof(constant) - 1                                 \
	}

/* SQLite's driver does not wait for who writes at this moment. A writer is soon
 * done; one that keeps others from reading as well, which fails without a
 * reason else, may take some seconds. */
static int run_patiently(struct db_link *link, struct parley_str sql,
			 db1_res_t **resp)
{
	int most = resp ? READ_TRIES : TRIES;

	for (int i = 0; i < most; i++) {
		if (run_once(link, sql, resp) == 0)
			return 0;
		if (i >= TRIES &&
		    run_once(link, SQL("SELECT count(*) FROM sqlite_master"),
			     NULL) == 0)
			break;
		sleep_us(PAUSE_US);
	}
	return -1;
}

/* @heard: the driver's words are. */
static int run(struct db_link *link, struct parley_str sql, db1_res_t **resp,
	       bool heard)
{
	int result = -1;

	db_hush();
	if (driver.kind == DB_SQLITE && !link->in_transaction)
		result = run_patiently(link, sql, resp);
	if (heard)
		db_listen();
	return result == 0 ? 0 : run_once(link, sql, resp);
}

int db_raw(struct db_link *link, struct parley_str sql, db1_res_t **resp)
{
	bool heard = db_hear(sql.len < SHOWN_STATEMENT);
	int result = run(link, sql, resp, heard);

	db_heard(heard, result < 0);
	return result;
}

bool db_try(struct db_link *link, struct parley_str sql)
{
	int result = run(link, sql, NULL, false);

	db_listen();
	return result == 0;
}

enum db_result db_exec(struct db_link *link, struct parley_str sql)
{
	if (db_raw(link, sql, NULL) == 0)
		return DB_DONE;
	db_rollback(link);
	return db_try(link, SQL("SELECT 1")) ? DB_REFUSED : DB_GONE;
}

/* ------------------------------------------------ one writer */

/* A lock that a session has until the server ends it, which it does when the
 * last transaction of the session is over. A server that knows no such locks
 * is not asked again. */
static bool has_lock(struct db_link *link)
{
	struct sql *sql = &link->sql;
	db1_res_t *res = NULL;
	bool has;

	sql_empty(sql);
	sql_add(sql, "SELECT 1 WHERE pg_try_advisory_lock(hashtext(");
	sql_add_literal(sql, to_parley(db_layout(DB_DIALOG)->name));
	sql_add(sql, "),hashtext(");
	sql_add_literal(sql, db_rules()->names.self);
	sql_add(sql, "))");
	if (db_raw(link, sql_text(sql), &res) < 0)
		return true;
	has = res && RES_ROW_N(res) == 1;
	db_free(link, res);
	return has;
}

bool db_own(struct db_link *link)
{
	bool has = driver.kind != DB_POSTGRES || has_lock(link);

	for (int i = 1; !has && i < OWN_TRIES; i++) {
		sleep_us(PAUSE_US);
		has = has_lock(link);
	}
	if (has) {
		driver.waits_since = 0;
		return true;
	}
	if (driver.waits_since == 0)
		driver.waits_since = time(NULL);
	if (time(NULL) - driver.waits_since < OWN_SECONDS)
		return false;
	driver.waits_since = 0;
	LM_WARN("database %s: a transaction of a process that wrote before "
		"this one is still open, and is not waited for any longer; if "
		"it is committed, rows may be there twice\n",
		db_shown_url());
	return true;
}

/* ------------------------------------------------ transactions */

/* The mark of a MySQL session; see the top. */
static bool is_marked(struct db_link *link)
{
	db1_res_t *res = NULL;
	bool marked;

	if (db_raw(link, SQL("SELECT @parley_session + 0"), &res) < 0)
		return false;
	marked = res && RES_ROW_N(res) == 1 &&
		 !VAL_NULL(ROW_VALUES(RES_ROWS(res)));
	db_free(link, res);
	return marked;
}

static int begin_postgres(struct db_link *link)
{
	bool heard = db_hear(true);
	int result =
		driver.functions.start_transaction(link->con, DB_LOCKING_NONE);

	db_heard(heard, result < 0);
	return result;
}

static int begin_mysql(struct db_link *link)
{
	if (!link->marked &&
	    db_raw(link, SQL("SET @parley_session = 1"), NULL) < 0)
		return -1;
	link->marked = true;
	return db_raw(link, SQL("START TRANSACTION"), NULL);
}

enum db_result db_begin(struct db_link *link)
{
	int result;

	if (driver.kind == DB_POSTGRES)
		result = begin_postgres(link);
	else if (driver.kind == DB_MYSQL)
		result = begin_mysql(link);
	else
		/* At once, with what the lock allows: a reader that becomes a
		 * writer later is refused if another has written. */
		result = db_raw(link, SQL("BEGIN IMMEDIATE"), NULL);
	if (result < 0)
		return DB_GONE;
	link->in_transaction = true;
	return DB_DONE;
}

static int commit_postgres(struct db_link *link)
{
	bool heard = db_hear(true);
	int result = driver.functions.end_transaction(link->con);

	db_heard(heard, result < 0);
	return result;
}

/* After a failure that is not for a moment, SQLite has undone it by itself. */
static bool is_undone(struct db_link *link)
{
	bool heard;

	if (!db_try(link, SQL("BEGIN")))
		return false;
	db_try(link, SQL("ROLLBACK"));
	link->in_transaction = false;
	heard = db_hear(true);
	if (heard)
		LM_ERR("database %s: a batch cannot be committed: the disk is "
		       "full, or does not work\n",
		       db_shown_url());
	db_heard(heard, true);
	return true;
}

/* Who reads at this moment keeps SQLite from it, and is soon done. The
 * transaction stays open as long. */
static int commit_sqlite(struct db_link *link)
{
	for (int i = 0; i < TRIES; i++) {
		if (db_try(link, SQL("COMMIT")))
			return 0;
		if (is_undone(link))
			return -1;
		sleep_us(PAUSE_US);
	}
	return db_raw(link, SQL("COMMIT"), NULL);
}

static int commit(struct db_link *link)
{
	if (driver.kind == DB_SQLITE)
		return commit_sqlite(link);
	if (driver.kind == DB_POSTGRES)
		return commit_postgres(link);
	return db_raw(link, SQL("COMMIT"), NULL);
}

enum db_result db_commit(struct db_link *link)
{
	int result = commit(link);

	if (result == 0 && driver.kind == DB_MYSQL && !is_marked(link)) {
		link->marked = false;
		result = -1;
	}
	if (result < 0) {
		db_rollback(link);
		return DB_GONE;
	}
	link->in_transaction = false;
	return DB_DONE;
}

void db_rollback(struct db_link *link)
{
	if (!link->in_transaction)
		return;
	link->in_transaction = false;
	db_hush();
	if (driver.kind == DB_POSTGRES)
		driver.functions.abort_transaction(link->con);
	else
		run_once(link, SQL("ROLLBACK"), NULL);
	db_listen();
}

/* ------------------------------------------------ values */

/* Whole, with its sign in all 64 bits. */
static bool integer_in(const char *s, size_t len, uint64_t *numberp)
{
	char digits[24];
	char *end;

	if (!s || len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	*numberp = (uint64_t)strtoll(digits, &end, 10);
	return *end == '\0';
}

bool db_integer(const db_val_t *value, uint64_t *numberp)
{
	if (VAL_NULL(value))
		return false;
	switch (VAL_TYPE(value)) {
	case DB1_INT:
		*numberp = (uint64_t)(int64_t)VAL_INT(value);
		return true;
	case DB1_UINT:
	case DB1_BITMAP:
		*numberp = VAL_UINT(value);
		return true;
	case DB1_BIGINT:
		*numberp = (uint64_t)VAL_BIGINT(value);
		return true;
	case DB1_UBIGINT:
		*numberp = VAL_UBIGINT(value);
		return true;
	case DB1_DOUBLE:
		if (!(VAL_DOUBLE(value) > -1e15 && VAL_DOUBLE(value) < 1e15))
			return false;
		*numberp = (uint64_t)(int64_t)VAL_DOUBLE(value);
		return true;
	case DB1_DATETIME:
		*numberp = (uint64_t)VAL_TIME(value);
		return true;
	case DB1_STRING:
		return VAL_STRING(value) &&
		       integer_in(VAL_STRING(value), strlen(VAL_STRING(value)),
				  numberp);
	case DB1_STR:
	case DB1_BLOB:
		return integer_in(VAL_STR(value).s, (size_t)VAL_STR(value).len,
				  numberp);
	default:
		return false;
	}
}
