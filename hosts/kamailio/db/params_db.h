/*
 * params_db.h - parameters of the database: names, defaults, what is judged
 *
 * What:    the one list of tables and columns with their two spellings and what
 *          the stock module calls them, for the table of parameters, the
 *          defaults and the check.
 * Owns:    nothing; the values are in adapter.set.db.
 * Locking: none, all of it happens at the start.
 */
#ifndef PARAMS_DB_H
#define PARAMS_DB_H

#include "adapter.h"

/* X(parameter, field, default). */
#define PARAMS_DB_NAMES(X)                                                     \
	X(table_name, table, "dialog")                                         \
	X(vars_table_name, vars_table, "dialog_vars")                          \
	X(more_table_name, more_table, "dialog_more")                          \
	X(call_id_column, callid, "callid")                                    \
	X(from_uri_column, from_uri, "from_uri")                               \
	X(from_tag_column, from_tag, "from_tag")                               \
	X(to_uri_column, to_uri, "to_uri")                                     \
	X(to_tag_column, to_tag, "to_tag")                                     \
	X(h_id_column, h_id, "hash_id")                                        \
	X(h_entry_column, h_entry, "hash_entry")                               \
	X(state_column, state, "state")                                        \
	X(start_time_column, start_time, "start_time")                         \
	X(timeout_column, timeout, "timeout")                                  \
	X(from_cseq_column, caller_cseq, "caller_cseq")                        \
	X(to_cseq_column, callee_cseq, "callee_cseq")                          \
	X(from_route_column, caller_route, "caller_route_set")                 \
	X(to_route_column, callee_route, "callee_route_set")                   \
	X(from_contact_column, caller_contact, "caller_contact")               \
	X(to_contact_column, callee_contact, "callee_contact")                 \
	X(from_sock_column, caller_sock, "caller_sock")                        \
	X(to_sock_column, callee_sock, "callee_sock")                          \
	X(sflags_column, sflags, "sflags")                                     \
	X(toroute_name_column, toroute_name, "toroute_name")                   \
	X(vars_h_id_column, vars_h_id, "hash_id")                              \
	X(vars_h_entry_column, vars_h_entry, "hash_entry")                     \
	X(vars_key_column, vars_key, "dialog_key")                             \
	X(vars_value_column, vars_value, "dialog_value")

/* The other spelling of some of them; of the two the last that is given
 * counts. */
#define PARAMS_DB_ALSO(X)                                                      \
	X(callid_column, callid, "")                                           \
	X(caller_cseq_column, caller_cseq, "")                                 \
	X(callee_cseq_column, callee_cseq, "")                                 \
	X(caller_route_column, caller_route, "")                               \
	X(callee_route_column, callee_route, "")                               \
	X(caller_contact_column, caller_contact, "")                           \
	X(callee_contact_column, callee_contact, "")                           \
	X(caller_sock_column, caller_sock, "")                                 \
	X(callee_sock_column, callee_sock, "")

#define PARAMS_DB_DEFAULT(param, field, text) .field = STR_STATIC_INIT(text),
#define PARAMS_DB_DEFAULTS                                                     \
	{                                                                      \
		.update_period = 60, .fetch_rows = 200, .load_wait = 3,        \
		.journal_size = 64, .url = STR_STATIC_INIT(DEFAULT_DB_URL),    \
		PARAMS_DB_NAMES(PARAMS_DB_DEFAULT)                             \
	}

/* Whether a directory is emptied with the service: /run, or below it. */
bool params_db_volatile(const char *path);

#endif
