/*
 * fuzz_record.c - what a crash, or anybody else, has left in the journal
 *
 * The input is a record, which is read and imported, or blocks of an area, most
 * of them with a right checksum, and what is done with the journal that they
 * make.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "record.h"
/* Behind the engine's. */
#include "journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static void sound(struct journal *journal)
{
	const char *fault = journal_check(journal);

	if (fault)
		fprintf(stderr, "journal_check(): %s\n", fault);
	expect(!fault);
}

/* ------------------------------------------------ records */

static void *socket_find(void *self, struct parley_str text)
{
	return text.len == 7 ? self : NULL;
}

static struct parley_str socket_text(void *self, void *socket)
{
	(void)self;
	return socket ? (struct parley_str){"udp:1:2", 7}
		      : (struct parley_str){0};
}

static int32_t route_find(void *self, struct parley_str name)
{
	(void)self;
	return (int32_t)name.len;
}

static struct parley *make(struct fuzz_host *fuzz)
{
	struct parley_host host;

	*fuzz = (struct fuzz_host){.state = 1};
	fuzz_host_fill(fuzz, &host);
	host.socket_text = socket_text;
	host.socket_find = socket_find;
	host.route_find = route_find;
	return fuzz_engine(&host, false);
}

struct bytes {
	size_t size;
	char at[1 << 20];
};

static void bytes_write(void *self, const void *bytes, size_t size)
{
	struct bytes *to = self;

	expect(size <= sizeof(to->at) - to->size);
	memcpy(to->at + to->size, bytes, size);
	to->size += size;
}

/* What the engine holds now can be written, and read again. */
static void write_again(struct parley *engine, struct parley_now now,
			struct parley_id id)
{
	static _Alignas(16) char buffer[1 << 21];
	static struct bytes bytes;
	const struct record_sink sink = {bytes_write, &bytes};
	struct dialog *dialog = dialog_find_lock(engine, id);
	struct parley_image image;

	expect(dialog != NULL);
	bytes.size = 0;
	record_write(engine, dialog, now, &sink);
	expect(bytes.size == record_bytes(engine, dialog));
	dialog_unlock(engine, id);
	expect(record_read(engine, now,
			   (struct parley_str){bytes.at, (uint32_t)bytes.size},
			   &image, buffer, sizeof(buffer), NULL) == 0);
}

static void try_record(struct parley_str text)
{
	const struct parley_now now = {.ms = 1000, .unix_s = 1700000000};
	struct fuzz_host host;
	struct parley *engine = make(&host);
	struct parley_actions actions;
	struct parley_image image;
	size_t needed = 0;
	void *buffer;
	int rc = record_read(engine, now, text, &image, NULL, 0, &needed);

	/* A few bytes must not ask for much. */
	expect(needed <= (size_t)text.len * 8 + 64);
	buffer = malloc(needed + 1);
	expect(buffer != NULL);
	if (rc == PARLEY_E_SPACE)
		rc = record_read(engine, now, text, &image, buffer, needed,
				 &needed);
	if (rc == 0)
		rc = parley_import(engine, now, &image, &actions);
	if (rc == 0)
		write_again(engine, now, image.view.id);
	free(buffer);
	fuzz_check(engine);
	parley_destroy(engine);
	expect(host.blocks == 0);
}

/* ------------------------------------------------ areas */

enum { AREA = PARLEY_STORE_MIN, NEAR = 24, STEPS = 32 };

/* One block as the input says, near the others. */
static void some_block(struct input *input, struct journal_block *area,
		       uint32_t base)
{
	uint32_t at = base + input_below(input, NEAR);
	struct journal_block *block = &area[at];
	uint32_t sum = input_byte(input);

	block->number = input_byte(input);
	block->first = base + input_below(input, NEAR);
	block->next =
		input_byte(input) % 2 ? base + input_below(input, NEAR) : 0;
	block->part = (uint16_t)input_below(input, 5);
	block->parts = (uint16_t)(1 + input_below(input, 5));
	block->bytes = block->parts * (uint32_t)JOURNAL_BODY -
		       input_below(input, JOURNAL_BODY);
	block->kind = 1 + input_below(input, 2);
	block->id = (struct parley_id){0, input_below(input, 4)};
	if (input_byte(input) % 8 == 0)
		block->bytes = input_u32(input);
	if (input_byte(input) % 8 == 0)
		block->next = input_u32(input);
	block->sum = 0;
	/* The sum reads as much as the length says. */
	if (sum >= 16 && block->part < block->parts)
		block->sum = journal_sum(block);
	else
		block->sum = sum;
}

static void take_one(struct journal *journal, struct parley *engine,
		     bool written)
{
	const struct parley_now now = {.ms = 1000, .unix_s = 1700000000};
	struct journal_record record;
	struct parley_image image;
	struct parley_str text;
	char *bytes;

	if (!journal_take(journal, &record))
		return;
	expect(record.bytes <= AREA);
	bytes = malloc(record.bytes + 1);
	expect(bytes != NULL);
	journal_read(journal, &record, bytes);
	text = (struct parley_str){bytes, (uint32_t)record.bytes};
	expect(record_read(engine, now, text, &image, NULL, 0, NULL) < 0);
	free(bytes);
	journal_done(journal, record.name, written);
}

static void work(struct input *input, struct journal *journal,
		 struct parley *engine)
{
	journal_name last = 0;

	/* Looking at all of the area takes longer than the step. */
	for (int step = 0; step < STEPS && input->left > 0; step++) {
		struct journal_item item = {
			.id = {0, input_below(input, 4)},
			.kind = JOURNAL_PUT,
			.bytes = input_below(input, 2000),
			.old = last,
		};
		struct journal_writer writer;
		char bytes[2000] = {0};

		switch (input_below(input, 5)) {
		case 0:
			take_one(journal, engine, true);
			break;
		case 1:
			take_one(journal, engine, false);
			break;
		case 2:
			(void)!journal_drop(journal, last);
			break;
		case 3:
			journal_synced(journal, journal_mark(journal));
			break;
		default:
			expect(journal_begin(journal, &writer, &item));
			journal_write(&writer, bytes, item.bytes);
			last = journal_commit(&writer, 0);
		}
		if (step % 8 == 0)
			sound(journal);
	}
}

static uint64_t left_in(struct journal *journal)
{
	struct journal_record record;
	uint32_t cursor = 0;
	uint64_t count = 0;

	while (journal_next(journal, &cursor, &record))
		count++;
	return count;
}

static void try_area(struct input *input)
{
	static _Alignas(4096) char area[AREA];
	struct parley_store_config config = {.area = area, .bytes = AREA};
	struct parley_host host;
	struct fuzz_host fuzz;
	struct parley *engine = make(&fuzz);
	struct journal journal;
	uint64_t waiting;

	fuzz_host_fill(&fuzz, &host);
	memset(area, 0, sizeof(area));
	expect(journal_open(&journal, &host, 9, 0, &config) == 0);
	config.keep_replaced = input_byte(input) % 2 != 0;
	for (uint32_t i = input_byte(input); i > 0; i--)
		some_block(input, (void *)area, journal.base);
	expect(journal_open(&journal, &host, 9, 0, &config) == 0);
	sound(&journal);
	waiting = journal.waiting;
	expect(left_in(&journal) == waiting);
	/* A second look at what the first has left sees the same. */
	expect(journal_open(&journal, &host, 9, 0, &config) == 0);
	expect(journal.waiting == waiting && journal.torn == 0);
	work(input, &journal, engine);
	expect(journal_open(&journal, &host, 9, 0, &config) == 0);
	sound(&journal);
	parley_destroy(engine);
}

/* Whatever the first bytes say. */
static void try_head(struct input *input)
{
	static _Alignas(4096) char area[2 * AREA];
	struct parley_store_config config = {.area = area, .bytes = AREA};
	struct parley_host host;
	struct fuzz_host fuzz = {.state = 1};
	struct journal journal;
	size_t used = input->left < sizeof(area) ? input->left : sizeof(area);

	fuzz_host_fill(&fuzz, &host);
	memset(area, 0, sizeof(area));
	if (input_byte(input) % 2 == 0)
		expect(journal_open(&journal, &host, 9, 0, &config) == 0);
	used = input->left < used ? input->left : used;
	for (size_t i = 0; i < used; i++)
		area[i % 16] = (char)(area[i % 16] ^ input->at[i]);
	config.bytes = 2 * (size_t)AREA;
	if (journal_open(&journal, &host, 9, 0, &config) == 0)
		sound(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint32_t what = input_byte(&input) % 8;

	if (what < 4)
		try_record((struct parley_str){(const char *)input.at,
					       (uint32_t)input.left});
	else if (what < 7)
		try_area(&input);
	else
		try_head(&input);
	return 0;
}
