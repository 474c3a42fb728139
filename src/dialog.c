#include "ping.h"
#include "store.h"
#include "value_index.h"

/* ------------------------------------------------ texts */

int text_set(struct mem *mem, struct text *text, struct parley_str value)
{
	if (value.len > PARLEY_STR_MAX)
		return PARLEY_E_ARGUMENT;
	if (str_equal(text_str(text), value))
		return 0;

	/* A shorter text fits where the longer one is. */
	if (!text->own && value.len <= text->len) {
		if (value.len > 0)
			memcpy(text->s, value.s, value.len);
		text->len = (uint16_t)value.len;
		return 0;
	}
	char *copy = NULL;
	if (value.len > 0) {
		copy = mem_alloc(mem, value.len);
		if (!copy)
			return PARLEY_E_MEMORY;
		memcpy(copy, value.s, value.len);
	}
	text_fini(mem, text);
	text->s = copy;
	text->len = (uint16_t)value.len;
	text->own = copy != NULL;
	return 0;
}

void text_fini(struct mem *mem, struct text *text)
{
	if (text->own)
		mem_free(mem, text->s, text->len);
	*text = (struct text){0};
}

struct parley_str dialog_from_tag(const struct dialog *dialog)
{
	return (struct parley_str){dialog->bytes + dialog->callid_len,
				   dialog->from_tag_len};
}

struct parley_str dialog_from_uri(const struct dialog *dialog)
{
	return (struct parley_str){dialog->bytes + dialog->callid_len +
					   dialog->from_tag_len,
				   dialog->from_uri_len};
}

struct parley_str dialog_to_uri(const struct dialog *dialog)
{
	struct parley_str before = dialog_from_uri(dialog);
	return (struct parley_str){before.s + before.len, dialog->to_uri_len};
}

struct parley_str dialog_req_uri(const struct dialog *dialog)
{
	struct parley_str before = dialog_to_uri(dialog);
	return (struct parley_str){before.s + before.len, dialog->req_uri_len};
}

/* ------------------------------------------------ creation */

static size_t facts_size(const struct parley_event *event)
{
	return sizeof(struct dialog) + event->callid.len + event->from_tag.len +
	       event->from_uri.len + event->to_uri.len + event->req_uri.len +
	       event->contact.len + event->route_set.len;
}

/* The area stands behind the texts, where it is aligned. */
static size_t with_area(const struct parley *engine, size_t size)
{
	if (engine->area_len == 0)
		return size;
	return (size + 7) / 8 * 8 + engine->area_len;
}

static char *put(char *to, struct parley_str text)
{
	if (text.len > 0)
		memcpy(to, text.s, text.len);
	return to + text.len;
}

/* Copies the texts of the INVITE behind the struct. */
static void fill_texts(struct dialog *dialog, const struct parley_event *event)
{
	dialog->callid_len = (uint16_t)event->callid.len;
	dialog->from_tag_len = (uint16_t)event->from_tag.len;
	dialog->from_uri_len = (uint16_t)event->from_uri.len;
	dialog->to_uri_len = (uint16_t)event->to_uri.len;
	dialog->req_uri_len = (uint16_t)event->req_uri.len;

	char *at = put(dialog->bytes, event->callid);
	at = put(at, event->from_tag);
	at = put(at, event->from_uri);
	at = put(at, event->to_uri);
	at = put(at, event->req_uri);
	dialog->contact.s = at;
	dialog->contact.len = (uint16_t)event->contact.len;
	at = put(at, event->contact);
	dialog->route_set.s = at;
	dialog->route_set.len = (uint16_t)event->route_set.len;
	put(at, event->route_set);
}

static int take_facts(struct parley *engine, struct dialog *dialog,
		      const struct parley_create_facts *facts)
{
	dialog->flags = facts->flags;
	dialog->options = facts->options;
	if (facts->lifetime_s > 0)
		dialog->lifetime_s = facts->lifetime_s;
	dialog->timeout_route = facts->timeout_route;
	int rc = text_set(&engine->mem, &dialog->timeout_route_name,
			  facts->timeout_route_name);
	for (uint32_t i = 0; rc == 0 && i < facts->var_count; i++)
		rc = var_set_locked(engine, dialog, facts->vars[i].key,
				    facts->vars[i].value);
	return rc;
}

struct dialog *dialog_create(struct parley *engine, struct parley_now now,
			     const struct parley_event *event)
{
	size_t size = with_area(engine, facts_size(event));
	struct dialog *dialog = mem_alloc(&engine->mem, size);
	if (!dialog)
		return NULL;
	memset(dialog, 0, sizeof(*dialog));
	dialog->size = (uint32_t)size;
	dialog->area_len = engine->area_len;
	if (dialog->area_len > 0)
		memset(area_of(dialog), 0, dialog->area_len);
	dialog->init_s = now.unix_s;
	dialog->invite_cseq = event->cseq;
	dialog->socket = event->socket;
	dialog->lifetime_s = engine->config.lifetime_s;
	dialog->delay_s = (uint16_t)engine->config.delete_delay_s;
	dialog->due_lifetime_ms = UINT64_MAX;
	dialog->due_state_ms = UINT64_MAX;
	dialog->due_ping_ms = UINT64_MAX;
	dialog->next_leg = 1;
	fill_texts(dialog, event);
	if (event->hold) {
		dialog->holds = 1;
		dialog->invite_held = true;
	}
	if (!copy_init(engine, dialog) ||
	    (event->create && take_facts(engine, dialog, event->create) != 0)) {
		dialog_discard(engine, dialog);
		return NULL;
	}
	return dialog;
}

void dialog_discard(struct parley *engine, struct dialog *dialog)
{
	leg_remove_all(engine, dialog);
	var_fini(engine, dialog);
	copy_fini(engine, dialog);
	ping_fini(engine, dialog);
	text_fini(&engine->mem, &dialog->contact);
	text_fini(&engine->mem, &dialog->route_set);
	text_fini(&engine->mem, &dialog->end_reason);
	text_fini(&engine->mem, &dialog->timeout_route_name);
	area_fini(engine, dialog);
	mem_free(&engine->mem, dialog, dialog->size);
}

uint32_t dialog_pick_id(const struct parley *engine)
{
	const struct parley_config *config = &engine->config;
	uint32_t id;
	do {
		id = (uint32_t)engine->host.random(engine->host.self);
		id &= INT32_MAX;
		id -= id % config->h_id_step;
		id += config->h_id_start % config->h_id_step;
	} while (id == 0 || id > INT32_MAX);
	return id;
}

bool dialog_link_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now)
{
	struct shard *shard =
		&engine->shards[shard_of(engine, dialog->id.entry)];
	struct parley_str callid = dialog_callid(dialog);

	if (index_first(&shard->by_id, hash_id(&engine->key, dialog->id)))
		return false;
	index_add(&shard->by_id, &dialog->by_id,
		  hash_id(&engine->key, dialog->id));
	index_add(&shard->by_call, &dialog->by_call,
		  hash_pair(&engine->key, callid, dialog_from_tag(dialog)));
	index_add(&shard->by_callid, &dialog->by_callid,
		  hash_text(&engine->key, callid));
	dialog->linked = true;
	/* A new dialog has no memberships that could be detached. */
	struct parley_member *none = dialog_set_state(
		engine, dialog, PARLEY_STATE_UNCONFIRMED, now, END_NONE);
	(void)none;
	value_index_begin_locked(engine, dialog);
	return true;
}

/* ------------------------------------------------ state */

static void count_end(struct parley *engine, uint8_t old, enum end_cause cause)
{
	struct engine_counts *count = &engine->count;
	if (old < PARLEY_STATE_ANSWERED)
		count_one(&count->failed);
	switch (cause) {
	case END_BY_CALLER:
		count_one(&count->ended_by_caller);
		break;
	case END_BY_CALLEE:
		count_one(&count->ended_by_callee);
		break;
	case END_BY_US:
		count_one(&count->ended_by_us);
		break;
	case END_EXPIRED:
		count_one(&count->expired);
		break;
	case END_EARLY_TIMEOUT:
		count_one(&count->forgotten_early);
		break;
	case END_NONE:
		break;
	}
}

static uint64_t after_s(struct parley_now now, uint32_t seconds)
{
	return now.ms + (uint64_t)seconds * 1000;
}

/* Until when a 2xx that crosses may come: its callee repeats it for 64*T1, and
 * another branch may answer as late after the first (RFC 3261 13.2.2.4). */
static uint64_t crossing_until(const struct parley *engine,
			       const struct dialog *dialog, uint8_t old,
			       struct parley_now now)
{
	uint64_t from =
		old < PARLEY_STATE_ANSWERED ? now.ms : dialog->answered_ms;
	return from + engine->config.ack_wait_ms;
}

void dialog_delay_locked(struct dialog *dialog, struct parley_now now)
{
	uint64_t until = after_s(now, dialog->delay_s);

	if (dialog->delay_s == 0 ||
	    (dialog->linger && until <= dialog->due_state_ms))
		return;
	dialog->linger = true;
	dialog->due_state_ms = until;
}

static void enter_deleted(struct parley *engine, struct dialog *dialog,
			  uint8_t old, struct parley_now now)
{
	uint64_t until = crossing_until(engine, dialog, old, now);

	dialog->end_s = now.unix_s;
	/* A call that we have ended must not come up again, nor by a word of
	 * another node that crosses ours. */
	if (dialog->copy)
		until = now.ms + engine->config.ack_wait_ms;
	dialog->linger =
		(dialog->ended_by_us || dialog->copy) && until > now.ms;
	dialog->due_lifetime_ms = UINT64_MAX;
	dialog->due_state_ms =
		dialog->linger ? until
			       : after_s(now, engine->config.end_timeout_s);
	dialog_delay_locked(dialog, now);
}

struct parley_member *dialog_set_state(struct parley *engine,
				       struct dialog *dialog, uint8_t state,
				       struct parley_now now,
				       enum end_cause cause)
{
	struct parley_member *members = NULL;
	uint8_t old = dialog->state;

	if (old != PARLEY_STATE_NONE)
		count_one_less(&engine->count.in_state[old]);
	count_one(&engine->count.in_state[state]);
	dialog->state = state;
	dialog->unwritten = engine->store;

	switch ((enum parley_state)state) {
	case PARLEY_STATE_UNCONFIRMED:
		/* early_timeout counts from the INVITE */
		if (old == PARLEY_STATE_NONE &&
		    engine->config.early_timeout_s > 0)
			dialog->due_state_ms =
				after_s(now, engine->config.early_timeout_s);
		break;
	case PARLEY_STATE_EARLY:
		break;
	case PARLEY_STATE_ANSWERED:
		if (old < PARLEY_STATE_ANSWERED) {
			dialog->start_s = now.unix_s;
			dialog->answered_ms = now.ms;
			dialog->due_lifetime_ms =
				after_s(now, dialog->lifetime_s);
		}
		dialog->due_state_ms = UINT64_MAX;
		if (engine->config.noack_timeout_s > 0)
			dialog->due_state_ms =
				after_s(now, engine->config.noack_timeout_s);
		break;
	case PARLEY_STATE_CONFIRMED:
		if (!dialog->ending)
			dialog->due_state_ms = UINT64_MAX;
		break;
	case PARLEY_STATE_DELETED:
		dialog->end_cause = (uint8_t)cause;
		enter_deleted(engine, dialog, old, now);
		value_index_end_locked(engine, dialog);
		if (!copy_replica(dialog))
			count_end(engine, old, cause);
		members = dialog->members;
		dialog->members = NULL;
		break;
	case PARLEY_STATE_NONE:
	case PARLEY_STATES:
		break;
	}
	ping_update_locked(engine, dialog, now);
	dialog_arm_locked(engine, dialog);
	return members;
}

uint64_t dialog_due(const struct parley *engine, const struct dialog *dialog)
{
	uint64_t due = dialog->due_state_ms;
	if (dialog->due_lifetime_ms < due)
		due = dialog->due_lifetime_ms;
	if (copy_sleeps(dialog))
		return due == UINT64_MAX ? due : due + copy_grace_ms(engine);
	return dialog->due_ping_ms < due ? dialog->due_ping_ms : due;
}

void dialog_arm_locked(struct parley *engine, struct dialog *dialog)
{
	struct wheel *wheel =
		&engine->shards[shard_of(engine, dialog->id.entry)].wheel;
	uint64_t due = dialog_due(engine, dialog);
	if (due == UINT64_MAX)
		wheel_cancel(wheel, &dialog->timer);
	else if (!timer_armed(&dialog->timer) || dialog->timer.due_ms != due)
		wheel_arm(wheel, &dialog->timer, due);
}

void dialog_renew_locked(struct parley *engine, struct dialog *dialog,
			 struct parley_now now)
{
	if (dialog_raced(dialog) && dialog->due_lifetime_ms != UINT64_MAX)
		return;
	dialog->due_lifetime_ms = after_s(now, dialog->lifetime_s);
	dialog->in_timeout_route = false;
	dialog_arm_locked(engine, dialog);
}

void dialog_race_locked(struct parley *engine, struct dialog *dialog,
			struct parley_now now)
{
	if (!dialog_raced(dialog) || !dialog_answered(dialog) || dialog->ending)
		return;
	/* After a crash this is what is known of it. */
	dialog->options |= PARLEY_OPT_BYE_ON_TIMEOUT;
	dialog->due_lifetime_ms = after_s(now, engine->config.race_timeout_s);
	dialog->in_timeout_route = false;
	dialog_arm_locked(engine, dialog);
}

/* ------------------------------------------------ end */

bool dialog_settle_locked(struct dialog *dialog)
{
	if (dialog->state != PARLEY_STATE_DELETED || dialog->destroying ||
	    dialog->holds > 0 || dialog->byes > 0 || dialog->refs > 0 ||
	    dialog->linger || copy_holds(dialog) || store_holds(dialog) ||
	    area_pins(dialog) > 0)
		return false;
	dialog->destroying = true;
	return true;
}

bool dialog_put_locked(struct parley *engine, struct dialog *dialog)
{
	(void)engine;
	dialog->refs--;
	return dialog_settle_locked(dialog);
}

static void unlink_dialog(struct parley *engine, struct dialog *dialog)
{
	uint32_t number = shard_of(engine, dialog->id.entry);
	struct shard *shard = &engine->shards[number];

	shard_lock(engine, number);
	index_remove(&shard->by_id, &dialog->by_id);
	index_remove(&shard->by_call, &dialog->by_call);
	index_remove(&shard->by_callid, &dialog->by_callid);
	wheel_cancel(&shard->wheel, &dialog->timer);
	dialog->linked = false;
	count_one_less(&engine->count.in_state[dialog->state]);
	shard_unlock(engine, number);
}

/*
 * Who could still hold the dialog here? Nobody through a look-up: those end
 * with the shard lock, and after unlink_dialog() there is none to be found.
 * No note: refs is 0 and note_make_locked() is not reached for a dialog that
 * is being destroyed, because dialog_find_lock() does not return it. No second
 * destroyer: destroying was false when the caller set it under the lock.
 */
void dialog_destroy(struct parley *engine, struct dialog *dialog)
{
	note_destroy(engine, dialog);
	unlink_dialog(engine, dialog);
	profile_leave_all(engine, dialog->members);
	note_fini(engine, dialog);
	dialog_discard(engine, dialog);
}
