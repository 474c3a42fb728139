/* See dialog_json.h. */
#include <time.h>

#include "cookie.h"
#include "dialog_json.h"
#include "json_line.h"
#include "own_var.h"
#include "text.h"

enum { JSON_FIRST_BYTES = 2048 };

/* A time of the wall clock as a number, and as a text. */
static void add_time(struct json_line *line, const char *number,
		     const char *date, uint32_t unix_s)
{
	struct parley_str text = {0};
	time_t when = unix_s;
	char buffer[32];
	struct tm parts;

	if (unix_s && localtime_r(&when, &parts))
		text = (struct parley_str){
			buffer,
			(uint32_t)strftime(buffer, sizeof(buffer),
					   "%Y-%m-%d %H:%M:%S", &parts)};
	json_number(line, number, unix_s);
	json_text(line, date, text);
}

static void add_identity(struct json_line *line, const struct parley_view *view)
{
	char number[32], cookie[COOKIE_MAX];
	uint64_t db_id = (uint64_t)view->id.entry << 32 | view->id.id;
	int len = snprintf(number, sizeof(number), "%" PRIu64, db_id);

	json_text(line, "ID",
		  (struct parley_str){cookie, cookie_print(view->id, cookie)});
	json_text(line, "db_id", (struct parley_str){number, (uint32_t)len});
}

static void add_socket(struct json_line *line, const char *name, void *socket)
{
	str text = reader_socket(socket);

	json_text(line, name, to_parley(&text));
}

static void add_caller(struct json_line *line, const struct parley_view *view)
{
	const struct parley_leg_view *callee = reader_callee(view);

	json_text(line, "caller_tag", view->caller.tag);
	json_text(line, "caller_contact", view->caller.contact);
	json_number(line, "callee_cseq", callee ? callee->cseq : 0);
	json_text(line, "caller_route_set", view->caller.route_set);
	add_socket(line, "caller_bind_addr", view->caller.socket);
}

static void add_callees(struct json_line *line, const struct parley_view *view)
{
	json_open(line, "CALLEES", '[');
	for (uint32_t i = 0; i < view->leg_count; i++) {
		const struct parley_leg_view *leg = &view->legs[i];

		json_open(line, NULL, '{');
		json_text(line, "callee_tag", leg->tag);
		json_text(line, "callee_contact", leg->contact);
		json_number(line, "caller_cseq", leg->caller_cseq);
		json_text(line, "callee_route_set", leg->route_set);
		add_socket(line, "callee_bind_addr", leg->socket);
		json_close(line, '}');
	}
	json_close(line, ']');
}

static void add_pair(struct json_line *line, struct parley_str name,
		     struct parley_str value)
{
	json_open(line, NULL, '{');
	json_pair(line, name, value);
	json_close(line, '}');
}

static void add_context(struct json_line *line, const struct parley_view *view)
{
	json_open(line, "context", '{');
	json_open(line, "values", '[');
	for (uint32_t i = 0; i < view->var_count; i++)
		if (!own_var_is(view->vars[i].key))
			add_pair(line, view->vars[i].key, view->vars[i].value);
	json_close(line, ']');
	json_open(line, "profiles", '[');
	for (uint32_t i = 0; i < view->profile_count; i++) {
		const char *name = parley_profile_name(
			adapter.engine, view->profiles[i].profile);

		add_pair(line,
			 (struct parley_str){name, (uint32_t)strlen(name)},
			 view->profiles[i].value);
	}
	json_close(line, ']');
	json_close(line, '}');
}

/* Returns how much room it needs. */
static size_t write_all(struct reader *buffer, const struct parley_view *view,
			uint32_t now_s, bool context)
{
	struct json_line line = {.s = buffer->buffer, .size = buffer->size};

	json_open(&line, NULL, '{');
	add_identity(&line, view);
	json_number(&line, "state", view->state);
	json_number(&line, "user_flags", view->flags);
	add_time(&line, "timestart", "datestart", view->start_s);
	add_time(&line, "timeout", "dateout",
		 view->timer_armed ? now_s + view->left_s : 0);
	json_text(&line, "callid", view->callid);
	json_text(&line, "from_uri", view->from_uri);
	json_text(&line, "to_uri", view->to_uri);
	add_caller(&line, view);
	add_callees(&line, view);
	if (context)
		add_context(&line, view);
	json_close(&line, '}');
	return line.len;
}

str dialog_json(struct reader *buffer, const struct parley_view *view,
		bool context)
{
	/* The same for both attempts, so that they have the same length. */
	uint32_t now_s = host_now().unix_s;
	size_t len = JSON_FIRST_BYTES;

	do {
		if (!reader_reserve(buffer, len))
			return (str){0};
		len = write_all(buffer, view, now_s, context);
	} while (len > buffer->size);
	return (str){buffer->buffer, (int)len};
}
