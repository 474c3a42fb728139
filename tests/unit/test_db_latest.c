/* objects: hosts/db/db_latest.o */
/* test_db_latest.c - the last change of each dialog in a batch */
#include "support.h"

#include "db_latest.h"

enum { ENTRIES = 3, IDS = 3, COUNT = 100 };

/* Whether change @at is the last of its dialog, the slow way. */
static bool is_last(const struct parley_id *ids, uint32_t at)
{
	for (uint32_t i = at + 1; i < COUNT; i++)
		if (ids[i].entry == ids[at].entry && ids[i].id == ids[at].id)
			return false;
	return true;
}

static void test_last_of_each(void **state)
{
	struct db_change changes[COUNT];
	struct parley_id ids[COUNT];
	bool seen[COUNT] = {false};

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		ids[i] = (struct parley_id){i * 7 % ENTRIES,
					    1 + i * i * 5 % IDS};
		changes[i] = (struct db_change){ids[i], i};
	}
	db_changes_sort(changes, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t number = changes[i].number;

		assert_true(number < COUNT && !seen[number]);
		seen[number] = true;
		assert_int_equal(db_change_is_old(changes, COUNT, i),
				 !is_last(ids, number));
	}
}

static void test_few(void **state)
{
	struct db_change one = {{1, 2}, 0};

	(void)state;
	db_changes_sort(NULL, 0);
	db_changes_sort(&one, 1);
	assert_false(db_change_is_old(&one, 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_of_each),
		cmocka_unit_test(test_few),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
