/* mem.c - fixed-size blocks out of large pieces; see mem.h */
#include <assert.h>
#include <stdatomic.h>

#include "mem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(MEM_ASAN)
#include <sanitizer/asan_interface.h>
/* The sanitizer knows only the pieces, which are in use as a whole: it must be
 * told which of their blocks are free. */
#define FORBID(ptr, size) __asan_poison_memory_region(ptr, size)
#define ALLOW(ptr, size) __asan_unpoison_memory_region(ptr, size)
#else
#define FORBID(ptr, size) ((void)0)
#define ALLOW(ptr, size) ((void)0)
#endif

#define UNSANITIZED __attribute__((no_sanitize("address")))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/*
 * A piece is its header and @pages pages of @page_bytes; a page is its header
 * and @capacity blocks. A block starts at a multiple of 8; the two bytes in
 * front of it, which are the last two of the block before it, say how far away
 * its page is, in units of 8 bytes. They are written once, when the block is
 * cut, and stay while the page keeps its class. A free block holds the address
 * of the next free one.
 */
struct mem_page {
	struct mem_page *next;	 /* in mem->partial[] or piece->free */
	struct mem_page **pprev; /* NULL: on neither */
	struct mem_piece *piece;
	void *free; /* blocks that were in use before */
	uint16_t used;
	uint16_t cut; /* blocks that have been made so far */
	uint16_t capacity;
	uint8_t size_class; /* CLASS_NONE: the page is free */
};

struct mem_piece {
	struct mem_piece *next, **pprev;	   /* in mem->pieces */
	struct mem_piece *free_next, **free_pprev; /* in mem->with_free_page */
	struct mem_page *free; /* pages that were in use before */
	uint32_t bytes, page_bytes;
	uint32_t pages;
	uint32_t used;
	uint32_t cut; /* pages that have been made so far */
};

/* In front of a large block, so that mem_fini() finds it. As large as the
 * alignment of the host's memory. */
struct mem_large {
	struct mem_large *next, **pprev; /* in mem->large */
};

enum {
	UNIT = 8,
	BACK_BYTES = 2,
	CLASS_NONE = 255,
	/* The strides: multiples of 8, then of 16, then what divides a page. */
	STRIDE_MIN = 16,
	STRIDE_FINE = 256,
	STRIDE_EVEN = 512,
	BLOCKS_MIN = 4, /* in a page */
};

_Static_assert(sizeof(struct mem_page) % UNIT == 0, "blocks are aligned");
_Static_assert(sizeof(struct mem_piece) % UNIT == 0, "pages are aligned");
_Static_assert(sizeof(struct mem_large) == MEM_LARGE_BYTES, "as mem.h says");
_Static_assert((int)MEM_CLASSES < (int)CLASS_NONE, "a class is one byte");

/* ------------------------------------------------------------- blocks */

static inline char *page_blocks(struct mem_page *page)
{
	return (char *)(page + 1) + UNIT;
}

static inline UNSANITIZED struct mem_page *block_page(void *block)
{
	uint16_t units = ((uint16_t *)block)[-1];

	return (struct mem_page *)((char *)block - (size_t)units * UNIT);
}

static inline UNSANITIZED void block_set_page(void *block,
					      struct mem_page *page)
{
	size_t units = (size_t)((char *)block - (char *)page) / UNIT;

	((uint16_t *)block)[-1] = (uint16_t)units;
}

static inline UNSANITIZED void *block_next(void *block)
{
	return *(void **)block;
}

static inline UNSANITIZED void block_set_next(void *block, void *next)
{
	*(void **)block = next;
}

/* -------------------------------------------------------------- lists */

static void page_link(struct mem_page **head, struct mem_page *page)
{
	page->next = *head;
	page->pprev = head;
	if (page->next)
		page->next->pprev = &page->next;
	*head = page;
}

static void page_unlink(struct mem_page *page)
{
	*page->pprev = page->next;
	if (page->next)
		page->next->pprev = page->pprev;
	page->pprev = NULL;
}

static void piece_link_free(struct mem *mem, struct mem_piece *piece)
{
	piece->free_next = mem->with_free_page;
	piece->free_pprev = &mem->with_free_page;
	if (piece->free_next)
		piece->free_next->free_pprev = &piece->free_next;
	mem->with_free_page = piece;
}

static void piece_unlink_free(struct mem_piece *piece)
{
	*piece->free_pprev = piece->free_next;
	if (piece->free_next)
		piece->free_next->free_pprev = piece->free_pprev;
	piece->free_pprev = NULL;
}

/* ------------------------------------------------------------- pieces */

/* How many pages a piece of @bytes has, and how large each is. */
static uint32_t piece_layout(uint32_t bytes, uint32_t *page_bytes)
{
	uint32_t room = bytes - (uint32_t)sizeof(struct mem_piece);
	uint32_t pages = (room + MEM_PAGE_BYTES - 1) / MEM_PAGE_BYTES;

	*page_bytes = room / pages / UNIT * UNIT;
	return pages;
}

/* Adds to a counter that only the holder of the lock writes. */
static void count_add(_Atomic uint64_t *count, uint64_t amount)
{
	uint64_t old = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, old + amount, memory_order_relaxed);
}

static struct mem_piece *piece_create(struct mem *mem)
{
	struct mem_piece *piece = NULL;
	uint32_t bytes = mem->piece_bytes;

	/* A host with little memory may still have smaller pieces. */
	for (; !piece && bytes >= MEM_PIECE_BYTES; bytes /= 2) {
		piece = mem->host->alloc(mem->host->self, bytes);
		if (piece)
			piece->bytes = bytes;
	}
	if (!piece)
		return NULL;
	piece->pages = piece_layout(piece->bytes, &piece->page_bytes);
	piece->used = 0;
	piece->cut = 0;
	piece->free = NULL;
	piece->free_pprev = NULL;
	piece->next = mem->pieces;
	piece->pprev = &mem->pieces;
	if (piece->next)
		piece->next->pprev = &piece->next;
	mem->pieces = piece;
	count_add(&mem->host_bytes, piece->bytes);
	return piece;
}

static void piece_destroy(struct mem *mem, struct mem_piece *piece)
{
	*piece->pprev = piece->next;
	if (piece->next)
		piece->next->pprev = piece->pprev;
	count_add(&mem->host_bytes, 0 - (uint64_t)piece->bytes);
	ALLOW(piece, piece->bytes);
	mem->host->free(mem->host->self, piece);
}

/* An empty piece becomes the reserve; of two, the smaller one goes back. */
static void piece_retire(struct mem *mem, struct mem_piece *piece)
{
	struct mem_piece *other = mem->reserve;

	piece_unlink_free(piece);
	if (!mem->brief && (!other || other->bytes < piece->bytes)) {
		mem->reserve = piece;
		piece = other;
	}
	if (piece)
		piece_destroy(mem, piece);
}

/* -------------------------------------------------------------- pages */

static struct mem_page *page_at(struct mem_piece *piece, uint32_t number)
{
	char *pages = (char *)(piece + 1);

	return (struct mem_page *)(pages + (size_t)number * piece->page_bytes);
}

/* Makes a free page one of @size_class, and puts it in front. */
static struct mem_page *page_take(struct mem *mem, uint8_t size_class)
{
	struct mem_piece *piece = mem->with_free_page;
	struct mem_page *page;
	size_t room;

	if (!piece) {
		piece = mem->reserve;
		mem->reserve = NULL;
		if (!piece)
			piece = piece_create(mem);
		if (!piece)
			return NULL;
		piece_link_free(mem, piece);
	}
	page = piece->free;
	if (page)
		page_unlink(page);
	else
		page = page_at(piece, piece->cut++);
	if (++piece->used == piece->pages)
		piece_unlink_free(piece);

	room = piece->page_bytes - sizeof(*page) - UNIT;
	page->piece = piece;
	page->free = NULL;
	page->used = 0;
	page->cut = 0;
	page->capacity = (uint16_t)(room / mem->stride[size_class]);
	page->size_class = size_class;
	FORBID(page + 1, piece->page_bytes - sizeof(*page));
	page_link(&mem->partial[size_class], page);
	return page;
}

static void page_give(struct mem *mem, struct mem_page *page)
{
	struct mem_piece *piece = page->piece;

	page_unlink(page);
	page->size_class = CLASS_NONE;
	page_link(&piece->free, page);
	if (piece->used-- == piece->pages)
		piece_link_free(mem, piece);
	if (piece->used == 0)
		piece_retire(mem, piece);
}

/* ------------------------------------------------------------ outside */

void mem_init(struct mem *mem, const struct parley_host *host, uint32_t lock,
	      uint32_t piece_bytes)
{
	uint32_t room = 0, stride = STRIDE_MIN, size_class = 0, units = 0;

	*mem = (struct mem){.host = host, .lock = lock};
	if (piece_bytes == 0)
		return;
	if (piece_bytes < MEM_PIECE_BYTES)
		piece_bytes = MEM_PIECE_BYTES;
	mem->piece_bytes = piece_bytes / UNIT * UNIT;
	piece_layout(mem->piece_bytes, &room);
	room -= (uint32_t)sizeof(struct mem_page) + UNIT;

	while (stride <= room / BLOCKS_MIN) {
		assert(size_class < MEM_CLASSES);
		mem->stride[size_class] = (uint16_t)stride;
		for (; units <= stride / UNIT; units++)
			mem->class_of[units] = (uint8_t)size_class;
		size_class++;
		if (stride < STRIDE_FINE)
			stride += UNIT;
		else if (stride < STRIDE_EVEN)
			stride += 2 * UNIT;
		else /* one block less in a page */
			stride = room / (room / stride - 1) / UNIT * UNIT;
	}
	mem->classes = size_class;
	mem->limit = (units - 1) * UNIT - BACK_BYTES + 1;
}

void mem_fini(struct mem *mem)
{
	const struct parley_host *host = mem->host;
	struct mem_piece *piece, *next;

	while (mem->large) {
		struct mem_large *large = mem->large;

		mem->large = large->next;
		host->free(host->self, large);
	}
	count_add(&mem->host_bytes, 0 - mem->large_bytes);
	mem->large_bytes = 0;
	for (piece = mem->pieces; piece; piece = next) {
		next = piece->next;
		piece_destroy(mem, piece);
	}
	mem->with_free_page = NULL;
	mem->reserve = NULL;
}

static void *large_alloc(struct mem *mem, size_t size)
{
	const struct parley_host *host = mem->host;
	struct mem_large *large =
		host->alloc(host->self, sizeof(*large) + size);

	host->lock(host->self, mem->lock);
	if (large) {
		large->next = mem->large;
		large->pprev = &mem->large;
		if (large->next)
			large->next->pprev = &large->next;
		mem->large = large;
		count_add(&mem->host_bytes, sizeof(*large) + size);
		mem->large_bytes += sizeof(*large) + size;
		mem->large_used += size;
		mem->used_bytes += size;
	} else {
		count_add(&mem->refused, 1);
	}
	host->unlock(host->self, mem->lock);
	return large ? large + 1 : NULL;
}

static void large_free(struct mem *mem, void *ptr, size_t size)
{
	const struct parley_host *host = mem->host;
	struct mem_large *large = (struct mem_large *)ptr - 1;

	host->lock(host->self, mem->lock);
	*large->pprev = large->next;
	if (large->next)
		large->next->pprev = large->pprev;
	count_add(&mem->host_bytes, 0 - (uint64_t)(sizeof(*large) + size));
	mem->large_bytes -= sizeof(*large) + size;
	mem->large_used -= size;
	mem->used_bytes -= size;
	host->unlock(host->self, mem->lock);
	host->free(host->self, large);
}

/* The lock is held. */
static inline void *block_alloc(struct mem *mem, uint8_t size_class)
{
	struct mem_page *page = mem->partial[size_class];
	char *block;

	if (!page) {
		page = page_take(mem, size_class);
		if (!page) {
			count_add(&mem->refused, 1);
			return NULL;
		}
	}
	block = page->free;
	if (LIKELY(block)) {
		page->free = block_next(block);
	} else {
		block = page_blocks(page) +
			(size_t)page->cut++ * mem->stride[size_class];
		block_set_page(block, page);
	}
	if (++page->used == page->capacity)
		page_unlink(page);
	return block;
}

void *mem_alloc(struct mem *mem, size_t size)
{
	const struct parley_host *host = mem->host;
	uint8_t size_class;
	void *block;

	if (size >= mem->limit)
		return large_alloc(mem, size);
	size_class = mem->class_of[(size + BACK_BYTES + UNIT - 1) / UNIT];
	host->lock(host->self, mem->lock);
	block = block_alloc(mem, size_class);
	if (LIKELY(block))
		mem->used_bytes += size;
	host->unlock(host->self, mem->lock);
	ALLOW(block, block ? size : 0);
	return block;
}

void mem_free(struct mem *mem, void *ptr, size_t size)
{
	const struct parley_host *host = mem->host;
	struct mem_page *page;

	if (!ptr)
		return;
	if (size >= mem->limit) {
		large_free(mem, ptr, size);
		return;
	}
	page = block_page(ptr);
	assert(page->size_class ==
	       mem->class_of[(size + BACK_BYTES + UNIT - 1) / UNIT]);
	FORBID(ptr, mem->stride[page->size_class]);
	host->lock(host->self, mem->lock);
	block_set_next(ptr, page->free);
	page->free = ptr;
	mem->used_bytes -= size;
	if (page->used-- == page->capacity)
		page_link(&mem->partial[page->size_class], page);
	if (page->used == 0)
		page_give(mem, page);
	host->unlock(host->self, mem->lock);
}

/* ----------------------------------------------------------- checking */

/* What mem_check() adds up. */
struct mem_sums {
	uint64_t host_bytes;
	uint64_t room; /* of all blocks in use */
	uint64_t blocks;
	uint32_t with_free_page; /* pieces */
	uint32_t partial[MEM_CLASSES];
};

static const char *page_check(const struct mem *mem, struct mem_page *page,
			      struct mem_sums *sums)
{
	uint32_t stride, left;
	char *first = page_blocks(page);

	if (page->size_class >= mem->classes)
		return "mem: a page in use has no class";
	stride = mem->stride[page->size_class];
	if (page->used == 0 || page->used > page->cut ||
	    page->cut > page->capacity)
		return "mem: a page's counts contradict each other";
	if ((page->pprev == NULL) != (page->used == page->capacity))
		return "mem: only pages with a free block are listed";
	left = (uint32_t)page->cut - page->used;
	for (char *block = page->free; block; block = block_next(block)) {
		if (left-- == 0)
			return "mem: too many free blocks in a page";
		if (block < first || (size_t)(block - first) % stride ||
		    (size_t)(block - first) / stride >= page->cut ||
		    block_page(block) != page)
			return "mem: a free block is not one of its page";
	}
	if (left != 0)
		return "mem: a block is neither in use nor free";
	sums->partial[page->size_class] += page->pprev != NULL;
	sums->room += (uint64_t)page->used * (stride - BACK_BYTES);
	sums->blocks += page->used;
	return NULL;
}

static const char *piece_check(const struct mem *mem, struct mem_piece *piece,
			       struct mem_sums *sums)
{
	uint32_t used = 0, unused = 0;
	const char *fault;

	if (*piece->pprev != piece || piece->cut > piece->pages)
		return "mem: a piece is damaged";
	for (uint32_t i = 0; i < piece->cut; i++) {
		struct mem_page *page = page_at(piece, i);

		if (page->piece != piece)
			return "mem: a page does not know its piece";
		if (page->size_class == CLASS_NONE)
			continue;
		used++;
		fault = page_check(mem, page, sums);
		if (fault)
			return fault;
	}
	for (struct mem_page *page = piece->free; page; page = page->next) {
		if (page->size_class != CLASS_NONE || ++unused > piece->cut)
			return "mem: a page that is in use is listed as free";
	}
	if (used != piece->used || used + unused != piece->cut)
		return "mem: a piece's pages do not add up";
	if (used == 0 && piece != mem->reserve)
		return "mem: an empty piece was kept";
	if (used != 0 && piece == mem->reserve)
		return "mem: the reserve is in use";
	if ((piece->free_pprev != NULL) !=
	    (used < piece->pages && piece != mem->reserve))
		return "mem: only pieces with a free page are listed";
	sums->with_free_page += piece->free_pprev != NULL;
	sums->host_bytes += piece->bytes;
	return NULL;
}

static const char *lists_check(const struct mem *mem,
			       const struct mem_sums *sums)
{
	uint32_t pieces = 0;

	for (uint32_t i = 0; i < mem->classes; i++) {
		uint32_t count = 0;

		for (const struct mem_page *page = mem->partial[i]; page;
		     page = page->next) {
			if (page->size_class != i || *page->pprev != page ||
			    ++count > sums->partial[i])
				return "mem: a page is on the wrong list";
		}
		if (count != sums->partial[i])
			return "mem: a page with a free block is not listed";
	}
	for (const struct mem_piece *piece = mem->with_free_page; piece;
	     piece = piece->free_next) {
		if (*piece->free_pprev != piece ||
		    piece->used == piece->pages ||
		    ++pieces > sums->with_free_page)
			return "mem: a piece without free page is listed";
	}
	if (pieces != sums->with_free_page)
		return "mem: a piece with a free page is not listed";
	for (struct mem_large *const *link = &mem->large; *link;
	     link = &(*link)->next) {
		if ((*link)->pprev != link)
			return "mem: a large block does not know its place";
	}
	if ((mem->large == NULL) != (mem->large_bytes == 0))
		return "mem: large_bytes does not fit the large blocks";
	if (sums->host_bytes + mem->large_bytes != mem->host_bytes)
		return "mem: host_bytes is not the sum of its parts";
	if (mem->used_bytes - mem->large_used > sums->room ||
	    (sums->blocks == 0 && mem->used_bytes != mem->large_used))
		return "mem: used_bytes does not fit the blocks in use";
	return NULL;
}

const char *mem_check(struct mem *mem)
{
	const struct parley_host *host = mem->host;
	struct mem_sums sums = {0};
	const char *fault = NULL;

	host->lock(host->self, mem->lock);
	for (struct mem_piece *piece = mem->pieces; piece && !fault;
	     piece = piece->next)
		fault = piece_check(mem, piece, &sums);
	if (!fault)
		fault = lists_check(mem, &sums);
	host->unlock(host->self, mem->lock);
	return fault;
}
