/* See db_tables.h: rows as images. */
#include <string.h>

#include "db_bytes.h"
#include "db_tables.h"
#include "text.h"

enum {
	ENTRY_MAX = PARLEY_HASH_SIZE_MAX - 1,
	IFLAG_CSEQ_DIFF = 1 << 4, /* the stock module's: $dlg_var(cseq_diff) */
	EARLY_GRACE_S = 60,
};

struct reading {
	const struct db_rows *rows;
	struct parley_now now;
	struct db_arena *arena;
	struct parley_image *image;
	struct db_remarks *remarks;
	struct parley_leg_view *leg; /* of the callee who has answered */
	/* What dialog_more's image would have been written as; NULL: none. */
	const struct db_rows *made;
};

static int damaged(struct reading *reading, enum db_table table,
		   const char *column, const char *fault)
{
	reading->remarks->table = table;
	reading->remarks->column = column;
	reading->remarks->fault = fault;
	return PARLEY_E_ARGUMENT;
}

static int damaged_dialog(struct reading *reading, uint32_t column,
			  const char *fault)
{
	return damaged(reading, DB_DIALOG,
		       db_layout(DB_DIALOG)->columns[column].name->s, fault);
}

/* ------------------------------------------------ what a row must have */

/* Bits that the stock module writes with a sign. */
static bool is_bits(uint64_t number)
{
	int64_t value = (int64_t)number;

	return value >= INT32_MIN && value <= UINT32_MAX;
}

static const char *number_fault(uint32_t column, const struct db_value *value)
{
	uint64_t number = value->number;

	if (value->null)
		return "is NULL";
	if (column == DB_D_SFLAGS || column == DB_D_IFLAGS)
		return is_bits(number) ? NULL : "does not fit into 32 bits";
	if ((int64_t)number < 0)
		return "is below 0";
	if (number > UINT32_MAX)
		return "is above 4294967295";
	if (column == DB_D_ENTRY && number > ENTRY_MAX)
		return "is above 16777215";
	if (column == DB_D_ID && (number == 0 || number > INT32_MAX))
		return number == 0 ? "is 0" : "is above 2147483647";
	if (column == DB_D_STATE && number != PARLEY_STATE_ANSWERED &&
	    number != PARLEY_STATE_CONFIRMED)
		return "is not 3 or 4";
	return NULL;
}

static bool read_cseq(struct parley_str text, uint32_t *cseqp)
{
	uint64_t cseq = 0;

	for (uint32_t i = 0; i < text.len; i++) {
		if (text.s[i] < '0' || text.s[i] > '9')
			return false;
		cseq = cseq * 10 + (uint64_t)(text.s[i] - '0');
		if (cseq > INT32_MAX)
			return false;
	}
	*cseqp = (uint32_t)cseq;
	return true;
}

static const char *text_fault(uint32_t column, const struct db_value *value)
{
	uint32_t cseq;

	switch (column) {
	case DB_D_CALLER_CSEQ:
	case DB_D_CALLEE_CSEQ:
		if (value->null)
			return "is NULL";
		return read_cseq(value->text, &cseq) ? NULL
						     : "is no CSeq number";
	case DB_D_CALLID:
	case DB_D_FROM_TAG:
		if (!value->null && value->text.len == 0)
			return "is empty";
		return value->null ? "is NULL" : NULL;
	case DB_D_FROM_URI:
	case DB_D_TO_URI:
	case DB_D_TO_TAG:
		return value->null ? "is NULL" : NULL;
	default:
		return value->text.len > PARLEY_STR_MAX ? "is too long" : NULL;
	}
}

static int check_dialog(struct reading *reading)
{
	const struct db_layout *layout = db_layout(DB_DIALOG);

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct db_value *value = &reading->rows->dialog.values[i];
		const char *fault = layout->columns[i].kind == DB_NUMBER
					    ? number_fault(i, value)
					    : text_fault(i, value);

		if (fault)
			return damaged_dialog(reading, i, fault);
	}
	return 0;
}

static int check_more(struct reading *reading)
{
	const struct db_row *more = &reading->rows->more;
	const struct db_value *entry = &more->values[DB_M_ENTRY];
	const struct db_value *id = &more->values[DB_M_ID];
	const char *fault = number_fault(DB_D_ENTRY, entry);

	if (fault)
		return damaged(reading, DB_MORE, "hash_entry", fault);
	fault = number_fault(DB_D_ID, id);
	return fault ? damaged(reading, DB_MORE, "hash_id", fault) : 0;
}

/* ------------------------------------------------ dialog_more.image */

static uint64_t less(uint64_t left_ms, uint64_t passed_ms)
{
	if (left_ms == UINT64_MAX)
		return left_ms;
	return left_ms > passed_ms ? left_ms - passed_ms : 0;
}

/* NULL: no memory. */
static char *image_text(const struct reading *reading)
{
	struct parley_str from = reading->rows->more.values[DB_M_IMAGE].text;
	char *text = db_arena_take(reading->arena, (size_t)from.len + 1);

	if (!text)
		return NULL;
	memcpy(text, from.s, from.len);
	text[from.len] = '\0';
	db_bytes_show(text);
	return text;
}

static const char *parse_image(struct reading *reading, uint32_t *writtenp)
{
	const struct db_row *more = &reading->rows->more;
	struct json_image *read =
		db_arena_take(reading->arena, sizeof(struct json_image));
	char *text = image_text(reading);
	const struct parley_id *id;
	const char *fault;
	srjson_doc_t doc;
	bool ok = true;

	if (!read || !text)
		return ""; /* no memory */
	db_arena_doc(reading->arena, &doc);
	if (!json_parse(&doc, text))
		return "is no JSON";
	fault = json_to_image(&doc, doc.root, &db_rules()->names, read);
	if (fault)
		return fault;
	*writtenp =
		(uint32_t)json_get_number(doc.root, "written", UINT32_MAX, &ok);
	id = &read->image.view.id;
	if (!ok || id->entry != more->values[DB_M_ENTRY].number ||
	    id->id != more->values[DB_M_ID].number)
		return "is of another dialog";
	*reading->image = read->image;
	reading->image->view.owner = (struct parley_str){0};
	reading->remarks->unknown_profiles += read->unknown_profiles;
	return NULL;
}

/* What it would be in the other tables is what they are compared with. */
static int make_rows(struct reading *reading, uint32_t written)
{
	struct db_rows *made = db_arena_take(reading->arena, sizeof(*made));
	struct parley_now then = {.unix_s = written};

	if (!made || db_rows_of(reading->image, then, reading->arena, made) < 0)
		return PARLEY_E_MEMORY;
	if (made->has_dialog)
		reading->made = made;
	return 0;
}

static int judge_alone(const struct reading *reading, uint64_t passed_ms)
{
	const struct parley_image *image = reading->image;
	const struct parley_view *view = &image->view;
	uint64_t over_ms =
		((uint64_t)db_rules()->early_timeout_s + EARLY_GRACE_S) * 1000;

	if (view->state >= PARLEY_STATE_DELETED ||
	    (view->state >= PARLEY_STATE_ANSWERED && db_dialog_fits(view)))
		return PARLEY_E_NO_DIALOG;
	if (view->state < PARLEY_STATE_ANSWERED &&
	    image->state_left_ms != UINT64_MAX &&
	    passed_ms > image->state_left_ms + over_ms)
		return PARLEY_E_OLD;
	return 0;
}

/* Its image is what is read before all else. */
static int read_more(struct reading *reading)
{
	const struct db_value *value = &reading->rows->more.values[DB_M_IMAGE];
	bool has_dialog = reading->rows->has_dialog;
	uint64_t passed_ms = 0;
	uint32_t written = 0;
	const char *fault;
	int rc = 0;

	if (value->null || value->text.len == 0)
		return has_dialog ? 0 : PARLEY_E_NO_DIALOG;
	fault = parse_image(reading, &written);
	if (fault && fault[0] == '\0')
		return PARLEY_E_MEMORY;
	if (fault) {
		/* The call is in the table dialog, if with less. */
		*reading->image = (struct parley_image){0};
		(void)!damaged(reading, DB_MORE, "image", fault);
		return has_dialog ? 0 : PARLEY_E_ARGUMENT;
	}
	if (reading->now.unix_s > written)
		passed_ms = (uint64_t)(reading->now.unix_s - written) * 1000;
	rc = has_dialog ? make_rows(reading, written)
			: judge_alone(reading, passed_ms);
	reading->image->lifetime_left_ms =
		less(reading->image->lifetime_left_ms, passed_ms);
	reading->image->state_left_ms =
		less(reading->image->state_left_ms, passed_ms);
	return rc;
}

/* ------------------------------------------------ the table dialog */

static const struct db_value *value_of(const struct reading *reading,
				       uint32_t column)
{
	return &reading->rows->dialog.values[column];
}

static bool is_same(const struct db_value *made, const struct db_value *found)
{
	if (db_rules()->utf8)
		return made->number == found->number &&
		       db_bytes_match(found->text, made->text);
	return made->number == found->number &&
	       text_equal(made->text, found->text);
}

/* The column says something that the image does not. */
static bool is_news(const struct reading *reading, uint32_t column)
{
	return !reading->made || !is_same(&reading->made->dialog.values[column],
					  value_of(reading, column));
}

static void take_text(const struct reading *reading, uint32_t column,
		      struct parley_str *target)
{
	if (is_news(reading, column))
		*target = value_of(reading, column)->text;
}

static void take_number(const struct reading *reading, uint32_t column,
			uint32_t *target)
{
	if (is_news(reading, column))
		*target = (uint32_t)value_of(reading, column)->number;
}

/* CSeqs never go back. */
static void take_cseq(const struct reading *reading, uint32_t column,
		      uint32_t *target)
{
	uint32_t cseq = 0;

	(void)!read_cseq(value_of(reading, column)->text, &cseq);
	if (cseq > *target)
		*target = cseq;
}

static void take_socket(struct reading *reading, uint32_t column, void **target)
{
	struct parley_str text = value_of(reading, column)->text;

	if (!is_news(reading, column))
		return;
	*target = db_rules()->names.socket_find(text);
	if (!*target && text.len > 0)
		reading->remarks->foreign_sockets++;
}

/* What the column says, or what was to be there. */
static struct parley_str meant(const struct reading *reading, uint32_t column)
{
	return is_news(reading, column)
		       ? value_of(reading, column)->text
		       : reading->made->dialog.values[column].text;
}

/* The leg of the callee in the row, made if the image has none. */
static int find_leg(struct reading *reading)
{
	struct parley_view *view = &reading->image->view;
	struct parley_str tag = meant(reading, DB_D_TO_TAG);
	uint32_t number = 1, count = view->leg_count;
	struct parley_leg_view *legs;

	for (uint32_t i = 0; i < count; i++) {
		reading->leg = &view->legs[i];
		if (text_equal(reading->leg->tag, tag))
			return 0;
		if (reading->leg->number >= number)
			number = reading->leg->number + 1;
	}
	if (count == PARLEY_LEGS_MAX)
		count--; /* one that rings, or has ended, more or less */
	legs = db_arena_take(reading->arena, (count + 1) * sizeof(*legs));
	if (!legs)
		return PARLEY_E_MEMORY;
	if (count > 0)
		memcpy(legs + 1, view->legs, count * sizeof(*legs));
	legs[0] = (struct parley_leg_view){.tag = tag, .number = number};
	view->legs = legs;
	view->leg_count = count + 1;
	reading->leg = &legs[0];
	return 0;
}

static void take_parties(struct reading *reading)
{
	struct parley_leg_view *caller = &reading->image->view.caller;
	struct parley_leg_view *leg = reading->leg;

	take_text(reading, DB_D_FROM_TAG, &caller->tag);
	take_text(reading, DB_D_CALLER_ROUTES, &caller->route_set);
	take_text(reading, DB_D_CALLER_CONTACT, &caller->contact);
	take_socket(reading, DB_D_CALLER_SOCK, &caller->socket);
	take_text(reading, DB_D_CALLEE_ROUTES, &leg->route_set);
	take_text(reading, DB_D_CALLEE_CONTACT, &leg->contact);
	take_socket(reading, DB_D_CALLEE_SOCK, &leg->socket);
	take_cseq(reading, DB_D_CALLER_CSEQ, &leg->caller_cseq);
	take_cseq(reading, DB_D_CALLEE_CSEQ, &leg->cseq);
	if (caller->cseq < leg->caller_cseq)
		caller->cseq = leg->caller_cseq;
	if (leg->invite_cseq == 0)
		leg->invite_cseq = leg->caller_cseq;
	if (reading->image->invite_cseq == 0)
		reading->image->invite_cseq = leg->caller_cseq;
}

static void take_state(struct reading *reading)
{
	uint8_t state = (uint8_t)value_of(reading, DB_D_STATE)->number;
	uint8_t leg = state == PARLEY_STATE_CONFIRMED ? PARLEY_LEG_CONFIRMED
						      : PARLEY_LEG_ANSWERED;

	if (reading->image->view.state < state)
		reading->image->view.state = state;
	if (reading->leg->state < leg)
		reading->leg->state = leg;
}

static void take_settings(struct reading *reading)
{
	struct parley_view *view = &reading->image->view;

	take_text(reading, DB_D_CALLID, &view->callid);
	take_text(reading, DB_D_FROM_URI, &view->from_uri);
	take_text(reading, DB_D_TO_URI, &view->to_uri);
	take_text(reading, DB_D_REQ_URI, &view->req_uri);
	take_number(reading, DB_D_START, &view->start_s);
	take_number(reading, DB_D_SFLAGS, &view->flags);
	if (is_news(reading, DB_D_IFLAGS)) {
		view->options &= ~(uint32_t)DB_IFLAGS;
		view->options |=
			value_of(reading, DB_D_IFLAGS)->number & DB_IFLAGS;
	}
	if (is_news(reading, DB_D_TOROUTE)) {
		view->timeout_route_name =
			value_of(reading, DB_D_TOROUTE)->text;
		view->timeout_route =
			db_rules()->names.route_find(view->timeout_route_name);
	}
	if (view->init_s == 0)
		view->init_s = view->start_s;
}

/* ------------------------------------------------ times */

/* The stock module writes a call that waits for its ACK before it has a
 * lifetime: what it says is over before it began. */
static void take_unarmed(struct reading *reading)
{
	struct parley_image *image = reading->image;
	uint64_t end = (uint64_t)image->view.start_s + db_rules()->lifetime_s;
	uint32_t now = reading->now.unix_s;

	image->view.lifetime_s = db_rules()->lifetime_s;
	image->lifetime_left_ms = end > now ? (end - now) * 1000 : 0;
	reading->remarks->unarmed = true;
}

static void take_lifetime(struct reading *reading)
{
	struct parley_image *image = reading->image;
	uint32_t start = image->view.start_s;
	uint32_t usual = db_rules()->lifetime_s;
	uint32_t timeout = (uint32_t)value_of(reading, DB_D_TIMEOUT)->number;
	uint32_t now = reading->now.unix_s, lifetime;

	if (!is_news(reading, DB_D_TIMEOUT))
		return;
	if (timeout < start) {
		take_unarmed(reading);
		return;
	}
	lifetime = timeout - start;
	if (lifetime == 0 || (lifetime <= usual + DB_LIFETIME_SLACK_S &&
			      lifetime + DB_LIFETIME_SLACK_S >= usual))
		lifetime = usual;
	image->view.lifetime_s = lifetime;
	image->lifetime_left_ms =
		timeout > now ? (uint64_t)(timeout - now) * 1000 : 0;
}

/* Until the ACK is missed. */
static void take_wait(struct reading *reading)
{
	struct parley_image *image = reading->image;
	uint64_t end =
		(uint64_t)image->view.start_s + db_rules()->noack_timeout_s;
	uint32_t now = reading->now.unix_s;

	if (reading->made)
		return;
	image->state_left_ms = UINT64_MAX;
	if (image->view.state == PARLEY_STATE_ANSWERED &&
	    db_rules()->noack_timeout_s > 0)
		image->state_left_ms = end > now ? (end - now) * 1000 : 0;
}

/* ------------------------------------------------ lists */

static int take_profiles(struct reading *reading)
{
	struct parley_view *view = &reading->image->view;
	struct parley_str text = value_of(reading, DB_D_XDATA)->text;
	const char *fault = NULL;
	struct json_image *read;
	srjson_doc_t doc;

	if (!is_news(reading, DB_D_XDATA))
		return 0;
	view->profile_count = 0;
	if (text.len == 0)
		return 0;
	read = db_arena_take(reading->arena, sizeof(*read));
	text = db_arena_text(reading->arena, text);
	if (!read || !text.s)
		return PARLEY_E_MEMORY;
	db_arena_doc(reading->arena, &doc);
	if (!json_parse(&doc, text.s))
		fault = "is no JSON: its profiles are left out";
	else if (json_to_image(&doc, doc.root, &db_rules()->names, read))
		fault = "has no list of profiles: they are left out";
	if (fault) {
		(void)!damaged_dialog(reading, DB_D_XDATA, fault);
		return 0;
	}
	view->profiles = read->image.view.profiles;
	view->profile_count = read->image.view.profile_count;
	reading->remarks->unknown_profiles += read->unknown_profiles;
	return 0;
}

/* What the image would have in place of @row; NULL: nothing. */
static const struct db_row *made_of(const struct reading *reading,
				    const struct db_row *row)
{
	const struct db_rows *made = reading->made;

	for (uint32_t i = 0; made && i < made->var_count; i++)
		if (is_same(&made->vars[i].values[DB_V_KEY],
			    &row->values[DB_V_KEY]))
			return &made->vars[i];
	return NULL;
}

static const struct parley_pair *find_var(const struct parley_view *view,
					  struct parley_str key)
{
	for (uint32_t i = 0; i < view->var_count; i++)
		if (text_equal(view->vars[i].key, key))
			return &view->vars[i];
	return NULL;
}

/* Those of the image that have no row there could never have one. */
static void keep_others(const struct reading *reading, struct parley_pair *vars,
			uint32_t *countp)
{
	const struct parley_view *view = &reading->image->view;

	for (uint32_t i = 0; reading->made && i < view->var_count; i++) {
		bool made = false;

		for (uint32_t j = 0; j < reading->made->var_count; j++)
			made |= text_equal(
				reading->made->vars[j].values[DB_V_KEY].text,
				view->vars[i].key);
		if (!made)
			vars[(*countp)++] = view->vars[i];
	}
}

/* The variable of the image whose row is the same, because it is cut, is not
 * news. */
static struct parley_pair var_of(const struct reading *reading,
				 const struct db_row *row)
{
	const struct db_row *made = made_of(reading, row);
	struct parley_str key = (made ? made : row)->values[DB_V_KEY].text;
	const struct parley_pair *known = NULL;

	if (made &&
	    is_same(&made->values[DB_V_VALUE], &row->values[DB_V_VALUE]))
		known = find_var(&reading->image->view, key);
	return known ? *known
		     : (struct parley_pair){key, row->values[DB_V_VALUE].text};
}

static int take_vars(struct reading *reading)
{
	const struct db_rows *rows = reading->rows;
	struct parley_view *view = &reading->image->view;
	struct parley_pair *vars = db_arena_take(
		reading->arena,
		(rows->var_count + view->var_count) * sizeof(*vars));
	uint32_t count = 0;

	if (!vars)
		return PARLEY_E_MEMORY;
	for (uint32_t i = 0; i < rows->var_count; i++)
		vars[count++] = var_of(reading, &rows->vars[i]);
	keep_others(reading, vars, &count);
	view->vars = vars;
	view->var_count = count;
	return 0;
}

/* What the stock module has added to the caller's numbers. */
static void take_shift(struct reading *reading)
{
	static const struct parley_str name = {"cseq_diff", 9};
	const struct parley_pair *var = find_var(&reading->image->view, name);
	uint32_t shift;

	if (!is_news(reading, DB_D_IFLAGS) || !var ||
	    !(value_of(reading, DB_D_IFLAGS)->number & IFLAG_CSEQ_DIFF) ||
	    !read_cseq(var->value, &shift))
		return;
	reading->leg->caller_shift = shift;
	reading->leg->caller_invite_shift = shift;
}

/* ------------------------------------------------ all of it */

static int read_dialog(struct reading *reading)
{
	struct parley_image *image = reading->image;
	int rc;

	image->view.id = (struct parley_id){
		(uint32_t)value_of(reading, DB_D_ENTRY)->number,
		(uint32_t)value_of(reading, DB_D_ID)->number};
	if (find_leg(reading) < 0)
		return PARLEY_E_MEMORY;
	take_settings(reading);
	take_parties(reading);
	take_state(reading);
	take_lifetime(reading);
	take_wait(reading);
	rc = take_profiles(reading);
	if (rc == 0)
		rc = take_vars(reading);
	if (rc == 0)
		take_shift(reading);
	return rc;
}

int db_rows_image(const struct db_rows *rows, struct parley_now now,
		  struct db_arena *arena, struct parley_image *image,
		  struct db_remarks *remarks)
{
	struct reading reading = {
		.rows = rows,
		.now = now,
		.arena = arena,
		.image = image,
		.remarks = remarks,
	};
	int rc = 0;

	*image = (struct parley_image){0};
	*remarks = (struct db_remarks){0};
	if (rows->has_dialog)
		rc = check_dialog(&reading);
	if (rc == 0 && rows->has_more)
		rc = check_more(&reading);
	if (rc == 0 && rows->has_more)
		rc = read_more(&reading);
	if (rc == 0 && rows->has_dialog)
		rc = read_dialog(&reading);
	return rc;
}
