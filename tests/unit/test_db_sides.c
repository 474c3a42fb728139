/* objects: hosts/json_line.o hosts/db/db_tables.o hosts/db/db_bytes.o
 * hosts/db/db_sides.o hosts/dmq/image_json.o json.o */
/*
 * What stands beside the rows of the table dialog.
 */
#include <stdlib.h>
#include <string.h>

#include "db_sides.h"
#include "support.h"
#include "text.h"

#define assert_text(text, constant) assert_true(text_is(text, constant))

static void many_identities(void **state)
{
	struct db_ids ids = {0}, others = {0};

	(void)state;
	assert_false(db_ids_has(&ids, (struct parley_id){1, 1}));
	for (uint32_t i = 1; i <= 5000; i++)
		assert_int_equal(db_ids_add(&ids, (struct parley_id){i % 7, i}),
				 1);
	assert_int_equal(db_ids_add(&ids, (struct parley_id){1, 8}), 0);
	assert_int_equal(db_ids_add(&others, (struct parley_id){9, 9}), 1);
	assert_int_equal(db_ids_join(&others, &ids), 0);
	assert_int_equal(others.count, 5001);
	for (uint32_t i = 1; i <= 5000; i++)
		assert_true(db_ids_has(&others, (struct parley_id){i % 7, i}));
	assert_false(db_ids_has(&ids, (struct parley_id){9, 9}));
	db_ids_fini(&ids);
	db_ids_fini(&others);
}

static struct db_row var_row(uint32_t id, const char *key, const char *value)
{
	struct db_row row = {0};

	row.values[DB_V_ID].number = id;
	row.values[DB_V_KEY] = (struct db_value){
		.null = !key, .text = test_str(key ? key : "")};
	row.values[DB_V_VALUE] = (struct db_value){
		.null = !value, .text = test_str(value ? value : "")};
	return row;
}

static void rows_find_their_dialog(void **state)
{
	struct db_arena *arena = db_arena_make();
	struct db_sides sides;
	struct db_side *side;
	struct db_rows rows = {0};
	struct db_row row;
	uint32_t cursor = 0, count = 0;
	int rc = 0;

	(void)state;
	assert_non_null(arena);
	assert_int_equal(db_sides_init(&sides), 0);
	for (uint32_t i = 1; i <= 3000; i++) {
		row = var_row(i, "a", "1");
		assert_null(db_sides_put_var(&sides, &row, i, &rc));
	}
	/* The later one of two counts, in whatever order they come. */
	row = var_row(5, "a", "2");
	assert_null(db_sides_put_var(&sides, &row, 9000, &rc));
	row = var_row(5, "a", "3");
	assert_null(db_sides_put_var(&sides, &row, 8000, &rc));
	row = var_row(5, "b", "");
	assert_null(db_sides_put_var(&sides, &row, 9001, &rc));
	row = var_row(5, "c", NULL);
	assert_non_null(db_sides_put_var(&sides, &row, 9002, &rc));
	row = var_row(0, "c", "");
	assert_non_null(db_sides_put_var(&sides, &row, 9003, &rc));
	row = var_row(5, NULL, "");
	assert_non_null(db_sides_put_var(&sides, &row, 9004, &rc));
	side = db_sides_find(&sides, (struct parley_id){0, 5});
	assert_non_null(side);
	assert_true(db_side_rows(side, arena, &rows));
	assert_false(rows.has_more);
	assert_int_equal(rows.var_count, 2);
	assert_text(rows.vars[0].values[DB_V_VALUE].text, "2");
	assert_text(rows.vars[1].values[DB_V_KEY].text, "b");
	row = var_row(5, "x", "");
	assert_null(db_sides_put_more(&sides, &row, 1, &rc));
	assert_non_null(db_sides_put_more(&sides, &row, 2, &rc));
	for (side = NULL; (side = db_sides_next(&sides, &cursor, side));)
		count++;
	assert_int_equal(count, 3000);
	db_sides_fini(&sides);
	db_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_identities),
		cmocka_unit_test(rows_find_their_dialog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
