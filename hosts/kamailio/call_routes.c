/* See call_routes.h. */
#include <stdlib.h>

#include "core/kemi.h"
#include "core/pt.h"

#include "call_routes.h"
#include "events.h"
#include "own_var.h"
#include "text.h"

#define OWN_DELAY OWN_VAR "del_delay"

static const char *const own_names[] = {
	[CALL_ROUTE_ANSWER] = OWN_VAR "on_answer",
	[CALL_ROUTE_HANGUP] = OWN_VAR "on_hangup",
};

/* A call that we end is over with its last BYE, of which BYE_REPLIED tells;
 * so does the reply to a BYE that has crossed ours. */
static const uint32_t note_types[] = {
	[CALL_ROUTE_ANSWER] = PARLEY_NOTE_ANSWERED,
	[CALL_ROUTE_HANGUP] = PARLEY_NOTE_TERMINATED | PARLEY_NOTE_BYE_REPLIED,
};

static struct parley_str key_of(const char *name)
{
	return (struct parley_str){name, (uint32_t)strlen(name)};
}

/* The value of a variable as text; false: there is none. */
static bool read_var(struct parley_id id, const char *key, char *text,
		     size_t size)
{
	uint32_t len = 0;

	if (parley_var_get(adapter.engine, id, key_of(key), text, size - 1,
			   &len) < 0)
		return false;
	text[len] = '\0';
	return true;
}

/* ------------------------------------------------ running */

static void on_told(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	enum call_route which = told->type == PARLEY_NOTE_ANSWERED
					? CALL_ROUTE_ANSWER
					: CALL_ROUTE_HANGUP;
	const char *key = own_names[which];
	const struct parley_str none = {0};
	char name[CALL_ROUTE_NAME_MAX + 1];

	(void)param;
	if (which == CALL_ROUTE_HANGUP &&
	    told->new_state != PARLEY_STATE_DELETED)
		return;
	if (read_var(told->id, key, name, sizeof(name)) &&
	    parley_var_set(engine, told->id, key_of(key), none) == 0)
		events_call_route(told, name);
}

static int subscribe(struct parley_id id, enum call_route which)
{
	const struct parley_handler handler = {.function = on_told};

	return parley_subscribe_handler(adapter.engine, id, note_types[which],
					&handler, NULL);
}

static void follow(struct parley_id id, enum call_route which)
{
	if (subscribe(id, which) < 0)
		log_limited(LOG_CAUSE_MEMORY, L_ERR,
			    "dialog %u.%u: its route will not run; start "
			    "kamailio with a larger -m\n",
			    id.entry, id.id);
}

static void set_delay(struct parley_id id, const char *digits)
{
	(void)!parley_set_delay(adapter.engine, host_now(), id,
				(uint32_t)strtoul(digits, NULL, 10));
}

/* ------------------------------------------------ from a database */

static void on_loaded(struct parley *engine, void *param,
		      const struct parley_told *told)
{
	char text[CALL_ROUTE_NAME_MAX + 1];

	(void)engine;
	(void)param;
	for (int i = 0; i <= CALL_ROUTE_HANGUP; i++)
		if (read_var(told->id, own_names[i], text, sizeof(text)))
			follow(told->id, (enum call_route)i);
	if (read_var(told->id, OWN_DELAY, text, sizeof(text)))
		set_delay(told->id, text);
}

static struct {
	bool needed, done;
} loading;

int call_routes_need(void)
{
	loading.needed = true;
	/* A variable that a worker parses is too late; all that a script
	 * writes out is known before the fork. */
	if (loading.done || !adapter.engine || process_no != 0)
		return 0;
	loading.done = true;
	return parley_subscribe_all(adapter.engine, PARLEY_NOTE_LOADED,
				    on_loaded, NULL);
}

int call_routes_init(void)
{
	/* What a KEMI script will call nobody knows. */
	if (sr_kemi_eng_get()) {
		loading.needed = true;
		adapter.answered_is_told = true;
	}
	return loading.needed ? call_routes_need() : 0;
}

/* ------------------------------------------------ setting */

int call_routes_set(struct sip_msg *msg, const struct parley_id *id,
		    enum call_route which, const str *name)
{
	const char *key = own_names[which];
	char old[CALL_ROUTE_NAME_MAX + 1];
	bool had = id && read_var(*id, key, old, sizeof(old));
	int rc = own_var_set(msg, key, name->len > 0 ? name : NULL);

	if (rc == 0 && id && !had && name->len > 0)
		rc = subscribe(*id, which);
	return rc;
}

int call_routes_set_delay(struct sip_msg *msg, const struct parley_id *id,
			  uint32_t seconds)
{
	char digits[TEXT_DIGITS];
	str text = to_str(text_number(seconds, digits));
	int rc = own_var_set(msg, OWN_DELAY, &text);

	if (rc == 0 && id)
		rc = parley_set_delay(adapter.engine, host_now(), *id, seconds);
	return rc;
}

bool call_routes_pending_delay(struct sip_msg *msg, uint32_t *seconds)
{
	char digits[TEXT_DIGITS + 1];
	uint32_t len;

	if (own_var_get(msg, OWN_DELAY, digits, TEXT_DIGITS, &len) < 0)
		return false;
	digits[len] = '\0';
	*seconds = (uint32_t)strtoul(digits, NULL, 10);
	return true;
}

void call_routes_created(const struct ctx *ctx, struct parley_id id)
{
	for (const struct pending_var *var = ctx->vars; var; var = var->next) {
		struct parley_str key = to_parley(&var->key);

		if (!own_var_is(key))
			continue;
		for (int i = 0; i <= CALL_ROUTE_HANGUP; i++)
			if (text_is(key, own_names[i]))
				follow(id, (enum call_route)i);
		if (text_is(key, OWN_DELAY)) {
			char digits[TEXT_DIGITS + 1];

			if (read_var(id, OWN_DELAY, digits, sizeof(digits)))
				set_delay(id, digits);
		}
	}
}
