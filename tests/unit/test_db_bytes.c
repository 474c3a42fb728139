/* objects: hosts/json_line.o hosts/db/db_tables.o hosts/db/db_bytes.o
 * hosts/db/db_image.o hosts/dmq/image_json.o json.o db_names.o */
/*
 * Bytes that are no UTF-8, in a database that holds nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "db_bytes.h"
#include "db_names.h"
#include "support.h"
#include "text.h"

enum { NOW = 1700000000 };

static const struct parley_now now = {.ms = 5000, .unix_s = NOW};

static void utf8_is_known(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} texts[] = {
		{"", true},
		{"abc", true},
		{"\xc3\xa4", true},
		{"\xe2\x82\xac.", true},
		{"\xf0\x9f\x98\x80", true},
		{"\xe4", false},
		{"a\xff", false},
		{"\xc3", false},
		{"\xc0\xaf", false},	     /* longer than it need be */
		{"\xed\xb3\xa4", false},     /* half of a pair */
		{"\xf4\x90\x80\x80", false}, /* above 10FFFF */
		{"\xc3\xa4\x80", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(db_is_utf8(test_str(texts[i].text)),
				 texts[i].is);
}

static void assert_hidden(const char *json, const char *hidden)
{
	struct db_arena *arena = db_arena_make();
	char text[64];
	char *found;

	assert_non_null(arena);
	snprintf(text, sizeof(text), "%s", json);
	found = db_bytes_hide(arena, text);
	assert_string_equal(found, hidden);
	db_bytes_show(found);
	assert_string_equal(found, json);
	db_arena_free(arena);
}

static void bytes_come_back(void **state)
{
	(void)state;
	assert_hidden("", "");
	assert_hidden("\"a\xc3\xa4\"", "\"a\xc3\xa4\"");
	assert_hidden("\"a\xe4\xff\"", "\"a\\udce4\\udcff\"");
	assert_hidden("\"\x80\xc3\xa4\"", "\"\\udc80\xc3\xa4\"");
	/* What looks like an escape and is a backslash and letters. */
	assert_hidden("\"\\\\udce4\"", "\"\\\\udce4\"");
	assert_hidden("\"\\\\\xe4\"", "\"\\\\\\udce4\"");
	assert_hidden("\"\\u0001\\udc41\\udcg0\\\"",
		      "\"\\u0001\\udc41\\udcg0\\\"");
}

static void question_marks_match(void **state)
{
	(void)state;
	assert_true(db_bytes_match(test_str("a??"), test_str("a\xe4\xff")));
	assert_true(db_bytes_match(test_str("a\xe4?"), test_str("a\xe4\xff")));
	assert_true(db_bytes_match(test_str(""), (struct parley_str){NULL, 0}));
	assert_false(db_bytes_match(test_str("??"), test_str("a\xe4")));
	assert_false(db_bytes_match(test_str("a?"), test_str("a\xe4\xff")));
	assert_false(db_bytes_match(test_str("b?"), test_str("a\xe4")));
}

/* ------------------------------------------------ a dialog */

struct bed {
	struct parley_leg_view leg;
	struct parley_pair vars[2];
	struct parley_image image, read;
	struct db_arena *arena;
	struct db_rows rows;
};

static void fill_bed(struct bed *bed)
{
	*bed = (struct bed){
		.leg = {.number = 1,
			.state = PARLEY_LEG_CONFIRMED,
			.tag = test_str("b\xfft"),
			.contact = test_str("sip:b\xe9@b"),
			.socket = db_names_socket(),
			.cseq = 2,
			.caller_cseq = 3,
			.invite_cseq = 3},
		.vars = {{test_str("k\xfc"), test_str("v\x80")},
			 {test_str("plain"), test_str("one")}},
		.arena = db_arena_make(),
	};
	bed->image = (struct parley_image){
		.view = {.id = {12, 345},
			 .state = PARLEY_STATE_CONFIRMED,
			 .lifetime_s = DB_NAMES_LIFETIME,
			 .start_s = NOW,
			 .callid = test_str("call\xe4@a"),
			 .from_uri = test_str("sip:a@a"),
			 .to_uri = test_str("sip:b@b"),
			 .req_uri = test_str("sip:b@b"),
			 .caller = {.tag = test_str("at"),
				    .socket = db_names_socket(),
				    .cseq = 3},
			 .legs = &bed->leg,
			 .leg_count = 1,
			 .vars = bed->vars,
			 .var_count = 2},
		.invite_cseq = 3,
		.state_left_ms = UINT64_MAX,
		.lifetime_left_ms = (uint64_t)DB_NAMES_LIFETIME * 1000,
	};
	assert_non_null(bed->arena);
}

/* What PostgreSQL gives back. */
static void lose(struct parley_str *text)
{
	static char texts[32][64];
	static uint32_t next;
	char *copy = texts[next++ % 32];

	memcpy(copy, text->s, text->len);
	for (uint32_t i = 0; i < text->len; i++)
		if (copy[i] & 0x80)
			copy[i] = '?';
	text->s = copy;
}

static void store_and_load(struct bed *bed)
{
	struct db_remarks remarks;

	assert_int_equal(db_rows_of(&bed->image, now, bed->arena, &bed->rows),
			 0);
	assert_true(bed->rows.has_more);
	assert_true(db_is_utf8(bed->rows.more.values[DB_M_IMAGE].text));
	for (int i = 0; i < DB_D_COLUMNS; i++)
		if (bed->rows.dialog.values[i].text.len > 0)
			lose(&bed->rows.dialog.values[i].text);
	for (uint32_t i = 0; i < bed->rows.var_count; i++) {
		lose(&bed->rows.vars[i].values[DB_V_KEY].text);
		lose(&bed->rows.vars[i].values[DB_V_VALUE].text);
	}
	assert_int_equal(db_rows_image(&bed->rows, now, bed->arena, &bed->read,
				       &remarks),
			 0);
	assert_null(remarks.fault);
}

static void a_dialog_comes_back(void **state)
{
	struct bed bed;

	(void)state;
	db_names_init("");
	db_names_utf8();
	fill_bed(&bed);
	store_and_load(&bed);
	assert_true(text_is(bed.read.view.callid, "call\xe4@a"));
	assert_int_equal(bed.read.view.leg_count, 1);
	assert_true(text_is(bed.read.view.legs[0].tag, "b\xfft"));
	assert_true(text_is(bed.read.view.legs[0].contact, "sip:b\xe9@b"));
	assert_int_equal(bed.read.view.var_count, 2);
	assert_true(text_is(bed.read.view.vars[0].key, "k\xfc"));
	assert_true(text_is(bed.read.view.vars[0].value, "v\x80"));
	assert_true(text_is(bed.read.view.vars[1].value, "one"));
	db_arena_free(bed.arena);
}

/* The stock module has changed something in between. */
static void news_are_taken(void **state)
{
	struct db_remarks remarks;
	struct bed bed;

	(void)state;
	db_names_init("");
	db_names_utf8();
	fill_bed(&bed);
	store_and_load(&bed);
	bed.rows.dialog.values[DB_D_CALLEE_CONTACT].text = test_str("sip:x@x");
	bed.rows.vars[0].values[DB_V_VALUE].text = test_str("new");
	bed.rows.dialog.values[DB_D_STATE].number = PARLEY_STATE_ANSWERED;
	assert_int_equal(
		db_rows_image(&bed.rows, now, bed.arena, &bed.read, &remarks),
		0);
	assert_true(text_is(bed.read.view.legs[0].contact, "sip:x@x"));
	assert_true(text_is(bed.read.view.vars[0].key, "k\xfc"));
	assert_true(text_is(bed.read.view.vars[0].value, "new"));
	assert_int_equal(bed.read.view.state, PARLEY_STATE_CONFIRMED);
	assert_true(text_is(bed.read.view.callid, "call\xe4@a"));
	db_arena_free(bed.arena);
}

/* A database that holds all bytes needs no image for them. */
static void others_need_none(void **state)
{
	struct bed bed;

	(void)state;
	db_names_init("");
	fill_bed(&bed);
	assert_int_equal(db_rows_of(&bed.image, now, bed.arena, &bed.rows), 0);
	assert_false(bed.rows.has_more);
	db_arena_free(bed.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_known),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(question_marks_match),
		cmocka_unit_test(a_dialog_comes_back),
		cmocka_unit_test(news_are_taken),
		cmocka_unit_test(others_need_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
