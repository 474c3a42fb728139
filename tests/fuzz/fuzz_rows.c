/* objects: hosts/json_line.o hosts/db/db_tables.o hosts/db/db_bytes.o
 * hosts/db/db_image.o hosts/dmq/image_json.o db_names.o */
/*
 * fuzz_rows.c - what a database says, from the values to the engine
 *
 * The input is a row of dialog, rows of dialog_vars and a row of dialog_more:
 * they are read as an image and imported. What the engine holds then is
 * written as rows, which must fit their columns, and read and imported into a
 * second engine, which must take them.
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "unit/db_names.h"

enum { VARS_MAX = 4, TEXT_MAX = 3000, SECONDS = 1700000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct parley *make(struct fuzz_host *host)
{
	struct parley_host calls;

	*host = (struct fuzz_host){.state = 1};
	fuzz_host_fill(host, &calls);
	return fuzz_engine(&calls, false);
}

/* ------------------------------------------------ rows from bytes */

/* Near what a column may hold, or anything. */
static uint64_t take_number(struct input *input, uint32_t column)
{
	static const uint32_t usual[DB_D_COLUMNS] = {
		[DB_D_ID] = 7,
		[DB_D_STATE] = 4,
		[DB_D_START] = SECONDS - 50,
		[DB_D_TIMEOUT] = SECONDS + 5000,
	};
	uint64_t high;

	switch (input_below(input, 8)) {
	case 0:
		return input_u32(input);
	case 1:
		high = input_u32(input);
		return high << 32 | input_u32(input);
	case 2:
		return (uint64_t)-1;
	case 3:
		return usual[column] + input_below(input, 4) - 1;
	default:
		return usual[column];
	}
}

/* A database knows no zero bytes. */
static struct parley_str take_text(struct input *input)
{
	struct parley_str text = input_long(input, TEXT_MAX);

	const char *zero = text.len > 0 ? memchr(text.s, 0, text.len) : NULL;

	if (zero)
		text.len = (uint32_t)(zero - text.s);
	return text;
}

static void take_row(struct input *input, enum db_table table,
		     struct db_row *row)
{
	const struct db_layout *layout = db_layout(table);

	for (uint32_t i = 0; i < layout->count; i++) {
		struct db_value *value = &row->values[i];
		bool cseq = table == DB_DIALOG &&
			    (i == DB_D_CALLER_CSEQ || i == DB_D_CALLEE_CSEQ);

		*value =
			(struct db_value){.null = input_below(input, 32) == 31};
		if (value->null)
			continue;
		if (layout->columns[i].kind == DB_NUMBER)
			value->number = take_number(input, i);
		else if (cseq && input_below(input, 4) > 0)
			value->text = (struct parley_str){"12", 2};
		else
			value->text = take_text(input);
	}
}

/* ------------------------------------------------ there and back */

static void take_in(struct parley *engine, const struct db_rows *rows,
		    bool must)
{
	static struct db_arena *arena;
	const struct parley_now now = {.ms = 1000, .unix_s = SECONDS};
	struct parley_actions actions;
	struct parley_image image;
	struct db_remarks remarks;
	int rc;

	if (!arena)
		arena = db_arena_make();
	db_arena_empty(arena);
	rc = db_rows_image(rows, now, arena, &image, &remarks);
	if (rc == PARLEY_E_ARGUMENT && (!remarks.fault || !remarks.column))
		abort();
	if (rc == 0) {
		image.stored = true;
		rc = parley_import(engine, now, &image, &actions);
		if (rc == 0 && actions.note.types != 0)
			parley_deliver(engine, &actions.note, NULL, false);
	}
	if (must && rc < 0)
		abort();
	fuzz_check(engine);
}

static void check_fits(const struct db_row *row, enum db_table table)
{
	const struct db_layout *layout = db_layout(table);

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct db_value *value = &row->values[i];

		if (value->null && !layout->columns[i].null)
			abort();
		if (layout->columns[i].width > 0 &&
		    value->text.len > layout->columns[i].width)
			abort();
		if (value->text.len > 0 &&
		    memchr(value->text.s, 0, value->text.len))
			abort();
	}
}

static void check_rows(const struct db_rows *rows)
{
	uint64_t state = rows->dialog.values[DB_D_STATE].number;

	if (rows->has_more)
		check_fits(&rows->more, DB_MORE);
	if (!rows->has_dialog)
		return;
	if (state != 3 && state != 4)
		abort();
	check_fits(&rows->dialog, DB_DIALOG);
	for (uint32_t i = 0; i < rows->var_count; i++)
		check_fits(&rows->vars[i], DB_VARS);
}

static void carry_over(struct parley *from, struct parley *to)
{
	static _Alignas(16) char buffer[1 << 20];
	static struct db_arena *arena;
	const struct parley_now now = {.ms = 2000, .unix_s = SECONDS + 1};
	struct parley_id id = {0, 0};
	struct parley_image image;
	struct db_rows rows;

	if (!arena)
		arena = db_arena_make();
	while (parley_next(from, &id)) {
		if (parley_export(from, now, id, &image, buffer, sizeof(buffer),
				  NULL) < 0)
			continue;
		db_arena_empty(arena);
		if (db_rows_of(&image, now, arena, &rows) < 0)
			abort();
		check_rows(&rows);
		if (rows.has_dialog || rows.has_more)
			take_in(to, &rows, true);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct db_row vars[VARS_MAX];
	struct input input = {data, size};
	struct fuzz_host hosts[2];
	struct parley *here = make(&hosts[0]), *there = make(&hosts[1]);
	struct db_rows rows = {.vars = vars};

	db_names_init(input_below(&input, 4) == 3 ? "one" : "");
	rows.has_dialog = input_below(&input, 4) > 0;
	rows.has_more = input_below(&input, 4) > 1;
	rows.var_count = input_below(&input, VARS_MAX);
	if (rows.has_dialog)
		take_row(&input, DB_DIALOG, &rows.dialog);
	for (uint32_t i = 0; i < rows.var_count; i++)
		take_row(&input, DB_VARS, &vars[i]);
	if (rows.has_more)
		take_row(&input, DB_MORE, &rows.more);
	take_in(here, &rows, false);
	carry_over(here, there);
	parley_destroy(here);
	parley_destroy(there);
	return 0;
}
