/* See invite.h. */
#include "core/data_lump_rpl.h"
#include "core/script_cb.h"
#include "modules/tm/h_table.h"
#include "modules/tm/t_cancel.h"

#include "cseq.h"
#include "facts.h"
#include "forgotten.h"
#include "invite.h"
#include "reader.h"
#include "text.h"

/* ------------------------------------------------ the number */

/* From the top: known, ending, Record-Routes of ours (2 bits) and of the
 * proxies before us (6), low bits of the CSeq (6), index of the transaction's
 * slot (16), its label (32). */
enum {
	REF_INDEX_SHIFT = 32,
	REF_CSEQ_SHIFT = 48,
	REF_CSEQ_MASK = (1 << 6) - 1,
	REF_BEFORE_SHIFT = 54,
	REF_BEFORE_MAX = (1 << 6) - 1,
	REF_OWN_SHIFT = 60,
	REF_OWN_MAX = (1 << 2) - 1,
};
#define REF_KNOWN ((uint64_t)1 << 63)
#define REF_ENDING ((uint64_t)1 << 62)
_Static_assert(TABLE_ENTRIES <= 1 << 16, "tm's index must fit");

static uint64_t cseq_bits(uint32_t cseq)
{
	return (uint64_t)(cseq & REF_CSEQ_MASK) << REF_CSEQ_SHIFT;
}

static uint64_t routes_bits(unsigned int before, unsigned int own)
{
	if (before > REF_BEFORE_MAX)
		before = REF_BEFORE_MAX;
	if (own > REF_OWN_MAX)
		own = REF_OWN_MAX;
	return (uint64_t)own << REF_OWN_SHIFT | (uint64_t)before
							<< REF_BEFORE_SHIFT;
}

static uint64_t ref_of(const struct cell *t, unsigned int before,
		       unsigned int own)
{
	struct parley_event event = {.type = PARLEY_EV_INVITE};

	if (t->uas.request)
		facts_request(t->uas.request, &event);
	return REF_KNOWN | routes_bits(before, own) | cseq_bits(event.cseq) |
	       (uint64_t)t->hash_index << REF_INDEX_SHIFT | t->label;
}

void invite_remember(const struct cell *t, struct parley_id id,
		     unsigned int rr_count)
{
	unsigned int own = 0;

	for (int i = 0; i < t->nr_of_outgoings; i++)
		if (own < invite_own_routes(t->uac[i].flags))
			own = invite_own_routes(t->uac[i].flags);
	/* A branch may come after the end was asked for. */
	(void)!parley_set_host_ref(adapter.engine, id, REF_ENDING,
				   ref_of(t, rr_count, own));
}

void invite_remember_early(const struct cell *t, struct parley_id id,
			   unsigned int rr_count)
{
	uint64_t ref;

	if (parley_get_host_ref(adapter.engine, id, &ref) == 0 &&
	    !(ref & REF_KNOWN))
		invite_remember(t, id, rr_count);
}

/* tm takes the reason of a CANCEL that it sends later from here: of a branch
 * whose first 1xx is still to come (RFC 3261 9.1), or that is made only now. It
 * frees it with the transaction. Without memory the CANCEL has the code only.
 */
static void keep_reason(struct cell *t, int code, str text)
{
	void *place = &t->uas.cancel_reas;
	struct cancel_reason *kept =
		shm_malloc(sizeof(*kept) + (size_t)text.len);

	if (!kept)
		return;
	memset(kept, 0, sizeof(*kept));
	kept->cause = (short)code;
	if (text.len > 0) {
		kept->u.text = (str){(char *)(kept + 1), text.len};
		memcpy(kept->u.text.s, text.s, (size_t)text.len);
	}
	/* The caller's own CANCEL may have left its reason there. */
	if (atomic_cmpxchg_long(place, 0, (long)kept) != 0)
		shm_free(kept);
}

/* CANCEL to each branch that has shown a 1xx; tm marks the others. */
static void cancel_branches(struct cell *t)
{
	struct cancel_info info;

	memset(&info, 0, sizeof(info));
	init_cancel_info(&info);
	if (t->uas.cancel_reas)
		info.reason = *t->uas.cancel_reas;
	else
		info.reason.cause = (short)adapter.set.early_code;
	adapter.tm.prepare_to_cancel(t, &info.cancel_bitmap, 0);
	if (info.cancel_bitmap)
		adapter.tm.cancel_uacs(t, &info, 0);
}

void invite_sent(struct cell *t, struct parley_id id, unsigned int rr_count)
{
	uint64_t ref;

	invite_remember(t, id, rr_count);
	if (host_crossing_expected() &&
	    parley_get_host_ref(adapter.engine, id, &ref) == 0 &&
	    ref & REF_ENDING)
		cancel_branches(t);
}

static void read_reply(struct sip_msg *rpl, uint64_t ref,
		       struct parley_event *event)
{
	facts_reply(rpl, event,
		    (unsigned int)(ref >> REF_BEFORE_SHIFT) & REF_BEFORE_MAX,
		    (unsigned int)(ref >> REF_OWN_SHIFT) & REF_OWN_MAX);
}

void invite_routes(struct parley_id id, unsigned int before, unsigned int own)
{
	(void)!parley_set_host_ref(adapter.engine, id, 0,
				   routes_bits(before, own));
}

bool invite_has_transaction(struct parley_id id)
{
	uint64_t ref;

	return parley_get_host_ref(adapter.engine, id, &ref) == 0 &&
	       ref & REF_KNOWN;
}

void invite_read_reply(struct parley_id id, struct sip_msg *rpl,
		       struct parley_event *event)
{
	uint64_t ref = 0;

	(void)!parley_get_host_ref(adapter.engine, id, &ref);
	read_reply(rpl, ref, event);
}

/* ------------------------------------------------ the transaction */

struct taken {
	struct cell *t;
	struct cell *before; /* tm's current transaction */
	int branch;
};

static bool take(struct parley_id id, struct taken *taken)
{
	uint64_t ref;

	if (parley_get_host_ref(adapter.engine, id, &ref) < 0 ||
	    !(ref & REF_KNOWN))
		return false;
	taken->before = adapter.tm.t_gett();
	taken->branch = adapter.tm.t_gett_branch();
	if (adapter.tm.t_lookup_ident(
		    &taken->t, (unsigned int)(ref >> REF_INDEX_SHIFT) & 0xffff,
		    (unsigned int)ref) > 0)
		return true;
	/* tm forgets its current one even if there is none. */
	adapter.tm.t_sett(taken->before, taken->branch);
	return false;
}

static void give_back(const struct taken *taken)
{
	adapter.tm.unref_cell(taken->t);
	adapter.tm.t_sett(taken->before, taken->branch);
}

/* @flags: that must not be set. */
static bool is_open(struct parley_id id, unsigned int flags)
{
	struct taken taken;
	bool open;

	if (!take(id, &taken))
		return false;
	open = taken.t->uas.status < 200 && taken.t->uas.request &&
	       !(taken.t->flags & flags);
	give_back(&taken);
	return open;
}

bool invite_open(struct parley_id id)
{
	return is_open(id, 0);
}

bool invite_waits(struct parley_id id)
{
	return is_open(id, T_CANCELED);
}

int invite_make(struct sip_msg *msg, struct parley_id id)
{
	struct cell *t;

	if (adapter.tm.t_newtran(msg) < 0)
		return -1;
	t = compat_transaction(&adapter.tm);
	if (!t)
		return -1;
	invite_remember(t, id, 0);
	return 0;
}

void invite_expect_crossing(struct parley_id id)
{
	struct taken taken;

	if (!take(id, &taken))
		return;
	give_back(&taken);
	host_crossing_start();
	(void)!parley_set_host_ref(adapter.engine, id, ~REF_ENDING, REF_ENDING);
}

int invite_cancel(struct parley_id id, int code, str text)
{
	struct taken taken;

	if (!take(id, &taken))
		return -1;
	keep_reason(taken.t, code, text);
	cancel_branches(taken.t);
	give_back(&taken);
	return 0;
}

int invite_reply(struct parley_id id, int code, char *phrase, str header)
{
	struct lump_rpl *lump = NULL;
	struct sip_msg *request;
	struct taken taken;
	int rc = -1;

	if (!take(id, &taken))
		return -1;
	request = taken.t->uas.request;
	if (taken.t->uas.status < 200 && request) {
		if (header.len > 0)
			lump = add_lump_rpl(request, header.s, header.len,
					    LUMP_RPL_HDR);
		rc = adapter.tm.t_reply_trans(taken.t, request,
					      (unsigned int)code, phrase);
		if (lump) {
			/* It is in our memory, the request is in all's. */
			unlink_lump_rpl(request, lump);
			free_lump_rpl(lump);
		}
	}
	give_back(&taken);
	return rc < 0 ? -1 : 0;
}

/* ------------------------------------------------ a 2xx that crosses */

static bool is_invite_2xx(struct sip_msg *msg)
{
	return facts_answers_invite(msg) && msg->REPLY_STATUS >= 200 &&
	       msg->REPLY_STATUS <= 299;
}

/* True if @reply answers the INVITE that @ref names; then @view is filled. */
static bool is_our_invite(struct parley_id id, uint64_t ref,
			  const struct parley_event *reply,
			  struct parley_view *view)
{
	/* Who calls again with the same Call-ID raises the CSeq. */
	if (!(ref & REF_KNOWN) ||
	    (ref & cseq_bits(REF_CSEQ_MASK)) != cseq_bits(reply->cseq) ||
	    reader_read(reader_of_steps(), id, view) != 0)
		return false;
	return text_equal(view->callid, reply->callid) &&
	       text_equal(view->caller.tag, reply->from_tag);
}

static bool swallow(struct parley_id id, const struct parley_event *reply)
{
	struct parley_actions actions;
	struct parley_event event = *reply;
	bool swallowed = false;

	event.type = PARLEY_EV_REPLY_2XX;
	event.id = id;
	event.can_swallow = true;
	if (parley_feed(adapter.engine, host_now(), &event, &actions) < 0)
		return false;
	for (uint32_t i = 0; i < actions.count; i++)
		if (actions.list[i].type == PARLEY_ACT_SWALLOW)
			swallowed = true;
	sip_run(NULL, &actions, NULL);
	return swallowed;
}

/* tm knows what to do with any reply but a 2xx until it forgets the INVITE. */
static bool is_forgotten(struct parley_id id, const struct parley_view *view)
{
	struct taken taken;

	if (view->state != PARLEY_STATE_DELETED)
		return false;
	if (!take(id, &taken))
		return true;
	give_back(&taken);
	return false;
}

/* True: the reply goes nowhere. */
static bool keep_back(struct sip_msg *msg, struct parley_id id,
		      struct parley_event *reply)
{
	struct parley_view view;
	uint64_t ref;

	if (parley_get_host_ref(adapter.engine, id, &ref) < 0 ||
	    !(ref & REF_ENDING))
		return false;
	read_reply(msg, ref, reply);
	reply->code = (uint16_t)msg->REPLY_STATUS;
	if (!is_our_invite(id, ref, reply, &view))
		return false;
	if (is_invite_2xx(msg))
		return swallow(id, reply);
	if (!is_forgotten(id, &view))
		return false;
	forgotten_answer(msg, &view);
	return true;
}

/* Runs for each reply, hence the cheap exit. 0: the reply goes nowhere. */
static int on_reply_start(struct sip_msg *msg, unsigned int flags, void *param)
{
	enum { CALLS_MAX = 8 };
	struct parley_id ids[CALLS_MAX];
	struct parley_event reply = {0};
	uint32_t count;

	(void)flags;
	(void)param;
	if (!adapter.engine || !host_crossing_expected() ||
	    !(facts_answers(msg, METHOD_INVITE) ||
	      facts_answers(msg, METHOD_CANCEL)) ||
	    !facts_call(msg, &reply))
		return 1;
	count = parley_find_callid(adapter.engine, reply.callid, ids,
				   CALLS_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (keep_back(msg, ids[i], &reply))
			return 0;
	return 1;
}

/* Tells the engine of a reply that tm has not relayed yet. */
static void show(struct sip_msg *msg, struct parley_id id,
		 enum parley_event_type type)
{
	struct parley_event reply = {.type = type};
	struct cell *t = compat_transaction(&adapter.tm);
	struct parley_view view;
	uint64_t ref;

	if (!facts_call(msg, &reply) ||
	    parley_get_host_ref(adapter.engine, id, &ref) < 0)
		return;
	read_reply(msg, ref, &reply);
	if (t) {
		reply.cseq_shift = cseq_added(t, adapter.tm.t_gett_branch());
		reply.branch = facts_branch(adapter.tm.t_gett_branch());
	}
	reply.id = id;
	reply.code = (uint16_t)msg->REPLY_STATUS;
	if (is_our_invite(id, ref, &reply, &view) &&
	    view.state < PARLEY_STATE_ANSWERED)
		sip_feed_reply(NULL, msg, &reply);
}

void invite_answered(struct sip_msg *msg, struct parley_id id)
{
	if (is_invite_2xx(msg))
		show(msg, id, PARLEY_EV_REPLY_2XX);
}

void invite_shown(struct sip_msg *msg, struct parley_id id)
{
	invite_answered(msg, id);
	if (facts_answers_invite(msg) && msg->REPLY_STATUS > 100 &&
	    msg->REPLY_STATUS < 200)
		show(msg, id, PARLEY_EV_REPLY_1XX);
}

int invite_init(void)
{
	if (register_script_cb(on_reply_start, PRE_SCRIPT_CB | ONREPLY_CB,
			       NULL) < 0) {
		LM_ERR("cannot register the reply callback\n");
		return -1;
	}
	return 0;
}
