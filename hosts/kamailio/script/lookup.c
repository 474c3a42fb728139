/* See lookup.h. */
#include <stdlib.h>
#include <strings.h>

#include "core/lvalue.h"
#include "core/route.h"
#include "core/usr_avp.h"

#include "calls.h"
#include "cookie.h"
#include "dialog_json.h"
#include "lookup.h"
#include "own_var.h"
#include "reader.h"
#include "text.h"

/* ------------------------------------------------ the current dialog */

static bool is_word(const str *text, const char *word)
{
	return (size_t)text->len == strlen(word) &&
	       strncasecmp(text->s, word, (size_t)text->len) == 0;
}

const char *lookup_type_fault(const str *type)
{
	return is_word(type, "callid") || is_word(type, "did")
		       ? NULL
		       : "the type must be callid or did";
}

/* What is wrong, or NULL; then @id is the dialog, or {0, 0} for none. */
static const char *find(const str *name, const str *type, bool active_only,
			struct parley_id *id)
{
	const char *fault = type ? lookup_type_fault(type) : NULL;
	struct parley_view view;
	struct parley_id wanted;

	*id = (struct parley_id){0, 0};
	if (fault)
		return fault;
	if (name->len <= 0)
		return "the dialog's name is empty";
	if (!type || !is_word(type, "did")) {
		if (calls_find(name, active_only, &wanted))
			*id = wanted;
		return NULL;
	}
	if (!cookie_parse(to_parley(name), &wanted))
		return "a did is two numbers in hex with the lowest digit "
		       "first, such as 464.4cd2";
	if (active_only ? calls_is_active(wanted)
			: reader_read(reader_of_steps(), wanted, &view) == 0)
		*id = wanted;
	return NULL;
}

int op_load(struct sip_msg *msg, const str *name, const str *type,
	    bool active_only)
{
	struct parley_id id;
	const char *fault = find(name, type, active_only, &id);

	if (!fault && id.id == 0)
		return -1;
	if (!fault && !ctx_load(msg, id))
		fault = "another dialog is loaded, unload_dialog_ctx() comes "
			"first";
	if (!fault)
		return 1;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "load_dialog_ctx(\"%.*s\"): %s\n",
		    text_shown(name->len), name->s ? name->s : "", fault);
	return -1;
}

int op_unload(struct sip_msg *msg)
{
	if (ctx_unload(ctx_of(msg)))
		return 1;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR,
		    "unload_dialog_ctx(): no dialog is loaded\n");
	return -1;
}

/* ------------------------------------------------ results */

static void complain(const char *function, const char *fault)
{
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s(): %s\n", function, fault);
}

/* An AVP as a list that is filled from its end: the last one added is what
 * $avp(x) and $(avp(x)[0]) give. */
struct list {
	int_str name;
	unsigned short type;
};

static bool list_begin(struct sip_msg *msg, pv_spec_t *spec, struct list *list)
{
	if (pv_get_avp_name(msg, &spec->pvp, &list->name, &list->type) != 0)
		return false;
	destroy_avps(list->type, list->name, 1);
	return true;
}

static bool list_add(const struct list *list, str text)
{
	int_str value = {.s = text};

	return add_avp(list->type | AVP_VAL_STR, list->name, value) == 0;
}

static bool set_count(struct sip_msg *msg, pv_spec_t *target, uint32_t count)
{
	pv_value_t value = {.flags = PV_VAL_INT | PV_TYPE_INT};

	value.ri = (int)count;
	return target->setf(msg, &target->pvp, EQ_T, &value) == 0;
}

/* ------------------------------------------------ ids */

enum { IDS_AT_ONCE = 64 };

struct ids {
	struct parley_id *list;
	uint32_t count, size;
};

static bool ids_room(struct ids *ids)
{
	uint32_t size = ids->size ? 2 * ids->size : IDS_AT_ONCE;
	struct parley_id *larger;

	if (ids->size - ids->count >= IDS_AT_ONCE)
		return true;
	larger = pkg_realloc(ids->list, size * sizeof(*larger));
	if (!larger)
		return false;
	ids->list = larger;
	ids->size = size;
	return true;
}

static void ids_fini(struct ids *ids)
{
	if (ids->list)
		pkg_free(ids->list);
	*ids = (struct ids){0};
}

static int compare(const void *a, const void *b)
{
	const struct parley_id *one = a, *other = b;

	if (one->entry != other->entry)
		return one->entry < other->entry ? -1 : 1;
	return one->id < other->id ? -1 : one->id > other->id;
}

/* Who is in a profile twice, or has come again during the walk, is there more
 * than once. */
static void ids_settle(struct ids *ids)
{
	uint32_t kept = 0;

	qsort(ids->list, ids->count, sizeof(*ids->list), compare);
	for (uint32_t i = 0; i < ids->count; i++)
		if (kept == 0 ||
		    compare(&ids->list[i], &ids->list[kept - 1]) != 0)
			ids->list[kept++] = ids->list[i];
	ids->count = kept;
}

/* What is wrong, or NULL. */
static const char *ids_by_value(struct ids *ids, const str *name,
				const str *value)
{
	struct parley_value_walk *walk;
	bool room = true;
	uint32_t got;
	int error;

	if (name->len <= 0)
		return "the variable's name is empty";
	if (own_var_is(to_parley(name)))
		return NULL;
	error = parley_value_walk_begin(adapter.engine, to_parley(name),
					to_parley(value), &walk);
	if (error == PARLEY_E_STATE)
		return "values are not indexed, the parameter value_index "
		       "must be 1";
	if (error < 0)
		return parley_error_text(error);
	do {
		room = ids_room(ids);
		got = room ? parley_value_walk_next(
				     walk, ids->list + ids->count, IDS_AT_ONCE)
			   : 0;
		ids->count += got;
	} while (got > 0);
	parley_value_walk_end(walk);
	return room ? NULL
		    : "no private memory; start kamailio with a larger "
		      "-M";
}

static const char *ids_by_profile(struct ids *ids, int profile,
				  struct parley_str value)
{
	struct parley_profile_walk *walk;
	bool room = true;
	uint32_t got;
	int error = parley_profile_walk_begin(adapter.engine, profile, value,
					      &walk);

	if (error < 0)
		return parley_error_text(error);
	do {
		room = ids_room(ids);
		got = room ? parley_profile_walk_next(
				     walk, ids->list + ids->count, IDS_AT_ONCE)
			   : 0;
		ids->count += got;
	} while (got > 0);
	parley_profile_walk_end(walk);
	return room ? NULL
		    : "no private memory; start kamailio with a larger "
		      "-M";
}

/* ------------------------------------------------ look-ups */

/* What a dialog gives for the list; s NULL: nothing. */
static str result_of(const struct parley_view *view, const str *attr)
{
	static struct reader json;

	if (!attr)
		return dialog_json(&json, view, true);
	for (uint32_t i = 0; i < view->var_count; i++)
		if (text_equal(view->vars[i].key, to_parley(attr)) &&
		    !own_var_is(view->vars[i].key))
			return reader_text(view->vars[i].value);
	return (str){0};
}

static int fill_list(const struct list *list, const struct ids *ids,
		     const str *attr)
{
	uint32_t max = (uint32_t)adapter.set.rpc_list_max;
	int ended = 0;

	for (uint32_t i = ids->count < max ? ids->count : max; i > 0; i--) {
		struct parley_view view;
		int error =
			reader_read(reader_of_steps(), ids->list[i - 1], &view);
		str text;

		if (error == PARLEY_E_MEMORY)
			return -1;
		if (error < 0 || view.state == PARLEY_STATE_DELETED) {
			ended++;
			continue;
		}
		text = result_of(&view, attr);
		if (text.s ? !list_add(list, text) : !attr)
			return -1;
	}
	return ended;
}

/* Puts the first ones into the list. Returns how many have ended meanwhile, or
 * -1: no memory, and the list is empty. */
static int fill(struct sip_msg *msg, pv_spec_t *target, struct ids *ids,
		const str *attr)
{
	struct list list;
	int ended;

	ids_settle(ids);
	if (!list_begin(msg, target, &list))
		return -1;
	ended = fill_list(&list, ids, attr);
	if (ended < 0)
		destroy_avps(list.type, list.name, 1);
	return ended;
}

/* A look-up, for its end. */
struct asked {
	const char *function;
	const char *fault; /* what was wrong so far, or NULL */
	struct ids ids;
	const str *attr; /* the variable that is wanted; NULL: JSON */
};

static int answer(struct sip_msg *msg, struct asked *asked,
		  const struct lookup_out *out)
{
	struct ids *ids = &asked->ids;
	uint32_t count = 0;

	if (!asked->fault && ids->count > 0) {
		int ended = fill(msg, out->list, ids, asked->attr);

		if (ended < 0)
			asked->fault = "no memory for the results; start "
				       "kamailio with a larger -m and -M";
		else
			count = ids->count - (uint32_t)ended;
	}
	ids_fini(ids);
	if (asked->fault)
		complain(asked->function, asked->fault);
	if (!set_count(msg, out->count, count))
		return -1;
	return count > 0 ? (int)count : -1;
}

int op_dialogs_by_val(struct sip_msg *msg, const str *name, const str *value,
		      const struct lookup_out *out)
{
	struct asked asked = {.function = "get_dialogs_by_val"};

	asked.fault = ids_by_value(&asked.ids, name, value);
	return answer(msg, &asked, out);
}

int op_dialogs_by_profile(struct sip_msg *msg, int profile,
			  struct parley_str value, const struct lookup_out *out)
{
	struct asked asked = {.function = "get_dialogs_by_profile"};

	asked.fault = ids_by_profile(&asked.ids, profile, value);
	return answer(msg, &asked, out);
}

int op_dialog_info(struct sip_msg *msg, const struct lookup_info *info,
		   const struct lookup_out *out)
{
	struct asked asked = {.function = "get_dialog_info",
			      .attr = &info->attr};

	if (info->attr.len <= 0)
		asked.fault = "the name of the variable that is wanted is "
			      "empty";
	else
		asked.fault =
			ids_by_value(&asked.ids, &info->key, &info->value);
	return answer(msg, &asked, out);
}

int op_dialog_vals(struct sip_msg *msg, pv_spec_t *names, pv_spec_t *values,
		   const str *callid)
{
	struct list keys, texts;
	struct parley_view view;
	struct parley_id id;
	bool room = true;

	if (callid->len <= 0) {
		complain("get_dialog_vals", "the Call-ID is empty");
		return -1;
	}
	if (!calls_find(callid, true, &id) ||
	    reader_read(reader_of_steps(), id, &view) < 0 ||
	    !list_begin(msg, names, &keys) || !list_begin(msg, values, &texts))
		return -1;
	for (uint32_t i = view.var_count; i > 0 && room; i--) {
		const struct parley_pair *var = &view.vars[i - 1];

		if (!own_var_is(var->key))
			room = list_add(&keys, to_str(var->key)) &&
			       list_add(&texts, reader_text(var->value));
	}
	if (room)
		return 1;
	destroy_avps(keys.type, keys.name, 1);
	destroy_avps(texts.type, texts.name, 1);
	complain("get_dialog_vals",
		 "no shared memory; start kamailio with a larger -m");
	return -1;
}
