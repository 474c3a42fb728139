/* See db_tables.h: the columns, and images as rows. */
#include <stdlib.h>
#include <string.h>

#include "db_bytes.h"
#include "db_tables.h"
#include "json_line.h"
#include "text.h"

/* ------------------------------------------------ the columns */

struct shape {
	enum db_column_kind kind;
	uint16_t width;
	bool null;
};

static const struct shape dialog_shape[DB_D_COLUMNS] = {
	[DB_D_ENTRY] = {DB_NUMBER, 0, false},
	[DB_D_ID] = {DB_NUMBER, 0, false},
	[DB_D_CALLID] = {DB_TEXT, 255, false},
	[DB_D_FROM_URI] = {DB_TEXT, 255, false},
	[DB_D_FROM_TAG] = {DB_TEXT, 128, false},
	[DB_D_TO_URI] = {DB_TEXT, 255, false},
	[DB_D_TO_TAG] = {DB_TEXT, 128, false},
	[DB_D_CALLER_CSEQ] = {DB_TEXT, 20, false},
	[DB_D_CALLEE_CSEQ] = {DB_TEXT, 20, false},
	[DB_D_CALLER_ROUTES] = {DB_TEXT, 512, true},
	[DB_D_CALLEE_ROUTES] = {DB_TEXT, 512, true},
	[DB_D_CALLER_CONTACT] = {DB_TEXT, 255, false},
	[DB_D_CALLEE_CONTACT] = {DB_TEXT, 255, false},
	[DB_D_CALLER_SOCK] = {DB_TEXT, 64, false},
	[DB_D_CALLEE_SOCK] = {DB_TEXT, 64, false},
	[DB_D_STATE] = {DB_NUMBER, 0, false},
	[DB_D_START] = {DB_NUMBER, 0, false},
	[DB_D_TIMEOUT] = {DB_NUMBER, 0, false},
	[DB_D_SFLAGS] = {DB_NUMBER, 0, false},
	[DB_D_IFLAGS] = {DB_NUMBER, 0, false},
	[DB_D_TOROUTE] = {DB_TEXT, 32, true},
	[DB_D_REQ_URI] = {DB_TEXT, 255, false},
	[DB_D_XDATA] = {DB_TEXT, 512, true},
};

static const struct shape vars_shape[DB_V_COLUMNS] = {
	[DB_V_ENTRY] = {DB_NUMBER, 0, false},
	[DB_V_ID] = {DB_NUMBER, 0, false},
	[DB_V_KEY] = {DB_TEXT, 128, false},
	[DB_V_VALUE] = {DB_TEXT, 512, false},
};

static const struct shape more_shape[DB_M_COLUMNS] = {
	[DB_M_ENTRY] = {DB_NUMBER, 0, false},
	[DB_M_ID] = {DB_NUMBER, 0, false},
	[DB_M_CALLID] = {DB_TEXT, 255, false},
	[DB_M_NODE] = {DB_TEXT, DB_NODE_MAX, false},
	[DB_M_STATE] = {DB_NUMBER, 0, false},
	[DB_M_IMAGE] = {DB_TEXT, 0, true},
};

/* Of one process; the same in all, since it is filled before the fork. */
static struct {
	struct db_rules rules;
	struct db_layout layouts[DB_TABLES];
} tables;

static void lay_out(enum db_table table, unsigned version,
		    const struct shape *shapes, uint32_t count)
{
	struct db_layout *layout = &tables.layouts[table];

	layout->name = tables.rules.tables[table];
	layout->version = version;
	layout->count = count;
	for (uint32_t i = 0; i < count; i++)
		layout->columns[i] = (struct db_column){
			.name = tables.rules.columns[table][i],
			.kind = shapes[i].kind,
			.width = shapes[i].width,
			.null = shapes[i].null,
		};
}

void db_tables_init(const struct db_rules *rules)
{
	tables.rules = *rules;
	lay_out(DB_DIALOG, 7, dialog_shape, DB_D_COLUMNS);
	lay_out(DB_VARS, 1, vars_shape, DB_V_COLUMNS);
	lay_out(DB_MORE, 1, more_shape, DB_M_COLUMNS);
}

const struct db_rules *db_rules(void)
{
	return &tables.rules;
}

const struct db_layout *db_layout(enum db_table table)
{
	return &tables.layouts[table];
}

/* ------------------------------------------------ memory */

enum { CHUNK_BYTES = 256 * 1024 };

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) char bytes[];
};

struct db_arena {
	struct chunk *first; /* that is filled now; NULL: none yet */
};

struct db_arena *db_arena_make(void)
{
	return calloc(1, sizeof(struct db_arena));
}

/* One chunk stays for the next time. */
void db_arena_empty(struct db_arena *arena)
{
	struct chunk *kept = arena->first;

	while (kept && kept->next) {
		struct chunk *next = kept->next;

		free(kept);
		kept = next;
	}
	if (kept)
		kept->used = 0;
	arena->first = kept;
}

void db_arena_free(struct db_arena *arena)
{
	if (!arena)
		return;
	db_arena_empty(arena);
	free(arena->first);
	free(arena);
}

void *db_arena_take(struct db_arena *arena, size_t size)
{
	struct chunk *chunk = arena->first;
	size_t wanted = (size + 15) / 16 * 16;
	void *taken;

	if (!chunk || chunk->size - chunk->used < wanted) {
		size_t bytes = wanted > CHUNK_BYTES ? wanted : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + bytes);
		if (!chunk)
			return NULL;
		chunk->next = arena->first;
		chunk->size = bytes;
		chunk->used = 0;
		arena->first = chunk;
	}
	taken = chunk->bytes + chunk->used;
	chunk->used += wanted;
	return taken;
}

struct parley_str db_arena_text(struct db_arena *arena, struct parley_str text)
{
	char *copy = db_arena_take(arena, (size_t)text.len + 1);

	if (!copy)
		return (struct parley_str){0};
	if (text.len > 0)
		memcpy(copy, text.s, text.len);
	copy[text.len] = '\0';
	return (struct parley_str){copy, text.len};
}

/* The reader and writer of JSON know of no arena; they run one at a time. */
static struct db_arena **doc_arena(void)
{
	static struct db_arena *arena;

	return &arena;
}

static void *doc_take(size_t size)
{
	struct db_arena *arena = *doc_arena();

	return arena ? db_arena_take(arena, size) : NULL;
}

static void doc_give(void *ptr)
{
	(void)ptr; /* with the arena */
}

void db_arena_doc(struct db_arena *arena, srjson_doc_t *doc)
{
	*doc_arena() = arena;
	memset(doc, 0, sizeof(*doc));
	doc->malloc_fn = doc_take;
	doc->free_fn = doc_give;
}

/* ------------------------------------------------ what is cut where */

/* Not within a character of UTF-8. */
static uint32_t cut_text(struct parley_str text, uint32_t width)
{
	while (width > 0 && ((unsigned char)text.s[width] & 0xc0) == 0x80)
		width--;
	return width;
}

/* Before a parameter of the URI or a header in it, if one begins early enough.
 */
static uint32_t cut_uri(struct parley_str text, uint32_t width)
{
	const char *at = memchr(text.s, '@', text.len);
	uint32_t least = at ? (uint32_t)(at - text.s) : 0;

	for (uint32_t len = width; len > least; len--)
		if (text.s[len] == ';' || text.s[len] == '?' ||
		    text.s[len] == '&')
			return len;
	return cut_text(text, width);
}

/* Between two routes: a comma that is in no brackets and no quotes. */
static uint32_t cut_routes(struct parley_str text, uint32_t width)
{
	bool quoted = false, bracketed = false;
	uint32_t len = 0;

	for (uint32_t i = 0; i <= width; i++) {
		char c = text.s[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '<' || c == '>'))
			bracketed = c == '<';
		else if (!quoted && !bracketed && c == ',')
			len = i;
	}
	return len;
}

/* A name that is cut names something else. */
static uint32_t cut_all(struct parley_str text, uint32_t width)
{
	(void)text;
	(void)width;
	return 0;
}

typedef uint32_t (*cut_function)(struct parley_str text, uint32_t width);

static const cut_function cuts[DB_D_COLUMNS] = {
	[DB_D_FROM_URI] = cut_uri,	   [DB_D_TO_URI] = cut_uri,
	[DB_D_REQ_URI] = cut_uri,	   [DB_D_CALLER_CONTACT] = cut_uri,
	[DB_D_CALLEE_CONTACT] = cut_uri,   [DB_D_CALLER_ROUTES] = cut_routes,
	[DB_D_CALLEE_ROUTES] = cut_routes, [DB_D_TOROUTE] = cut_all,
	[DB_D_CALLER_SOCK] = cut_all,	   [DB_D_CALLEE_SOCK] = cut_all,
};

/* ------------------------------------------------ rows of an image */

struct writing {
	const struct parley_image *image;
	const struct parley_leg_view *leg; /* the callee who has answered */
	struct parley_now now;
	struct db_arena *arena;
	struct db_rows *rows;
	bool whole; /* the rows of the stock module hold everything */
};

static void put_number(struct db_row *row, uint32_t column, uint32_t number)
{
	row->values[column] = (struct db_value){.number = number};
}

/* A database knows no zero bytes. */
static struct parley_str before_zero(struct writing *writing,
				     struct parley_str text)
{
	const char *zero = text.len > 0 ? memchr(text.s, 0, text.len) : NULL;

	if (!zero)
		return text;
	writing->rows->zeros = true;
	return (struct parley_str){text.s, (uint32_t)(zero - text.s)};
}

/* Some of it would be lost in a column. */
static void note_bytes(struct writing *writing, struct parley_str text)
{
	if (tables.rules.utf8 && !db_is_utf8(text))
		writing->whole = false;
}

static void put_text(struct writing *writing, uint32_t column,
		     struct parley_str text)
{
	struct db_value *value = &writing->rows->dialog.values[column];
	uint32_t width = dialog_shape[column].width;

	text = before_zero(writing, text);
	note_bytes(writing, text);
	if (text.len > width) {
		writing->whole = false;
		text.len = cuts[column] ? cuts[column](text, width)
					: cut_text(text, width);
	}
	if (text.len == 0)
		text.s = "";
	*value = (struct db_value){
		.null = text.len == 0 && dialog_shape[column].null,
		.text = text,
	};
}

static bool put_cseq(struct writing *writing, uint32_t column, uint32_t cseq)
{
	char *digits = db_arena_take(writing->arena, TEXT_DIGITS);

	if (!digits)
		return false;
	put_text(writing, column, text_number(cseq, digits));
	return true;
}

/* The callee whose leg is up; NULL: none is. */
static const struct parley_leg_view *leg_up(const struct parley_view *view)
{
	for (uint32_t i = 0; i < view->leg_count; i++)
		if (view->legs[i].state == PARLEY_LEG_ANSWERED ||
		    view->legs[i].state == PARLEY_LEG_CONFIRMED)
			return &view->legs[i];
	return NULL;
}

static bool fits(struct parley_str text, enum db_dialog_column column)
{
	return text.len <= dialog_shape[column].width &&
	       (text.len == 0 || !memchr(text.s, 0, text.len));
}

bool db_dialog_fits(const struct parley_view *view)
{
	const struct parley_leg_view *leg = leg_up(view);

	return leg && fits(view->callid, DB_D_CALLID) &&
	       fits(view->caller.tag, DB_D_FROM_TAG) &&
	       fits(leg->tag, DB_D_TO_TAG);
}

/* When its lifetime is over; that of a call which is being ended is so soon. */
static uint32_t timeout_of(const struct writing *writing)
{
	uint64_t left_ms = writing->image->lifetime_left_ms;
	uint64_t left_s = left_ms == UINT64_MAX ? tables.rules.ack_wait_s
						: (left_ms + 999) / 1000;
	uint64_t timeout = writing->now.unix_s + left_s;

	return timeout < UINT32_MAX ? (uint32_t)timeout : UINT32_MAX;
}

/* {"profiles":[{"name":"x","value":"y"}]}: as many as fit. */
static bool put_profiles(struct writing *writing)
{
	enum { TAIL = 2 };
	const struct json_names *names = &tables.rules.names;
	const struct parley_view *view = &writing->image->view;
	size_t width = dialog_shape[DB_D_XDATA].width;
	struct json_line line = {.s = db_arena_take(writing->arena, width),
				 .size = width};
	uint32_t count = 0;

	if (!line.s)
		return false;
	json_open(&line, NULL, '{');
	json_open(&line, "profiles", '[');
	for (uint32_t i = 0; i < view->profile_count; i++) {
		const struct parley_profile_view *one = &view->profiles[i];
		const char *name = names->profile_name(one->profile);
		struct json_line before = line;

		json_open(&line, NULL, '{');
		json_text(&line, "name",
			  (struct parley_str){name, (uint32_t)strlen(name)});
		if (tables.rules.has_value(one->profile))
			json_text(&line, "value",
				  before_zero(writing, one->value));
		json_close(&line, '}');
		if (line.len + TAIL <= width) {
			count++;
		} else {
			line = before;
			writing->whole = false;
		}
	}
	json_close(&line, ']');
	json_close(&line, '}');
	put_text(writing, DB_D_XDATA,
		 (struct parley_str){line.s,
				     count > 0 ? (uint32_t)line.len : 0});
	return true;
}

static bool put_dialog(struct writing *writing)
{
	const struct parley_view *view = &writing->image->view;
	const struct parley_leg_view *leg = writing->leg;
	const struct json_names *names = &tables.rules.names;
	struct db_row *row = &writing->rows->dialog;

	put_number(row, DB_D_ENTRY, view->id.entry);
	put_number(row, DB_D_ID, view->id.id);
	put_text(writing, DB_D_CALLID, view->callid);
	put_text(writing, DB_D_FROM_URI, view->from_uri);
	put_text(writing, DB_D_FROM_TAG, view->caller.tag);
	put_text(writing, DB_D_TO_URI, view->to_uri);
	put_text(writing, DB_D_TO_TAG, leg->tag);
	put_text(writing, DB_D_CALLER_ROUTES, view->caller.route_set);
	put_text(writing, DB_D_CALLEE_ROUTES, leg->route_set);
	put_text(writing, DB_D_CALLER_CONTACT, view->caller.contact);
	put_text(writing, DB_D_CALLEE_CONTACT, leg->contact);
	put_text(writing, DB_D_CALLER_SOCK,
		 names->socket_text(view->caller.socket));
	put_text(writing, DB_D_CALLEE_SOCK, names->socket_text(leg->socket));
	put_number(row, DB_D_STATE, view->state);
	put_number(row, DB_D_START, view->start_s);
	put_number(row, DB_D_TIMEOUT, timeout_of(writing));
	put_number(row, DB_D_SFLAGS, view->flags);
	put_number(row, DB_D_IFLAGS, view->options & DB_IFLAGS);
	put_text(writing, DB_D_TOROUTE, view->timeout_route_name);
	put_text(writing, DB_D_REQ_URI, view->req_uri);
	return put_cseq(writing, DB_D_CALLER_CSEQ, leg->caller_cseq) &&
	       put_cseq(writing, DB_D_CALLEE_CSEQ, leg->cseq) &&
	       put_profiles(writing);
}

static bool put_vars(struct writing *writing)
{
	const struct parley_view *view = &writing->image->view;
	struct db_rows *rows = writing->rows;

	rows->vars = db_arena_take(writing->arena,
				   view->var_count * sizeof(rows->vars[0]));
	if (!rows->vars)
		return false;
	for (uint32_t i = 0; i < view->var_count; i++) {
		struct db_row *row = &rows->vars[rows->var_count];
		struct parley_str key = before_zero(writing, view->vars[i].key);
		struct parley_str value =
			before_zero(writing, view->vars[i].value);

		note_bytes(writing, key);
		note_bytes(writing, value);
		if (key.len == 0 || key.len > vars_shape[DB_V_KEY].width) {
			writing->whole = false;
			continue;
		}
		if (value.len > vars_shape[DB_V_VALUE].width) {
			writing->whole = false;
			value.len =
				cut_text(value, vars_shape[DB_V_VALUE].width);
		}
		put_number(row, DB_V_ENTRY, view->id.entry);
		put_number(row, DB_V_ID, view->id.id);
		row->values[DB_V_KEY] = (struct db_value){.text = key};
		row->values[DB_V_VALUE] = (struct db_value){
			.text = value.len > 0 ? value
					      : (struct parley_str){"", 0}};
		rows->var_count++;
	}
	return true;
}

/* ------------------------------------------------ what they cannot hold */

static bool is_shifted(const struct parley_image *image,
		       const struct parley_leg_view *leg)
{
	return image->invite_shift || leg->caller_shift ||
	       leg->caller_invite_shift || leg->callee_shift ||
	       leg->callee_invite_shift;
}

/* The stock module takes what is between start and timeout for the lifetime. */
static bool is_lifetime_odd(const struct writing *writing)
{
	const struct parley_view *view = &writing->image->view;
	uint64_t end = (uint64_t)view->start_s + view->lifetime_s;
	uint64_t timeout = timeout_of(writing);

	return end > timeout ? end - timeout > DB_LIFETIME_SLACK_S
			     : timeout - end > DB_LIFETIME_SLACK_S;
}

static bool needs_image(const struct writing *writing)
{
	const struct parley_image *image = writing->image;
	const struct parley_view *view = &image->view;
	const struct parley_leg_view *leg = writing->leg;

	if (!writing->rows->has_dialog || !writing->whole ||
	    view->leg_count != 1 || view->ending || image->end_untold ||
	    view->options & ~(uint32_t)DB_IFLAGS || is_shifted(image, leg) ||
	    is_lifetime_odd(writing))
		return true;
	/* The ACK is known by the number of the INVITE. */
	return view->state == PARLEY_STATE_ANSWERED &&
	       (leg->invite_cseq != leg->caller_cseq ||
		image->invite_cseq != leg->invite_cseq);
}

/* NULL: no memory. */
static char *print_image(const struct writing *writing)
{
	char *text;
	struct json_writer writer = {.ok = true};
	srjson_doc_t doc;

	db_arena_doc(writing->arena, &doc);
	writer.doc = &doc;
	writer.object =
		json_of_image(&doc, writing->image, &tables.rules.names);
	if (!writer.object)
		return NULL;
	json_put_number(&writer, "written", writing->now.unix_s);
	text = writer.ok ? srjson_PrintUnformatted(&doc, writer.object) : NULL;
	return text && tables.rules.utf8 ? db_bytes_hide(writing->arena, text)
					 : text;
}

static bool put_more(struct writing *writing)
{
	const struct parley_view *view = &writing->image->view;
	struct db_row *row = &writing->rows->more;
	bool image = needs_image(writing);
	struct parley_str callid = before_zero(writing, view->callid);
	char *text = image ? print_image(writing) : NULL;

	if (image && !text)
		return false;
	if (callid.len > more_shape[DB_M_CALLID].width)
		callid.len = cut_text(callid, more_shape[DB_M_CALLID].width);
	put_number(row, DB_M_ENTRY, view->id.entry);
	put_number(row, DB_M_ID, view->id.id);
	row->values[DB_M_CALLID] = (struct db_value){.text = callid};
	row->values[DB_M_NODE] =
		(struct db_value){.text = tables.rules.names.self};
	put_number(row, DB_M_STATE, view->state);
	row->values[DB_M_IMAGE] = (struct db_value){.null = !image};
	if (image)
		row->values[DB_M_IMAGE].text =
			(struct parley_str){text, (uint32_t)strlen(text)};
	writing->rows->has_more = image || tables.rules.names.self.len > 0;
	return true;
}

int db_rows_of(const struct parley_image *image, struct parley_now now,
	       struct db_arena *arena, struct db_rows *rows)
{
	const struct parley_view *view = &image->view;
	struct writing writing = {
		.image = image,
		.now = now,
		.arena = arena,
		.rows = rows,
		.whole = true,
	};

	*rows = (struct db_rows){0};
	if (view->state >= PARLEY_STATE_DELETED)
		return 0;
	writing.leg = leg_up(view);
	rows->has_dialog =
		view->state >= PARLEY_STATE_ANSWERED && db_dialog_fits(view);
	if (rows->has_dialog && (!put_dialog(&writing) || !put_vars(&writing)))
		return PARLEY_E_MEMORY;
	return put_more(&writing) ? 0 : PARLEY_E_MEMORY;
}

/* ------------------------------------------------ whose row it is */

bool db_row_is_ours(const struct db_row *more)
{
	const struct db_value *node = &more->values[DB_M_NODE];

	return node->null || node->text.len == 0 ||
	       text_equal(node->text, tables.rules.names.self);
}
