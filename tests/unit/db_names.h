/*
 * db_names.h - what rows mean to a host that exists in tests only
 *
 * What:    two sockets, two profiles, columns with the names of the stock
 *          module; db_names_init() for db_tables.c.
 * Owns:    nothing.
 * Why:     the unit test and the fuzzer of the tables need the same.
 */
#ifndef DB_NAMES_H
#define DB_NAMES_H

#include "db_tables.h"

#define DB_NAMES_SOCKET "udp:127.0.0.1:5060"
enum { DB_NAMES_LIFETIME = 43200 };

/* The one socket of this host. */
void *db_names_socket(void);
/* @node: the name of this node, or "". */
void db_names_init(const char *node);
/* From then on: a database that holds UTF-8 only. */
void db_names_utf8(void);

#endif
