/*
 * mem.h - fixed-size blocks out of large pieces of the host's memory
 *
 * What:    takes pieces of piece_bytes from the host (half, quarter ... down to
 *          8 KB when it has no such piece), cuts them into pages of at most 16
 *          KB, and a page into blocks of one size class. A block above a
 *          quarter of a page goes to the host directly.
 * Owns:    the pieces, and the list of large blocks. A block belongs to who
 *          allocated it.
 * Time:    none.
 * Locking: its own lock, a leaf: callers may hold a shard or profile lock.
 * Always:  a page is empty and free, or of one class; an empty piece goes back
 *          to the host, except one that is kept as a reserve (unless brief).
 *          mem_check().
 * Why:     an allocation from Kamailio's default allocator costs more than
 *          20,000 instructions and 100 bytes (docs/performance.md). Two bytes
 *          in front of each block lead to its page; that costs less than
 *          aligned pages would, since a host's pieces are not aligned, and it
 *          allows pages large enough that a dialog wastes few bytes.
 */
#ifndef MEM_H
#define MEM_H

#include <stdatomic.h>

#include "parley.h"

enum {
	MEM_PAGE_BYTES = 16384, /* at most */
	MEM_PIECE_BYTES = 8192, /* at least */
	MEM_CLASSES = 80,	/* at most */
	MEM_CLASS_UNITS = 512,	/* of 8 bytes: the largest block */
	MEM_LARGE_BYTES = 16,	/* in front of what is larger */
};

struct mem_page;
struct mem_piece;
struct mem_large;

struct mem {
	const struct parley_host *host;
	uint32_t lock;
	uint32_t piece_bytes;
	uint32_t limit;	  /* blocks of this size and above are large */
	uint32_t classes; /* in use */
	bool brief;	  /* what is here goes soon: no empty piece is kept */
	/* Taken from the host, large blocks included. Written under the lock,
	 * read without. */
	_Atomic uint64_t host_bytes;
	_Atomic uint64_t refused; /* allocations that returned NULL */
	uint64_t used_bytes;	  /* handed out, by asked-for size */
	uint64_t large_used;	  /* the part of it that is large */
	uint64_t large_bytes;	  /* and what the host gave for that */
	struct mem_large *large;  /* blocks that came from the host alone */
	struct mem_piece *pieces; /* all of them */
	struct mem_piece *with_free_page;
	struct mem_piece *reserve; /* the one empty piece that is kept */
	struct mem_page *partial[MEM_CLASSES]; /* pages with a free block */
	uint16_t stride[MEM_CLASSES];	       /* from one block to the next */
	uint8_t class_of[MEM_CLASS_UNITS + 1]; /* by units of 8 bytes */
};

/* With @piece_bytes 0 there are no pieces: each block comes from the host by
 * itself, so that a test can refuse each one. */
void mem_init(struct mem *mem, const struct parley_host *host, uint32_t lock,
	      uint32_t piece_bytes);
/* Gives everything back, blocks in use included. */
void mem_fini(struct mem *mem);

/* Not zeroed; aligned to 8. NULL when the host has none (counted). */
void *mem_alloc(struct mem *mem, size_t size);
/* @size must be what was asked for. NULL is legal. */
void mem_free(struct mem *mem, void *ptr, size_t size);

/* NULL or the broken invariant. */
const char *mem_check(struct mem *mem);

#endif
