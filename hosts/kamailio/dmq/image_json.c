/* See image_json.h. */
#include <string.h>

#include "image_json.h"
#include "text.h"

/* ------------------------------------------------ writing */

void json_put(struct json_writer *writer, const char *name, srjson_t *item)
{
	if (item)
		srjson_AddItemToObject(writer->doc, writer->object, name, item);
	else
		writer->ok = false;
}

void json_put_number(struct json_writer *writer, const char *name,
		     uint64_t number)
{
	json_put(writer, name,
		 srjson_CreateNumber(writer->doc, (double)number));
}

void json_put_text(struct json_writer *writer, const char *name,
		   struct parley_str text)
{
	json_put(writer, name,
		 srjson_CreateStr(writer->doc, text.s ? text.s : "",
				  (int)text.len));
}

static void put_party(struct json_writer *writer,
		      const struct parley_leg_view *leg,
		      const struct json_names *names)
{
	json_put_text(writer, "tag", leg->tag);
	json_put_text(writer, "contact", leg->contact);
	json_put_text(writer, "route_set", leg->route_set);
	json_put_text(writer, "socket", names->socket_text(leg->socket));
	json_put_number(writer, "cseq", leg->cseq);
}

static srjson_t *of_leg(srjson_doc_t *doc, const struct parley_leg_view *leg,
			const struct json_names *names)
{
	struct json_writer writer = {doc, srjson_CreateObject(doc), true};

	if (!writer.object)
		return NULL;
	json_put_number(&writer, "number", leg->number);
	json_put_number(&writer, "state", leg->state);
	put_party(&writer, leg, names);
	json_put_number(&writer, "caller_cseq", leg->caller_cseq);
	json_put_number(&writer, "invite_cseq", leg->invite_cseq);
	json_put_number(&writer, "caller_shift", leg->caller_shift);
	json_put_number(&writer, "caller_invite_shift",
			leg->caller_invite_shift);
	json_put_number(&writer, "callee_shift", leg->callee_shift);
	json_put_number(&writer, "callee_invite_shift",
			leg->callee_invite_shift);
	if (writer.ok)
		return writer.object;
	srjson_Delete(doc, writer.object);
	return NULL;
}

static void put_parties(struct json_writer *writer,
			const struct parley_view *view,
			const struct json_names *names)
{
	struct json_writer caller = {writer->doc,
				     srjson_CreateObject(writer->doc), true};
	srjson_t *legs = srjson_CreateArray(writer->doc);

	json_put(writer, "caller", caller.object);
	json_put(writer, "legs", legs);
	if (!caller.object || !legs)
		return;
	put_party(&caller, &view->caller, names);
	writer->ok &= caller.ok;
	for (uint32_t i = 0; i < view->leg_count; i++) {
		srjson_t *leg = of_leg(writer->doc, &view->legs[i], names);

		if (leg)
			srjson_AddItemToArray(writer->doc, legs, leg);
		else
			writer->ok = false;
	}
}

/* An object, as the stock module has it: no key comes twice. */
static void put_vars(struct json_writer *writer, const struct parley_view *view)
{
	struct json_writer vars = {writer->doc,
				   srjson_CreateObject(writer->doc), true};

	json_put(writer, "vars", vars.object);
	for (uint32_t i = 0; vars.object && i < view->var_count; i++) {
		const struct parley_pair *var = &view->vars[i];
		srjson_t *value = srjson_CreateStr(
			writer->doc, var->value.s ? var->value.s : "",
			(int)var->value.len);

		if (value)
			srjson_AddStrItemToObject(writer->doc, vars.object,
						  var->key.s, (int)var->key.len,
						  value);
		else
			writer->ok = false;
	}
}

static srjson_t *of_profiles(srjson_doc_t *doc, const struct parley_view *view,
			     const struct json_names *names)
{
	srjson_t *list = srjson_CreateArray(doc);

	for (uint32_t i = 0; list && i < view->profile_count; i++) {
		const struct parley_profile_view *profile = &view->profiles[i];
		const char *name = names->profile_name(profile->profile);
		struct json_writer one = {doc, srjson_CreateObject(doc), true};

		if (!one.object) {
			srjson_Delete(doc, list);
			return NULL;
		}
		srjson_AddItemToArray(doc, list, one.object);
		json_put_text(
			&one, "name",
			(struct parley_str){name, (uint32_t)strlen(name)});
		if (profile->value.len > 0)
			json_put_text(&one, "value", profile->value);
		if (!one.ok) {
			srjson_Delete(doc, list);
			return NULL;
		}
	}
	return list;
}

static void put_head(struct json_writer *writer,
		     const struct parley_image *image,
		     const struct json_names *names)
{
	const struct parley_view *view = &image->view;

	json_put_number(writer, "h_entry", view->id.entry);
	json_put_number(writer, "h_id", view->id.id);
	json_put_number(writer, "epoch", image->epoch);
	json_put_number(writer, "version", image->version);
	json_put_number(writer, "by", image->by);
	json_put_text(writer, "owner",
		      view->owner.len > 0 ? view->owner : names->self);
	json_put_number(writer, "state", view->state);
	json_put_text(writer, "callid", view->callid);
	json_put_text(writer, "from_uri", view->from_uri);
	json_put_text(writer, "to_uri", view->to_uri);
	json_put_text(writer, "req_uri", view->req_uri);
}

static void put_numbers(struct json_writer *writer,
			const struct parley_image *image)
{
	const struct parley_view *view = &image->view;

	json_put_number(writer, "init_ts", view->init_s);
	json_put_number(writer, "start_ts", view->start_s);
	json_put_number(writer, "end_ts", view->end_s);
	json_put_number(writer, "lifetime", view->lifetime_s);
	/* Absent: it is not running. */
	if (image->lifetime_left_ms != UINT64_MAX)
		json_put_number(writer, "left_ms", image->lifetime_left_ms);
	if (image->state_left_ms != UINT64_MAX)
		json_put_number(writer, "state_left_ms", image->state_left_ms);
	json_put_number(writer, "sflags", view->flags);
	json_put_number(writer, "iflags", view->options);
	json_put_text(writer, "toroute_name", view->timeout_route_name);
	json_put_number(writer, "ending", view->ending);
	if (image->end_untold)
		json_put_number(writer, "end_untold", 1);
	json_put_number(writer, "end_code", view->end_code);
	json_put_text(writer, "end_reason", view->end_reason);
	json_put_number(writer, "invite_cseq", image->invite_cseq);
	json_put_number(writer, "invite_shift", image->invite_shift);
}

srjson_t *json_of_image(srjson_doc_t *doc, const struct parley_image *image,
			const struct json_names *names)
{
	struct json_writer writer = {doc, srjson_CreateObject(doc), true};

	if (!writer.object)
		return NULL;
	put_head(&writer, image, names);
	put_numbers(&writer, image);
	put_parties(&writer, &image->view, names);
	put_vars(&writer, &image->view);
	json_put(&writer, "profiles", of_profiles(doc, &image->view, names));
	if (writer.ok)
		return writer.object;
	srjson_Delete(doc, writer.object);
	return NULL;
}

/* ------------------------------------------------ reading */

static bool too_deep(const char *text)
{
	int depth = 0;
	bool quoted = false;

	for (; *text; text++) {
		if (quoted && *text == '\\' && text[1]) {
			text++;
		} else if (*text == '"') {
			quoted = !quoted;
		} else if (!quoted && (*text == '{' || *text == '[')) {
			if (++depth > JSON_DEPTH_MAX)
				return true;
		} else if (!quoted && (*text == '}' || *text == ']')) {
			depth--;
		}
	}
	return false;
}

srjson_t *json_parse(srjson_doc_t *doc, const char *text)
{
	if (too_deep(text))
		return NULL;
	doc->root = srjson_Parse(doc, text);
	return doc->root;
}

srjson_t *json_member(const srjson_t *object, const char *name)
{
	srjson_t *item = NULL;

	if (object && object->type == srjson_Object)
		item = object->child;
	while (item && (!item->string || strcmp(item->string, name) != 0))
		item = item->next;
	return item;
}

uint64_t json_get_number(const srjson_t *object, const char *name, uint64_t max,
			 bool *okp)
{
	const srjson_t *item = json_member(object, name);

	if (!item)
		return 0;
	/* Not a number compares false, too. */
	if (item->type != srjson_Number || !(item->valuedouble >= 0) ||
	    !(item->valuedouble <= (double)max)) {
		*okp = false;
		return 0;
	}
	return (uint64_t)item->valuedouble;
}

static struct parley_str item_text(const srjson_t *item, bool *okp)
{
	size_t len;

	if (item->type != srjson_String || !item->valuestring) {
		*okp = false;
		return (struct parley_str){0};
	}
	len = strlen(item->valuestring);
	if (len > PARLEY_STR_MAX) {
		*okp = false;
		return (struct parley_str){0};
	}
	return (struct parley_str){item->valuestring, (uint32_t)len};
}

struct parley_str json_get_text(const srjson_t *object, const char *name,
				bool *okp)
{
	const srjson_t *item = json_member(object, name);

	return item ? item_text(item, okp) : (struct parley_str){0};
}

/* The names of the fields that are numbers, and where they go. */
static uint32_t small(const srjson_t *object, const char *name, bool *okp)
{
	return (uint32_t)json_get_number(object, name, UINT32_MAX, okp);
}

static uint8_t tiny(const srjson_t *object, const char *name, bool *okp)
{
	return (uint8_t)json_get_number(object, name, UINT8_MAX, okp);
}

static uint64_t left_of(const srjson_t *object, const char *name, bool *okp)
{
	/* Beyond any lifetime, and still exact in a double. */
	const uint64_t max = (uint64_t)1 << 52;

	return json_member(object, name)
		       ? json_get_number(object, name, max, okp)
		       : UINT64_MAX;
}

static void read_party(const srjson_t *object, const struct json_names *names,
		       struct parley_leg_view *leg, bool *okp)
{
	leg->tag = json_get_text(object, "tag", okp);
	leg->contact = json_get_text(object, "contact", okp);
	leg->route_set = json_get_text(object, "route_set", okp);
	leg->socket = names->socket_find(json_get_text(object, "socket", okp));
	leg->cseq = small(object, "cseq", okp);
}

static bool read_legs(const srjson_t *list, const struct json_names *names,
		      struct json_image *read)
{
	bool ok = !list || list->type == srjson_Array;
	uint32_t count = 0;

	for (const srjson_t *item = ok && list ? list->child : NULL; item && ok;
	     item = item->next) {
		struct parley_leg_view *leg = &read->legs[count];

		if (count == PARLEY_LEGS_MAX || item->type != srjson_Object)
			return false;
		*leg = (struct parley_leg_view){0};
		leg->number = small(item, "number", &ok);
		leg->state = tiny(item, "state", &ok);
		read_party(item, names, leg, &ok);
		leg->caller_cseq = small(item, "caller_cseq", &ok);
		leg->invite_cseq = small(item, "invite_cseq", &ok);
		leg->caller_shift = small(item, "caller_shift", &ok);
		leg->caller_invite_shift =
			small(item, "caller_invite_shift", &ok);
		leg->callee_shift = small(item, "callee_shift", &ok);
		leg->callee_invite_shift =
			small(item, "callee_invite_shift", &ok);
		count++;
	}
	read->image.view.legs = read->legs;
	read->image.view.leg_count = count;
	return ok;
}

static uint32_t count_of(const srjson_t *list)
{
	uint32_t count = 0;

	for (const srjson_t *item = list->child; item; item = item->next)
		count++;
	return count;
}

/* Memory for what is in @list, so many bytes each. False: it is none of this
 * type, or there is no memory. */
static bool make_room(srjson_doc_t *doc, const srjson_t *list, int type,
		      size_t bytes, void **room)
{
	*room = NULL;
	if (list->type != type)
		return false;
	if (list->child)
		*room = doc->malloc_fn(count_of(list) * bytes);
	return *room || !list->child;
}

static bool read_vars(srjson_doc_t *doc, const srjson_t *list,
		      struct json_image *read)
{
	struct parley_view *view = &read->image.view;
	bool ok = true;
	void *room;

	if (!list)
		return true;
	if (!make_room(doc, list, srjson_Object, sizeof(*read->vars), &room))
		return false;
	read->vars = room;
	view->vars = read->vars;
	view->var_count = 0;
	for (const srjson_t *item = list->child; item && ok;
	     item = item->next) {
		struct parley_pair *var = &view->vars[view->var_count++];
		size_t len = item->string ? strlen(item->string) : 0;

		ok = len > 0 && len <= PARLEY_VALUE_MAX;
		var->key = (struct parley_str){item->string, (uint32_t)len};
		var->value = item_text(item, &ok);
	}
	return ok;
}

static bool read_profiles(srjson_doc_t *doc, const srjson_t *list,
			  const struct json_names *names,
			  struct json_image *read)
{
	struct parley_view *view = &read->image.view;
	bool ok = true;
	void *room;

	if (!list)
		return true;
	if (!make_room(doc, list, srjson_Array, sizeof(*read->profiles), &room))
		return false;
	read->profiles = room;
	view->profiles = read->profiles;
	view->profile_count = 0;
	for (const srjson_t *item = list->child; item && ok;
	     item = item->next) {
		struct parley_profile_view one = {
			.profile = names->profile_find(
				json_get_text(item, "name", &ok)),
			.value = json_get_text(item, "value", &ok),
		};

		if (one.profile >= 0)
			view->profiles[view->profile_count++] = one;
		else
			read->unknown_profiles++;
	}
	return ok;
}

static void read_head(const srjson_t *object, const struct json_names *names,
		      struct parley_image *image, bool *okp)
{
	struct parley_view *view = &image->view;

	view->id.entry = small(object, "h_entry", okp);
	view->id.id = small(object, "h_id", okp);
	image->epoch = small(object, "epoch", okp);
	image->version = small(object, "version", okp);
	image->by = (uint16_t)json_get_number(object, "by", UINT16_MAX, okp);
	view->owner = json_get_text(object, "owner", okp);
	if (text_equal(view->owner, names->self))
		view->owner = (struct parley_str){0};
	view->state = tiny(object, "state", okp);
	view->callid = json_get_text(object, "callid", okp);
	view->from_uri = json_get_text(object, "from_uri", okp);
	view->to_uri = json_get_text(object, "to_uri", okp);
	view->req_uri = json_get_text(object, "req_uri", okp);
}

static void read_numbers(const srjson_t *object, const struct json_names *names,
			 struct parley_image *image, bool *okp)
{
	struct parley_view *view = &image->view;

	view->init_s = small(object, "init_ts", okp);
	view->start_s = small(object, "start_ts", okp);
	view->end_s = small(object, "end_ts", okp);
	view->lifetime_s = small(object, "lifetime", okp);
	image->lifetime_left_ms = left_of(object, "left_ms", okp);
	image->state_left_ms = left_of(object, "state_left_ms", okp);
	view->flags = small(object, "sflags", okp);
	view->options = small(object, "iflags", okp);
	view->timeout_route_name = json_get_text(object, "toroute_name", okp);
	view->timeout_route = names->route_find(view->timeout_route_name);
	view->ending = tiny(object, "ending", okp) != 0;
	image->end_untold = tiny(object, "end_untold", okp) != 0;
	view->end_code =
		(uint16_t)json_get_number(object, "end_code", UINT16_MAX, okp);
	view->end_reason = json_get_text(object, "end_reason", okp);
	image->invite_cseq = small(object, "invite_cseq", okp);
	image->invite_shift = small(object, "invite_shift", okp);
}

const char *json_to_image(srjson_doc_t *doc, const srjson_t *object,
			  const struct json_names *names,
			  struct json_image *read)
{
	bool ok = true;

	*read = (struct json_image){0};
	if (!object || object->type != srjson_Object)
		return "dialog";
	read_head(object, names, &read->image, &ok);
	read_numbers(object, names, &read->image, &ok);
	if (!ok)
		return "a number or a text of the dialog";
	read_party(json_member(object, "caller"), names,
		   &read->image.view.caller, &ok);
	if (!ok)
		return "caller";
	if (!read_legs(json_member(object, "legs"), names, read))
		return "legs";
	if (!read_vars(doc, json_member(object, "vars"), read))
		return "vars";
	if (!read_profiles(doc, json_member(object, "profiles"), names, read))
		return "profiles";
	return NULL;
}

void json_image_fini(srjson_doc_t *doc, struct json_image *read)
{
	if (read->vars)
		doc->free_fn(read->vars);
	if (read->profiles)
		doc->free_fn(read->profiles);
	read->vars = NULL;
	read->profiles = NULL;
}

/* ------------------------------------------------ the stock module's */

/* CSeqs are texts there. */
static void put_cseq(struct json_writer *writer, const char *name,
		     uint32_t cseq)
{
	char digits[TEXT_DIGITS];

	json_put_text(writer, name, text_number(cseq, digits));
}

static void put_stock_party(struct json_writer *writer,
			    const struct parley_leg_view *leg, bool callee)
{
	json_put_text(writer, callee ? "tag2" : "tag1", leg->tag);
	put_cseq(writer, callee ? "cseq2" : "cseq1", leg->cseq);
	json_put_text(writer, callee ? "route_set2" : "route_set1",
		      leg->route_set);
	json_put_text(writer, callee ? "contact2" : "contact1", leg->contact);
}

/* It is a text with JSON in it. */
static void put_stock_profiles(struct json_writer *writer,
			       const struct parley_view *view,
			       const struct json_names *names)
{
	srjson_doc_t *doc = writer->doc;
	struct json_writer inner = {doc, srjson_CreateObject(doc), true};
	char *text = NULL;

	if (inner.object) {
		json_put(&inner, "profiles", of_profiles(doc, view, names));
		text = srjson_PrintUnformatted(doc, inner.object);
		srjson_Delete(doc, inner.object);
	}
	writer->ok &= inner.ok;
	json_put(writer, "profiles",
		 text ? srjson_CreateString(doc, text) : NULL);
	if (text)
		doc->free_fn(text);
}

static void put_stock_update(struct json_writer *writer,
			     const struct parley_image *image, bool iflags,
			     const struct json_names *names)
{
	const struct parley_view *view = &image->view;

	json_put_number(writer, "init_ts", view->init_s);
	json_put_text(writer, "callid", view->callid);
	json_put_text(writer, "from_uri", view->from_uri);
	json_put_text(writer, "to_uri", view->to_uri);
	json_put_text(writer, "req_uri", view->req_uri);
	put_stock_party(writer, &view->caller, false);
	put_vars(writer, view);
	if (view->profile_count > 0)
		put_stock_profiles(writer, view, names);
	if (iflags)
		json_put_number(writer, "iflags",
				view->options & PARLEY_OPT_IFLAGS);
	if (view->state < PARLEY_STATE_EARLY)
		return;
	json_put_number(writer, "start_ts", view->start_s);
	json_put_number(writer, "lifetime", view->lifetime_s);
	if (view->state == PARLEY_STATE_CONFIRMED && view->leg_count > 0)
		put_stock_party(writer, &view->legs[0], true);
}

srjson_t *json_of_stock(srjson_doc_t *doc, const struct parley_image *image,
			enum json_stock_action action, bool iflags,
			const struct json_names *names)
{
	struct json_writer writer = {doc, srjson_CreateObject(doc), true};
	const struct parley_view *view = &image->view;

	if (!writer.object)
		return NULL;
	json_put_number(&writer, "action", action);
	if (action != JSON_STOCK_SYNC) {
		json_put_number(&writer, "h_entry", view->id.entry);
		json_put_number(&writer, "h_id", view->id.id);
		/* It takes no message about state 3. */
		json_put_number(&writer, "state",
				view->state == PARLEY_STATE_ANSWERED
					? PARLEY_STATE_EARLY
					: view->state);
	}
	if (action == JSON_STOCK_UPDATE)
		put_stock_update(&writer, image, iflags, names);
	if (writer.ok)
		return writer.object;
	srjson_Delete(doc, writer.object);
	return NULL;
}

static void overlay_text(const srjson_t *object, const char *name,
			 struct parley_str *text, bool *okp)
{
	if (json_member(object, name))
		*text = json_get_text(object, name, okp);
}

static void overlay_number(const srjson_t *object, const char *name,
			   uint32_t *number, bool *okp)
{
	if (json_member(object, name))
		*number = small(object, name, okp);
}

static uint32_t cseq_of(const srjson_t *object, const char *name, uint32_t old,
			bool *okp)
{
	struct parley_str text = json_get_text(object, name, okp);
	uint64_t cseq = 0;

	for (uint32_t i = 0; i < text.len && cseq <= INT32_MAX; i++) {
		if (text.s[i] < '0' || text.s[i] > '9')
			return old;
		cseq = cseq * 10 + (uint64_t)(text.s[i] - '0');
	}
	return text.len > 0 && cseq <= INT32_MAX ? (uint32_t)cseq : old;
}

static void overlay_party(const srjson_t *object, bool callee,
			  struct parley_leg_view *leg, bool *okp)
{
	overlay_text(object, callee ? "tag2" : "tag1", &leg->tag, okp);
	overlay_text(object, callee ? "route_set2" : "route_set1",
		     &leg->route_set, okp);
	overlay_text(object, callee ? "contact2" : "contact1", &leg->contact,
		     okp);
	leg->cseq = cseq_of(object, callee ? "cseq2" : "cseq1", leg->cseq, okp);
}

/* A stock dialog has one callee, known when the call is up. */
static void overlay_callee(const srjson_t *object, struct json_image *read,
			   bool *okp)
{
	struct parley_view *view = &read->image.view;
	struct parley_leg_view *leg = &read->legs[0];

	if (!json_get_text(object, "tag2", okp).len)
		return;
	if (view->leg_count == 0)
		*leg = (struct parley_leg_view){
			.number = 1,
			.invite_cseq = view->caller.cseq,
		};
	else if (view->legs != read->legs)
		*leg = view->legs[0];
	overlay_party(object, true, leg, okp);
	leg->caller_cseq = view->caller.cseq;
	leg->state = PARLEY_LEG_CONFIRMED;
	view->legs = read->legs;
	view->leg_count = 1;
}

const char *json_to_stock(srjson_doc_t *doc, const srjson_t *object,
			  const struct json_names *names,
			  struct json_image *read)
{
	struct parley_image *image = &read->image;
	struct parley_view *view = &image->view;
	struct parley_str profiles;
	bool ok = true;

	overlay_text(object, "callid", &view->callid, &ok);
	overlay_text(object, "from_uri", &view->from_uri, &ok);
	overlay_text(object, "to_uri", &view->to_uri, &ok);
	overlay_text(object, "req_uri", &view->req_uri, &ok);
	overlay_party(object, false, &view->caller, &ok);
	overlay_number(object, "init_ts", &view->init_s, &ok);
	overlay_number(object, "start_ts", &view->start_s, &ok);
	overlay_number(object, "lifetime", &view->lifetime_s, &ok);
	if (json_member(object, "state"))
		view->state = tiny(object, "state", &ok);
	overlay_callee(object, read, &ok);
	profiles = json_get_text(object, "profiles", &ok);
	if (!ok)
		return "a number or a text of the dialog";
	if (!read_vars(doc, json_member(object, "vars"), read))
		return "vars";
	/* An UPDATE names all profiles, and variables that it does not name are
	 * as they were. */
	if (json_get_number(object, "action", UINT8_MAX, &ok) ==
	    JSON_STOCK_UPDATE)
		view->profile_count = 0;
	if (profiles.len > 0) {
		/* Parsed into the same document: freed with it. */
		srjson_t *inner = too_deep(profiles.s)
					  ? NULL
					  : srjson_Parse(doc, profiles.s);

		if (!inner)
			return "profiles";
		srjson_AddItemToArray(doc, doc->root, inner);
		if (!read_profiles(doc, json_member(inner, "profiles"), names,
				   read))
			return "profiles";
	}
	return NULL;
}
