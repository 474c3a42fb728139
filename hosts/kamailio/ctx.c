/*
 * ctx.c - the context of the messages in hand
 *
 * A process works on one message, but scripts nest: a request route that ends
 * a call runs event_route[tm:local-request] on the BYE, tm:local-response on
 * the reply, and each may use our variables. So there are a few contexts, and
 * a message that is new takes the one that was not used for the longest time.
 */
#include "facts.h"
#include "text.h"
#include "tmcb.h"

enum { CONTEXTS = 8 };

static struct {
	struct ctx slots[CONTEXTS];
	struct ctx *last;
	uint32_t stamp;
	int top; /* slots from here on are empty */
} contexts;

/* ------------------------------------------------ pending variables */

static void var_free(struct pending_var *var)
{
	pkg_free(var);
}

static struct pending_var **var_find(struct ctx *ctx, const str *key)
{
	struct pending_var **link = &ctx->vars;

	while (*link && !text_equal(to_parley(&(*link)->key), to_parley(key)))
		link = &(*link)->next;
	return link;
}

/* Key and value lie behind the struct. */
static struct pending_var *var_new(const str *key, const str *value)
{
	struct pending_var *var = pkg_malloc(sizeof(*var) + (size_t)key->len +
					     (size_t)value->len);
	char *at = (char *)(var + 1);

	if (!var)
		return NULL;
	memcpy(at, key->s, (size_t)key->len);
	var->key = (str){at, key->len};
	at += key->len;
	if (value->len > 0)
		memcpy(at, value->s, (size_t)value->len);
	var->value = (str){at, value->len};
	return var;
}

int ctx_var_set(struct ctx *ctx, const str *key, const str *value)
{
	struct pending_var **link = var_find(ctx, key);
	struct pending_var *old = *link;
	struct pending_var *var = NULL;

	if (value) {
		var = var_new(key, value);
		if (!var)
			return PARLEY_E_MEMORY;
		var->next = old ? old->next : NULL;
		*link = var;
	} else if (old) {
		*link = old->next;
	}
	if (old)
		var_free(old);
	return 0;
}

const str *ctx_var_get(const struct ctx *ctx, const str *key)
{
	const struct pending_var *var = ctx->vars;

	for (; var; var = var->next)
		if (text_equal(to_parley(&var->key), to_parley(key)))
			return &var->value;
	return NULL;
}

/* ------------------------------------------------ contexts */

void ctx_clear(struct ctx *ctx)
{
	if (!ctx)
		return;
	while (ctx->vars) {
		struct pending_var *var = ctx->vars;
		ctx->vars = var->next;
		var_free(var);
	}
	if (ctx->members)
		parley_profile_release(adapter.engine, &ctx->members);
	/* A note must be used up, or those after it would wait for it. */
	if (ctx->note.types)
		parley_deliver(adapter.engine, &ctx->note, NULL, false);
	memset(ctx, 0, sizeof(*ctx));
}

static bool is_of(const struct ctx *ctx, const struct sip_msg *msg)
{
	/* The number alone is not enough: a message that tm rebuilds for a
	 * failure route has its request's number less one. */
	return ctx->msg_id == msg->id && ctx->msg_pid == msg->pid &&
	       ctx->buf == msg->buf && ctx->buf;
}

struct ctx *ctx_find(const struct sip_msg *msg)
{
	if (!msg)
		return NULL;
	if (contexts.last && is_of(contexts.last, msg))
		return contexts.last;
	for (int i = 0; i < contexts.top; i++)
		if (is_of(&contexts.slots[i], msg))
			return contexts.last = &contexts.slots[i];
	return NULL;
}

struct ctx *ctx_find_request(const struct sip_msg *request)
{
	for (int i = 0; request && i < contexts.top; i++) {
		struct ctx *ctx = &contexts.slots[i];

		if (ctx->buf && ctx->msg_id == request->id &&
		    ctx->msg_pid == request->pid)
			return ctx;
	}
	return NULL;
}

static void own(struct ctx *ctx, struct sip_msg *msg)
{
	ctx->msg_id = msg->id;
	ctx->msg_pid = msg->pid;
	ctx->buf = msg->buf;
	ctx->msg = msg;
	ctx->adopt = false;
	contexts.last = ctx;
}

/* An empty slot, or the one that was asked for longest ago. */
static struct ctx *take_slot(void)
{
	struct ctx *oldest = &contexts.slots[0];

	for (int i = 0; i < CONTEXTS; i++) {
		struct ctx *ctx = &contexts.slots[i];

		if (!ctx->buf && !ctx->adopt) {
			if (contexts.top <= i)
				contexts.top = i + 1;
			return ctx;
		}
		if (!ctx->adopt &&
		    (oldest->adopt || contexts.stamp - ctx->stamp >
					      contexts.stamp - oldest->stamp))
			oldest = ctx;
	}
	ctx_clear(oldest);
	return oldest;
}

struct ctx *ctx_of(struct sip_msg *msg)
{
	struct ctx *ctx = ctx_find(msg);

	if (!ctx) {
		for (int i = 0; i < contexts.top && !ctx; i++)
			if (contexts.slots[i].adopt)
				ctx = &contexts.slots[i];
		if (!ctx)
			ctx = take_slot();
		own(ctx, msg);
	}
	ctx->stamp = ++contexts.stamp;
	return ctx;
}

struct ctx *ctx_pending(struct sip_msg *msg)
{
	struct ctx *ctx = ctx_of(msg);

	ctx->used = true;
	return ctx;
}

/* ------------------------------------------------ the current dialog */

/* The dialog that the callbacks of the message's transaction belong to. Not
 * before tm has found it: in a core reply route there is none yet. */
static bool of_transaction(struct parley_id *id)
{
	struct cell *t = compat_transaction(&adapter.tm);
	void **param;

	if (!t)
		return false;
	param = tmcb_find(t, on_invite);
	if (!param)
		param = tmcb_find(t, on_within);
	if (!param)
		return false;
	*id = tmcb_id(*param);
	return id->id != 0;
}

/* In a core reply route the leg of a first reply is not known yet; there the
 * caller's tag has to do. */
static bool find_by_tags(const struct sip_msg *msg,
			 const struct parley_event *event,
			 struct parley_match *match)
{
	const struct parley_str none = {0};

	return parley_find_call(adapter.engine, event->callid, event->from_tag,
				event->to_tag, match) == 0 ||
	       (msg->first_line.type == SIP_REPLY &&
		parley_find_call(adapter.engine, event->callid, event->from_tag,
				 none, match) == 0);
}

bool ctx_dialog(struct sip_msg *msg, struct parley_id *id)
{
	const struct ctx *ctx;

	if (!msg)
		return false;
	ctx = ctx_of(msg);
	if (!ctx->got)
		return ctx_own_dialog(msg, id);
	*id = ctx->got_id;
	return id->id != 0;
}

bool ctx_own_dialog(struct sip_msg *msg, struct parley_id *id)
{
	const struct ctx *ctx = ctx_of(msg);
	struct parley_event event;
	struct parley_match match;

	if (ctx->id.id != 0) {
		*id = ctx->id;
		return true;
	}
	if (of_transaction(id))
		return true;
	if (!facts_call(msg, &event) || !find_by_tags(msg, &event, &match))
		return false;
	*id = match.id;
	return true;
}

bool ctx_can_act(struct sip_msg *msg, struct parley_id *id)
{
	if (msg && msg->first_line.type == SIP_REQUEST &&
	    msg->REQ_METHOD == METHOD_CANCEL && !adapter.set.dlg_ctxiuid_mode &&
	    !ctx_of(msg)->got)
		return false;
	return ctx_dialog(msg, id);
}

void ctx_set_dialog(struct sip_msg *msg, const struct parley_match *match)
{
	struct ctx *ctx = ctx_pending(msg);

	ctx->id = match->id;
	ctx->dir = match->dir;
	ctx->got = false;
}

void ctx_get_dialog(struct sip_msg *msg, const struct parley_match *match)
{
	struct ctx *ctx = ctx_pending(msg);

	ctx->got = true;
	ctx->got_id = match ? match->id : (struct parley_id){0};
	ctx->dir = match ? match->dir : PARLEY_DIR_NONE;
}

bool ctx_load(struct sip_msg *msg, struct parley_id id)
{
	struct ctx *ctx = ctx_pending(msg);

	if (ctx->loaded)
		return false;
	ctx->loaded = true;
	ctx->before.got = ctx->got;
	ctx->before.got_id = ctx->got_id;
	ctx->before.dir = ctx->dir;
	ctx->got = true;
	ctx->got_id = id;
	ctx->dir = PARLEY_DIR_NONE;
	return true;
}

bool ctx_unload(struct ctx *ctx)
{
	if (!ctx->loaded)
		return false;
	ctx->loaded = false;
	if (ctx->got) {
		ctx->got = ctx->before.got;
		ctx->got_id = ctx->before.got_id;
		ctx->dir = ctx->before.dir;
	}
	return true;
}

void ctx_unload_forgotten(struct ctx *ctx)
{
	if (ctx && ctx_unload(ctx))
		log_limited(LOG_CAUSE_SCRIPT, L_WARN,
			    "load_dialog_ctx() without unload_dialog_ctx(): "
			    "undone at the end of the script\n");
}

/* ------------------------------------------------ nesting */

void ctx_push(struct ctx *saved, struct sip_msg *msg, struct parley_id id)
{
	struct ctx *ctx = msg ? ctx_of(msg) : take_slot();

	*saved = *ctx;
	memset(ctx, 0, sizeof(*ctx));
	if (msg)
		own(ctx, msg);
	else
		ctx->adopt = true;
	ctx->stamp = ++contexts.stamp;
	ctx->used = true;
	ctx->id = id;
	if (saved->in_dialog && saved->id.entry == id.entry &&
	    saved->id.id == id.id) {
		ctx->in_dialog = true;
		ctx->match = saved->match;
	}
	/* Where to put it back; an adopted context has moved by then. */
	saved->stamp = (uint32_t)(ctx - contexts.slots);
}

void ctx_pop(const struct ctx *saved)
{
	struct ctx *ctx = &contexts.slots[saved->stamp];

	ctx_clear(ctx);
	*ctx = *saved;
	ctx->stamp = ++contexts.stamp;
}
