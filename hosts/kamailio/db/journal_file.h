/*
 * journal_file.h - the journal's file
 *
 * What:    finds the directory (journal_dir), keeps others out with a lock,
 *          takes the space on disk, maps it, and opens the engine's store on
 *          it. What a crash has left is kept and read.
 * Owns:    the mapping, of all processes; the lock, which lasts as long as one
 *          of them.
 * Locking: none; mod_init and main's end.
 * Always:  two servers never share a journal. Nothing is created, cut or locked
 *          by "kamailio -c". A directory that was named and cannot be written
 *          stops the start with one line; the default one that is missing is
 *          replaced by one in /dev/shm with one warning. What is no journal is
 *          moved aside, not overwritten.
 * Why:     Kamailio's shared memory dies with its last process. The file is
 *          named after the first listen address: two servers never have the
 *          same, and one has it again after a restart, also when the password
 *          in db_url is another one by then.
 */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include "adapter.h"
#include "parley_store.h"

/* Modes 1 and 2, when the engine is there, before the dialogs are loaded. 0, or
 * -1 and one line. */
int journal_file_open(void);
/* The other modes: warns if a crash has left one, which nobody reads. */
void journal_file_say_left(void);
/* Its full name; "" if there is none. */
const char *journal_file_path(void);
/* The mapping, for who reads it at main's end. */
struct parley_store_config journal_file_area(void);
/* With journal_sync: flushes what was written, and tells the engine. */
void journal_file_sync(void);
/* The end of the last process. @empty: everything is in the database, the file
 * is removed; else it stays for the next start. */
void journal_file_close(bool empty);

#endif
