/*
 * journal_file.h - the journal's file
 *
 * What:    finds the directory (journal_dir), keeps others out with a lock,
 *          takes the space on disk, maps it, and opens the engine's store on
 * it. What a crash has left is kept and read. Owns:    the mapping, of all
 * processes; the lock, which lasts as long as one of them. Locking: none;
 * mod_init and main's end. Always:  two servers never share a journal. Nothing
 * is created, cut or locked by "kamailio -c". A directory that was named and
 * cannot be written stops the start with one line; the default one that is
 * missing is replaced by one in /dev/shm with one warning. /run is refused.
 */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include "adapter.h"
#include "parley_store.h"

/* Modes 1 and 2, before the dialogs are loaded. 0, or -1 and one line. */
int journal_file_open(void);
/* With journal_sync: flushes what was written, and tells the engine. */
void journal_file_sync(void);
/* The end of the last process. @empty: everything is in the database, the file
 * is removed; else it stays for the next start. */
void journal_file_close(bool empty);

#endif
