/* objects: fsm.o */
#include "support.h"

#include "fsm.h"

static void every_cell_is_filled(void **state)
{
	(void)state;
	for (int s = PARLEY_STATE_UNCONFIRMED; s < PARLEY_STATES; s++)
		for (int e = 0; e < T_EVENTS; e++) {
			const struct table_cell *cell =
				fsm_cell((uint8_t)s, (enum table_event)e);
			if (cell->next == PARLEY_STATE_NONE)
				fail_msg("state %d, event %s", s,
					 parley_table_event_name(e));
		}
}

static void every_event_has_a_name(void **state)
{
	(void)state;
	assert_int_equal(parley_table_events(), T_EVENTS);
	for (int e = 0; e < T_EVENTS; e++)
		assert_non_null(parley_table_event_name(e));
	assert_null(parley_table_event_name(-1));
	assert_null(parley_table_event_name(T_EVENTS));
}

static bool by_decree(int event)
{
	return event >= T_SET_UNCONFIRMED && event <= T_SET_DELETED;
}

/* States only grow, except by decree; what is answered stays so, and what has
 * ended stays so. */
static void no_way_back(void **state)
{
	(void)state;
	for (int s = PARLEY_STATE_UNCONFIRMED; s < PARLEY_STATES; s++)
		for (int e = 0; e < T_EVENTS; e++) {
			int next = parley_table_next(s, e);
			if (by_decree(e) && s != PARLEY_STATE_DELETED)
				assert_true(next == -1 || next + 1 >= s);
			else
				assert_true(next == -1 || next >= s);
			if (s >= PARLEY_STATE_ANSWERED)
				assert_true(next == -1 ||
					    next >= PARLEY_STATE_ANSWERED);
		}
}

/* Exactly the way into state 5 is told by exactly one terminal note; what
 * happens by decree is not told at all. */
static void one_terminal_note(void **state)
{
	(void)state;
	const uint32_t terminal = PARLEY_NOTE_FAILED | PARLEY_NOTE_TERMINATED |
				  PARLEY_NOTE_EXPIRED;
	for (int s = PARLEY_STATE_UNCONFIRMED; s < PARLEY_STATES; s++)
		for (int e = 0; e < T_EVENTS; e++) {
			const struct table_cell *cell =
				fsm_cell((uint8_t)s, (enum table_event)e);
			if (cell->next == FSM_BOGUS)
				continue;
			uint32_t told = cell->notes & terminal;
			if (by_decree(e)) {
				assert_int_equal(cell->notes, 0);
				continue;
			}
			bool ends = s != PARLEY_STATE_DELETED &&
				    cell->next == PARLEY_STATE_DELETED;
			assert_true(ends == (told != 0));
			assert_true((told & (told - 1)) == 0);
		}
}

/* The rows that users know, in the order of RFC 3261. */
static const struct row {
	int state, event, next;
} rows[] = {
	/* 1 */ {1, T_REPLY_1XX, 2},
	/* 2 */ {1, T_REPLY_2XX, 3},
	/* 3 */ {2, T_REPLY_2XX, 3},
	/* 4 */ {1, T_REPLY_FAIL, 5},
	/* 5 */ {2, T_REPLY_FAIL, 5},
	/* 6 */ {3, T_ACK, 4},
	/* 7 */ {4, T_ACK, 4},
	/* 8 */ {3, T_BYE_LAST, 5},
	/* 9 */ {4, T_BYE_LAST, 5},
	/* 10 */ {2, T_BYE_OTHER, 2},
	/* 11 */ {4, T_BYE_OTHER, 4},
	/* 12 */ {4, T_REQUEST, 4},
	/* 13 */ {5, T_REPLY_2XX, 5},
	/* 14 */ {4, T_LIFETIME, 5},
	/* 15 */ {4, T_LIFETIME_BYE, 4},
	/* 16 */ {4, T_BYES_DONE, 5},
	/* 17 */ {2, T_EARLY_TIMEOUT, 5},
	/* 18 */ {3, T_NOACK_TIMEOUT, 3},
	/* 19 */ {1, T_ACK, -1},
	/* 20 */ {1, T_REQUEST, -1},
	/* 21 */ {2, T_CANCEL, 2},
	/* 22 */ {1, T_TXN_GONE, 5},
	/* 23 */ {4, T_TXN_GONE, 4},
	/* 24 */ {6, T_ACK, -1},
	/* 25 */ {4, T_EVENTS, -1},
	/* 26 */ {4, T_SET_DELETED, 5},
	/* 27 */ {5, T_SET_CONFIRMED, -1},
	/* 28 */ {4, T_SET_EARLY, -1},
	/* 29 */ {4, T_SET_ANSWERED, 3},
	/* 30 */ {1, T_SET_EARLY, 2},
};

static void known_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parley_table_next(rows[i].state, rows[i].event) !=
		    rows[i].next)
			fail_msg("row %zu", i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_filled),
		cmocka_unit_test(every_event_has_a_name),
		cmocka_unit_test(no_way_back),
		cmocka_unit_test(one_terminal_note),
		cmocka_unit_test(known_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
