/* objects: hosts/json_line.o hosts/db/db_tables.o hosts/db/db_bytes.o
 * hosts/db/db_image.o hosts/dmq/image_json.o json.o db_names.o */
/*
 * Dialogs as rows, and rows as dialogs, of both modules.
 */
#include <stdlib.h>
#include <string.h>

#include "db_names.h"
#include "support.h"
#include "text.h"

enum { NOW = 1700000000, START = NOW - 100 };

static const struct parley_now now = {.ms = 5000, .unix_s = NOW};

/* A call that is up, and its rows. */
struct bed {
	struct db_arena *arena, *other;
	struct parley_image image;
	struct parley_leg_view legs[2];
	struct parley_pair vars[2];
	struct parley_profile_view profiles[40];
	struct db_rows rows;
	struct parley_image read;
	struct db_remarks remarks;
};

static int make_bed(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct parley_view *view;

	assert_non_null(bed);
	db_names_init("");
	bed->arena = db_arena_make();
	bed->other = db_arena_make();
	assert_non_null(bed->arena);
	assert_non_null(bed->other);
	view = &bed->image.view;
	*view = (struct parley_view){
		.id = {12, 345},
		.state = PARLEY_STATE_CONFIRMED,
		.flags = 0x80000005,
		.options = PARLEY_OPT_KA_CALLER | PARLEY_OPT_BYE_ON_TIMEOUT,
		.lifetime_s = DB_NAMES_LIFETIME,
		.init_s = START,
		.start_s = START,
		.timeout_route = 7,
		.callid = test_str("call-1"),
		.from_uri = test_str("sip:alice@a.example"),
		.to_uri = test_str("sip:bob@b.example"),
		.req_uri = test_str("sip:bob@b.example;user=phone"),
		.timeout_route_name = test_str("late"),
		.caller = {.tag = test_str("at"),
			   .contact = test_str("sip:alice@10.0.0.1"),
			   .route_set = test_str("<sip:p1;lr>"),
			   .socket = db_names_socket(),
			   .cseq = 3},
		.legs = bed->legs,
		.leg_count = 1,
		.vars = bed->vars,
		.var_count = 1,
		.profiles = bed->profiles,
		.profile_count = 2,
	};
	bed->legs[0] = (struct parley_leg_view){
		.number = 1,
		.state = PARLEY_LEG_CONFIRMED,
		.tag = test_str("bt"),
		.contact = test_str("sip:bob@10.0.0.2"),
		.route_set = test_str("<sip:p2;lr>"),
		.socket = db_names_socket(),
		.cseq = 9,
		.caller_cseq = 3,
		.invite_cseq = 3,
	};
	bed->vars[0] = (struct parley_pair){test_str("k"), test_str("v \"1\"")};
	bed->profiles[0] = (struct parley_profile_view){0, test_str("tr\"unk")};
	bed->profiles[1] = (struct parley_profile_view){1, test_str("")};
	bed->image.invite_cseq = 3;
	bed->image.state_left_ms = UINT64_MAX;
	bed->image.lifetime_left_ms = (DB_NAMES_LIFETIME - 100) * 1000;
	*state = bed;
	return 0;
}

static int free_bed(void **state)
{
	struct bed *bed = *state;

	db_arena_free(bed->arena);
	db_arena_free(bed->other);
	free(bed);
	return 0;
}

#define assert_text(text, constant) assert_true(text_is(text, constant))

static struct db_value *column(struct bed *bed, uint32_t number)
{
	return &bed->rows.dialog.values[number];
}

static void set_text(struct bed *bed, uint32_t number, const char *text)
{
	*column(bed, number) = (struct db_value){.text = test_str(text)};
}

static void write_rows(struct bed *bed)
{
	assert_int_equal(db_rows_of(&bed->image, now, bed->arena, &bed->rows),
			 0);
}

static int read_rows(struct bed *bed, uint32_t later_s)
{
	const struct parley_now then = {.ms = 1, .unix_s = NOW + later_s};

	return db_rows_image(&bed->rows, then, bed->other, &bed->read,
			     &bed->remarks);
}

static void assert_leg(const struct parley_leg_view *one,
		       const struct parley_leg_view *other)
{
	assert_true(text_equal(one->tag, other->tag));
	assert_true(text_equal(one->contact, other->contact));
	assert_true(text_equal(one->route_set, other->route_set));
	assert_ptr_equal(one->socket, other->socket);
	assert_int_equal(one->state, other->state);
	assert_int_equal(one->cseq, other->cseq);
	assert_int_equal(one->caller_cseq, other->caller_cseq);
	assert_int_equal(one->invite_cseq, other->invite_cseq);
	assert_int_equal(one->caller_shift, other->caller_shift);
}

static void assert_lists(const struct parley_view *one,
			 const struct parley_view *other)
{
	assert_int_equal(one->leg_count, other->leg_count);
	for (uint32_t i = 0; i < one->leg_count; i++)
		assert_leg(&one->legs[i], &other->legs[i]);
	assert_int_equal(one->var_count, other->var_count);
	for (uint32_t i = 0; i < one->var_count; i++) {
		assert_true(text_equal(one->vars[i].key, other->vars[i].key));
		assert_true(
			text_equal(one->vars[i].value, other->vars[i].value));
	}
	assert_int_equal(one->profile_count, other->profile_count);
	for (uint32_t i = 0; i < one->profile_count; i++) {
		assert_int_equal(one->profiles[i].profile,
				 other->profiles[i].profile);
		assert_true(text_equal(one->profiles[i].value,
				       other->profiles[i].value));
	}
}

static void assert_same(const struct bed *bed)
{
	const struct parley_view *one = &bed->image.view;
	const struct parley_view *other = &bed->read.view;

	assert_int_equal(one->id.entry, other->id.entry);
	assert_int_equal(one->id.id, other->id.id);
	assert_int_equal(one->state, other->state);
	assert_int_equal(one->flags, other->flags);
	assert_int_equal(one->options, other->options);
	assert_int_equal(one->lifetime_s, other->lifetime_s);
	assert_int_equal(one->start_s, other->start_s);
	assert_int_equal(one->timeout_route, other->timeout_route);
	assert_true(text_equal(one->callid, other->callid));
	assert_true(text_equal(one->from_uri, other->from_uri));
	assert_true(text_equal(one->to_uri, other->to_uri));
	assert_true(text_equal(one->req_uri, other->req_uri));
	assert_true(
		text_equal(one->timeout_route_name, other->timeout_route_name));
	assert_true(text_equal(one->caller.tag, other->caller.tag));
	assert_true(text_equal(one->caller.contact, other->caller.contact));
	assert_true(text_equal(one->caller.route_set, other->caller.route_set));
	assert_ptr_equal(one->caller.socket, other->caller.socket);
	assert_int_equal(one->caller.cseq, other->caller.cseq);
	assert_int_equal(bed->image.invite_cseq, bed->read.invite_cseq);
	assert_int_equal(other->owner.len, 0);
	assert_lists(one, other);
}

/* ------------------------------------------------ ours */

static void stock_rows_hold_a_plain_call(void **state)
{
	struct bed *bed = *state;

	write_rows(bed);
	assert_true(bed->rows.has_dialog);
	assert_false(bed->rows.has_more);
	assert_int_equal(column(bed, DB_D_STATE)->number, 4);
	assert_int_equal(column(bed, DB_D_TIMEOUT)->number,
			 START + DB_NAMES_LIFETIME);
	assert_text(column(bed, DB_D_CALLER_CSEQ)->text, "3");
	assert_text(column(bed, DB_D_CALLEE_CSEQ)->text, "9");
	assert_text(column(bed, DB_D_CALLER_SOCK)->text, DB_NAMES_SOCKET);
	assert_int_equal(column(bed, DB_D_IFLAGS)->number, 3);
	assert_text(column(bed, DB_D_XDATA)->text,
		    "{\"profiles\":[{\"name\":\"out\",\"value\":\"tr\\\"unk\"},"
		    "{\"name\":\"all\"}]}");
	assert_int_equal(bed->rows.var_count, 1);
	assert_int_equal(read_rows(bed, 0), 0);
	assert_same(bed);
	assert_int_equal(bed->read.lifetime_left_ms,
			 bed->image.lifetime_left_ms);
	assert_int_equal(read_rows(bed, 50), 0);
	assert_int_equal(bed->read.lifetime_left_ms,
			 bed->image.lifetime_left_ms - 50 * 1000);
	assert_null(bed->remarks.fault);
}

static void a_lifetime_that_is_over_is_over(void **state)
{
	struct bed *bed = *state;

	write_rows(bed);
	assert_int_equal(read_rows(bed, DB_NAMES_LIFETIME), 0);
	assert_int_equal(bed->read.lifetime_left_ms, 0);
	assert_false(bed->remarks.unarmed);
}

static char long_text[4096];

static struct parley_str repeated(const char *piece, uint32_t times)
{
	size_t len = strlen(piece);

	for (uint32_t i = 0; i < times; i++)
		memcpy(long_text + i * len, piece, len + 1);
	return (struct parley_str){long_text, (uint32_t)(len * times)};
}

static void routes_are_cut_between_two(void **state)
{
	struct bed *bed = *state;
	const char *route = "<sip:proxy,1@example;lr>,";
	const struct db_value *value = column(bed, DB_D_CALLEE_ROUTES);

	bed->legs[0].route_set = repeated(route, 30);
	bed->legs[0].route_set.len--;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	assert_int_equal(value->text.len,
			 (512 + 1) / strlen(route) * strlen(route) - 1);
	assert_int_equal(value->text.s[value->text.len - 1], '>');
	assert_int_equal(read_rows(bed, 0), 0);
	assert_same(bed);
	/* What the stock module reads. */
	bed->rows.has_more = false;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_true(text_equal(bed->read.view.legs[0].route_set, value->text));
}

static void a_route_that_is_too_long_is_none(void **state)
{
	struct bed *bed = *state;

	bed->legs[0].route_set = repeated("x", 600);
	write_rows(bed);
	assert_true(column(bed, DB_D_CALLEE_ROUTES)->null);
	assert_int_equal(read_rows(bed, 0), 0);
	assert_same(bed);
}

static void contacts_are_cut_before_a_parameter(void **state)
{
	struct bed *bed = *state;
	const struct parley_str start = test_str("sip:b;c@d.e");
	struct parley_str text = repeated(";p=12345678", 40);

	memcpy(long_text, start.s, start.len);
	bed->legs[0].contact = text;
	write_rows(bed);
	text = column(bed, DB_D_CALLEE_CONTACT)->text;
	assert_int_equal(text.len, 253);
	assert_int_equal(bed->legs[0].contact.s[text.len], ';');
	assert_int_equal(read_rows(bed, 0), 0);
	assert_same(bed);
}

static void characters_are_not_cut(void **state)
{
	struct bed *bed = *state;

	bed->vars[0].value = repeated("\xe2\x82\xac", 300);
	write_rows(bed);
	assert_int_equal(bed->rows.vars[0].values[DB_V_VALUE].text.len, 510);
	assert_int_equal(read_rows(bed, 0), 0);
	assert_same(bed);
}

static void variables_may_not_fit(void **state)
{
	struct bed *bed = *state;

	bed->image.view.var_count = 2;
	bed->vars[1] = (struct parley_pair){repeated("k", 129), test_str("")};
	write_rows(bed);
	assert_int_equal(bed->rows.var_count, 1);
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.var_count, 2);
	assert_same(bed);
}

static void as_many_profiles_as_fit(void **state)
{
	struct bed *bed = *state;
	struct parley_str text;

	bed->image.view.profile_count = 40;
	for (uint32_t i = 0; i < 40; i++)
		bed->profiles[i] = (struct parley_profile_view){
			0,
			test_str("0123456789012345678901234567890123456789")};
	write_rows(bed);
	text = column(bed, DB_D_XDATA)->text;
	assert_true(text.len <= 512 && text.len > 400);
	assert_int_equal(text.s[text.len - 1], '}');
	assert_int_equal(read_rows(bed, 0), 0);
	assert_same(bed);
	bed->rows.has_more = false;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.profile_count, 7);
}

static void what_has_no_column_is_in_the_image(void **state)
{
	struct bed *bed = *state;

	bed->image.view.leg_count = 2;
	bed->legs[1] = bed->legs[0];
	bed->legs[1].tag = test_str("ct");
	bed->legs[1].number = 2;
	bed->legs[0].state = PARLEY_LEG_ENDED;
	bed->legs[1].caller_shift = 2;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	/* The callee who is up. */
	assert_text(column(bed, DB_D_TO_TAG)->text, "ct");
	assert_int_equal(read_rows(bed, 10), 0);
	assert_same(bed);
	assert_int_equal(bed->read.lifetime_left_ms,
			 bed->image.lifetime_left_ms - 10 * 1000);
}

static void each_need_of_an_image(void **state)
{
	struct bed *bed = *state;
	struct parley_image plain = bed->image;

	bed->image.lifetime_left_ms -= 6000;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	bed->image = plain;
	bed->image.view.ending = true;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	bed->image = plain;
	bed->image.invite_shift = 1;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	bed->image = plain;
	bed->image.view.options |= 1 << 9;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	bed->image = plain;
	bed->image.view.state = PARLEY_STATE_ANSWERED;
	bed->legs[0].state = PARLEY_LEG_ANSWERED;
	bed->image.state_left_ms = 20000;
	write_rows(bed);
	assert_false(bed->rows.has_more);
	bed->legs[0].invite_cseq = 2; /* and a PRACK had 3 */
	write_rows(bed);
	assert_true(bed->rows.has_more);
}

static void a_call_that_waits_for_its_ack(void **state)
{
	struct bed *bed = *state;

	bed->image.view.state = PARLEY_STATE_ANSWERED;
	bed->image.view.start_s = NOW - 20;
	bed->image.lifetime_left_ms = (DB_NAMES_LIFETIME - 20) * 1000;
	bed->legs[0].state = PARLEY_LEG_ANSWERED;
	write_rows(bed);
	assert_false(bed->rows.has_more);
	assert_int_equal(read_rows(bed, 10), 0);
	assert_same(bed);
	assert_int_equal(bed->read.state_left_ms, 30 * 1000);
	assert_int_equal(read_rows(bed, 1000), 0);
	assert_int_equal(bed->read.state_left_ms, 0);
}

static void an_early_dialog_is_in_our_table_only(void **state)
{
	struct bed *bed = *state;

	bed->image.view.state = PARLEY_STATE_EARLY;
	bed->image.view.start_s = 0;
	bed->image.lifetime_left_ms = UINT64_MAX;
	bed->image.state_left_ms = 200 * 1000;
	bed->legs[0].state = PARLEY_LEG_EARLY;
	write_rows(bed);
	assert_false(bed->rows.has_dialog);
	assert_int_equal(bed->rows.var_count, 0);
	assert_true(bed->rows.has_more);
	assert_int_equal(read_rows(bed, 150), 0);
	assert_same(bed);
	assert_int_equal(bed->read.state_left_ms, 50 * 1000);
	assert_int_equal(read_rows(bed, 500), 0);
	assert_int_equal(bed->read.state_left_ms, 0);
	assert_int_equal(read_rows(bed, 600), PARLEY_E_OLD);
}

static void the_stock_module_has_ended_it(void **state)
{
	struct bed *bed = *state;

	bed->image.view.options |= 1 << 9;
	write_rows(bed);
	bed->rows.has_dialog = false;
	assert_int_equal(read_rows(bed, 0), PARLEY_E_NO_DIALOG);
	/* The row is there for the node only. */
	db_names_init("one");
	bed->image.view.options = 0;
	write_rows(bed);
	assert_true(bed->rows.has_more);
	assert_true(bed->rows.more.values[DB_M_IMAGE].null);
	assert_text(bed->rows.more.values[DB_M_NODE].text, "one");
	assert_int_equal(read_rows(bed, 0), 0);
	bed->rows.has_dialog = false;
	assert_int_equal(read_rows(bed, 0), PARLEY_E_NO_DIALOG);
}

/* Its hash or its tags would be others' there. */
static void an_identity_that_does_not_fit(void **state)
{
	struct bed *bed = *state;
	struct parley_str *const texts[] = {&bed->image.view.callid,
					    &bed->image.view.caller.tag,
					    &bed->legs[0].tag};

	for (size_t i = 0; i < 3; i++) {
		struct parley_str plain = *texts[i];

		*texts[i] = repeated("x", i == 0 ? 256 : 129);
		write_rows(bed);
		assert_false(bed->rows.has_dialog);
		assert_true(bed->rows.has_more);
		assert_int_equal(read_rows(bed, 0), 0);
		assert_same(bed);
		*texts[i] = plain;
	}
}

static void the_ended_has_no_row(void **state)
{
	struct bed *bed = *state;

	bed->image.view.state = PARLEY_STATE_DELETED;
	write_rows(bed);
	assert_false(bed->rows.has_dialog);
	assert_false(bed->rows.has_more);
}

static void zero_bytes_end_a_text(void **state)
{
	struct bed *bed = *state;

	bed->vars[0].value = (struct parley_str){"a\0b", 3};
	write_rows(bed);
	assert_true(bed->rows.zeros);
	assert_text(bed->rows.vars[0].values[DB_V_VALUE].text, "a");
}

static void whose_row_it_is(void **state)
{
	struct db_row row = {0};

	(void)state;
	assert_true(db_row_is_ours(&row));
	row.values[DB_M_NODE].text = test_str("one");
	assert_false(db_row_is_ours(&row));
	db_names_init("one");
	assert_true(db_row_is_ours(&row));
	row.values[DB_M_NODE].null = true;
	assert_true(db_row_is_ours(&row));
}

/* ------------------------------------------------ the stock module between */

static void what_the_stock_module_changed_is_newer(void **state)
{
	struct bed *bed = *state;
	struct parley_view *view = &bed->read.view;
	struct db_row vars[2];

	bed->image.view.leg_count = 2;
	bed->legs[1] = (struct parley_leg_view){
		.number = 2, .state = PARLEY_LEG_ENDED, .tag = test_str("ct")};
	bed->image.view.var_count = 2;
	bed->vars[1] =
		(struct parley_pair){test_str("long"), repeated("y", 600)};
	write_rows(bed);
	set_text(bed, DB_D_CALLEE_CONTACT, "sip:bob@10.9.9.9");
	set_text(bed, DB_D_CALLER_CSEQ, "8");
	set_text(bed, DB_D_CALLEE_CSEQ, "1"); /* never back */
	column(bed, DB_D_TIMEOUT)->number = NOW + 77;
	vars[0] = bed->rows.vars[1]; /* "k" is gone, another one is there */
	vars[1].values[DB_V_KEY] = (struct db_value){.text = test_str("new")};
	vars[1].values[DB_V_VALUE] = (struct db_value){.text = test_str("1")};
	bed->rows.vars = vars;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(view->leg_count, 2);
	assert_text(view->legs[0].contact, "sip:bob@10.9.9.9");
	assert_int_equal(view->legs[0].caller_cseq, 8);
	assert_int_equal(view->legs[0].cseq, 9);
	assert_int_equal(bed->read.lifetime_left_ms, 77 * 1000);
	assert_int_equal(view->lifetime_s, 177);
	assert_int_equal(view->var_count, 2);
	assert_text(view->vars[0].key, "long");
	assert_int_equal(view->vars[0].value.len, 600);
	assert_text(view->vars[1].key, "new");
	assert_int_equal(view->profile_count, 2);
}

static void it_has_confirmed_an_early_dialog(void **state)
{
	struct bed *bed = *state;
	struct db_rows early;

	write_rows(bed);
	bed->image.view.state = PARLEY_STATE_EARLY;
	bed->legs[0].state = PARLEY_LEG_EARLY;
	bed->image.lifetime_left_ms = UINT64_MAX;
	assert_int_equal(db_rows_of(&bed->image, now, bed->arena, &early), 0);
	bed->rows.has_more = true;
	bed->rows.more = early.more;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.state, PARLEY_STATE_CONFIRMED);
	assert_int_equal(bed->read.view.leg_count, 1);
	assert_int_equal(bed->read.view.legs[0].state, PARLEY_LEG_CONFIRMED);
	assert_int_equal(bed->read.lifetime_left_ms,
			 (DB_NAMES_LIFETIME - 100) * 1000);
}

/* What it writes at the 200 OK has no lifetime yet. */
static void a_row_without_a_lifetime(void **state)
{
	struct bed *bed = *state;

	bed->image.view.state = PARLEY_STATE_ANSWERED;
	write_rows(bed);
	column(bed, DB_D_TIMEOUT)->number = NOW - 87107362;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_true(bed->remarks.unarmed);
	assert_int_equal(bed->read.view.lifetime_s, DB_NAMES_LIFETIME);
	assert_int_equal(bed->read.lifetime_left_ms,
			 (DB_NAMES_LIFETIME - 100) * 1000);
}

static void its_shift_of_numbers(void **state)
{
	struct bed *bed = *state;

	bed->vars[0] =
		(struct parley_pair){test_str("cseq_diff"), test_str("2")};
	write_rows(bed);
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.legs[0].caller_shift, 0);
	column(bed, DB_D_IFLAGS)->number |= 1 << 4;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.legs[0].caller_shift, 2);
	assert_int_equal(bed->read.view.options, bed->image.view.options);
}

static void its_profiles(void **state)
{
	struct bed *bed = *state;

	write_rows(bed);
	set_text(bed, DB_D_XDATA,
		 "{\"profiles\":[{\"name\":\"all\",\"puid\":\"x-1\"},"
		 "{\"name\":\"gone\"},"
		 "{\"name\":\"out\",\"value\":\"z\",\"expires\":5}]}");
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.profile_count, 2);
	assert_int_equal(bed->read.view.profiles[0].profile, 1);
	assert_text(bed->read.view.profiles[1].value, "z");
	assert_int_equal(bed->remarks.unknown_profiles, 1);
	assert_null(bed->remarks.fault);
}

/* ------------------------------------------------ damage */

static void numbers_that_make_no_dialog(void **state)
{
	static const struct {
		uint32_t column;
		int64_t number;
		const char *fault;
	} cases[] = {
		{DB_D_ENTRY, -1, "is below 0"},
		{DB_D_ENTRY, 1 << 24, "is above 16777215"},
		{DB_D_ID, 0, "is 0"},
		{DB_D_ID, -7, "is below 0"},
		{DB_D_ID, 1u << 31, "is above 2147483647"},
		{DB_D_STATE, 2, "is not 3 or 4"},
		{DB_D_STATE, 5, "is not 3 or 4"},
		{DB_D_START, -1, "is below 0"},
		{DB_D_TIMEOUT, 1l << 32, "is above 4294967295"},
		{DB_D_SFLAGS, 1l << 32, "does not fit into 32 bits"},
		{DB_D_IFLAGS, INT64_MIN, "does not fit into 32 bits"},
	};
	struct bed *bed = *state;

	write_rows(bed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct db_value *value = column(bed, cases[i].column);
		struct db_value before = *value;

		value->number = (uint64_t)cases[i].number;
		assert_int_equal(read_rows(bed, 0), PARLEY_E_ARGUMENT);
		assert_string_equal(bed->remarks.fault, cases[i].fault);
		assert_string_equal(
			bed->remarks.column,
			db_layout(DB_DIALOG)->columns[cases[i].column].name->s);
		*value = before;
	}
	/* The stock module writes them with a sign. */
	column(bed, DB_D_SFLAGS)->number = (uint64_t)INT32_MIN;
	assert_int_equal(read_rows(bed, 0), 0);
	assert_int_equal(bed->read.view.flags, 0x80000000);
}

static void texts_that_make_no_dialog(void **state)
{
	static const struct {
		uint32_t column;
		const char *text; /* NULL: NULL */
		const char *fault;
	} cases[] = {
		{DB_D_CALLID, NULL, "is NULL"},
		{DB_D_CALLID, "", "is empty"},
		{DB_D_FROM_TAG, NULL, "is NULL"},
		{DB_D_TO_TAG, NULL, "is NULL"},
		{DB_D_FROM_URI, NULL, "is NULL"},
		{DB_D_CALLER_CSEQ, "x", "is no CSeq number"},
		{DB_D_CALLEE_CSEQ, "4294967296", "is no CSeq number"},
		{DB_D_CALLEE_CSEQ, NULL, "is NULL"},
	};
	struct bed *bed = *state;

	write_rows(bed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct db_value before = *column(bed, cases[i].column);

		if (cases[i].text)
			set_text(bed, cases[i].column, cases[i].text);
		else
			*column(bed, cases[i].column) =
				(struct db_value){.null = true};
		assert_int_equal(read_rows(bed, 0), PARLEY_E_ARGUMENT);
		assert_string_equal(bed->remarks.fault, cases[i].fault);
		*column(bed, cases[i].column) = before;
	}
}

static void what_is_left_out(void **state)
{
	struct bed *bed = *state;

	write_rows(bed);
	set_text(bed, DB_D_XDATA, "{\"profiles\":[{\"na");
	set_text(bed, DB_D_CALLEE_SOCK, "udp:10.1.1.1:5060");
	*column(bed, DB_D_CALLER_CONTACT) = (struct db_value){.null = true};
	assert_int_equal(read_rows(bed, 0), 0);
	assert_string_equal(bed->remarks.column, "xdata");
	assert_non_null(bed->remarks.fault);
	assert_int_equal(bed->remarks.foreign_sockets, 1);
	assert_int_equal(bed->read.view.profile_count, 0);
	assert_null(bed->read.view.legs[0].socket);
	assert_int_equal(bed->read.view.caller.contact.len, 0);
}

static void images_that_are_none(void **state)
{
	static const char *const texts[] = {"{", "[]", "{\"h_entry\":\"x\"}",
					    "{\"h_entry\":1,\"h_id\":2}"};
	struct bed *bed = *state;

	bed->image.view.options |= 1 << 9;
	write_rows(bed);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bed->rows.more.values[DB_M_IMAGE].text = test_str(texts[i]);
		bed->rows.has_dialog = true;
		assert_int_equal(read_rows(bed, 0), 0);
		assert_int_equal(bed->remarks.table, DB_MORE);
		assert_non_null(bed->remarks.fault);
		assert_int_equal(bed->read.view.state, PARLEY_STATE_CONFIRMED);
		bed->rows.has_dialog = false;
		assert_int_equal(read_rows(bed, 0), PARLEY_E_ARGUMENT);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bed, free_bed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stock_rows_hold_a_plain_call),
		TEST(a_lifetime_that_is_over_is_over),
		TEST(routes_are_cut_between_two),
		TEST(a_route_that_is_too_long_is_none),
		TEST(contacts_are_cut_before_a_parameter),
		TEST(characters_are_not_cut),
		TEST(variables_may_not_fit),
		TEST(as_many_profiles_as_fit),
		TEST(what_has_no_column_is_in_the_image),
		TEST(each_need_of_an_image),
		TEST(a_call_that_waits_for_its_ack),
		TEST(an_early_dialog_is_in_our_table_only),
		TEST(the_stock_module_has_ended_it),
		TEST(an_identity_that_does_not_fit),
		TEST(the_ended_has_no_row),
		TEST(zero_bytes_end_a_text),
		TEST(whose_row_it_is),
		TEST(what_the_stock_module_changed_is_newer),
		TEST(it_has_confirmed_an_early_dialog),
		TEST(a_row_without_a_lifetime),
		TEST(its_shift_of_numbers),
		TEST(its_profiles),
		TEST(numbers_that_make_no_dialog),
		TEST(texts_that_make_no_dialog),
		TEST(what_is_left_out),
		TEST(images_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
