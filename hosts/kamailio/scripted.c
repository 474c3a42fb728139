/* See scripted.h. */
#include <stdatomic.h>

#include "core/data_lump.h"
#include "core/events.h"
#include "core/script_cb.h"
#include "modules/tm/h_table.h"

#include "facts.h"
#include "invite.h"
#include "reader.h"
#include "scripted.h"
#include "within.h"

/* The reply that this process has told last: the event for replies comes after
 * the reply route, in which the script may have told it. */
static struct {
	unsigned int id;
	int pid;
	const char *buf;
} told;

static bool told_before(const struct sip_msg *msg)
{
	if (told.id == msg->id && told.pid == msg->pid && told.buf == msg->buf)
		return true;
	told.id = msg->id;
	told.pid = msg->pid;
	told.buf = msg->buf;
	return false;
}

/* No transaction tells when the INVITE is over: it is with its ACK, or with the
 * end of the call. */
static void release(struct parley_id id)
{
	const struct parley_event event = {
		.type = PARLEY_EV_RELEASE,
		.id = id,
		.invite = true,
	};

	sip_feed(NULL, &event);
}

void scripted_changed(const struct parley_actions *actions)
{
	if (adapter.set.dlg_mode &&
	    actions->old_state < PARLEY_STATE_CONFIRMED &&
	    actions->new_state >= PARLEY_STATE_CONFIRMED)
		release(actions->id);
}

/* ------------------------------------------------ replies */

/* The call whose initial INVITE this is a reply to. A leg that is up has its
 * 2xx already: what comes now is for a re-INVITE, or a repetition. */
static bool find_invited(struct sip_msg *rpl, struct parley_id *id)
{
	const struct parley_str none = {0};
	struct parley_event call = {0};
	struct parley_match match;
	int code = (int)rpl->REPLY_STATUS;

	if (!facts_answers_invite(rpl) || !facts_call(rpl, &call))
		return false;
	if (parley_find_call(adapter.engine, call.callid, call.from_tag,
			     call.to_tag, &match) == 0) {
		*id = match.id;
		return match.dir == PARLEY_DIR_DOWNSTREAM &&
		       match.state < PARLEY_STATE_ANSWERED;
	}
	if (parley_find_call(adapter.engine, call.callid, call.from_tag, none,
			     &match) < 0)
		return false;
	*id = match.id;
	return match.state < PARLEY_STATE_ANSWERED ||
	       (code >= 200 && code < 300);
}

static int update_by_reply(struct sip_msg *rpl)
{
	struct parley_event event = {0};
	struct parley_actions actions;
	int code = (int)rpl->REPLY_STATUS;

	if (code <= 100 || !find_invited(rpl, &event.id))
		return -1;
	event.code = (uint16_t)code;
	event.type = facts_reply_type(code);
	if (code < 300)
		invite_read_reply(event.id, rpl, &event);
	event.reason = to_parley(&rpl->first_line.u.reply.reason);
	if (parley_feed(adapter.engine, host_now(), &event, &actions) < 0)
		return -1;
	sip_run_reply(NULL, rpl, &actions);
	scripted_changed(&actions);
	return 1;
}

/* tm shows each reply of a branch before it has decided what to do with it. A
 * failure is final if it is the only branch and no failure route may try
 * another one; else the script knows, or early_timeout. */
static bool may_be_another(const struct sip_msg *rpl)
{
	struct cell *t = compat_transaction(&adapter.tm);

	return rpl->REPLY_STATUS >= 300 && t && t->uas.status < 300 &&
	       (t->nr_of_outgoings > 1 || t->on_failure != 0);
}

static int on_reply_out(sr_event_param_t *event)
{
	struct sip_msg *rpl = event->rpl;

	if (adapter.engine && rpl && rpl->first_line.type == SIP_REPLY &&
	    !may_be_another(rpl) && !told_before(rpl))
		(void)update_by_reply(rpl);
	return 0;
}

/* ------------------------------------------------ transactions that died */

/* Until when a call may ring that came back from the database; 0: none did. In
 * shared memory, for the writer loads as well. */
static _Atomic uint64_t *early_until_ms;

void scripted_loaded(const struct parley_image *image)
{
	uint64_t seconds = (uint64_t)adapter.set.early_timeout;

	if (early_until_ms && image->view.state < PARLEY_STATE_ANSWERED)
		atomic_store(early_until_ms,
			     seconds == 0 ? UINT64_MAX
					  : host_now().ms + seconds * 1000);
}

bool scripted_is_orphan(struct parley_id id)
{
	uint64_t until_ms = early_until_ms ? atomic_load(early_until_ms) : 0;

	return until_ms != 0 && host_now().ms < until_ms &&
	       !invite_has_transaction(id);
}

/* How many values the route set of the INVITE has, as it came in. */
static unsigned int count_routes(struct parley_str routes)
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < routes.len; i++)
		count += routes.s[i] == '<';
	return count;
}

/* What the transaction knew: which Record-Routes of the reply are ours. */
static void find_routes(struct sip_msg *rpl, struct parley_id id)
{
	struct parley_view view;
	unsigned int before;

	if (reader_read(reader_of_steps(), id, &view) < 0)
		return;
	before = count_routes(view.caller.route_set);
	invite_routes(id, before, facts_own_routes(rpl, before));
}

/* Kamailio's core passes on a reply whose transaction it does not know. Runs
 * for each reply, hence the cheap exit. */
static int on_reply_start(struct sip_msg *rpl, unsigned int flags, void *param)
{
	struct parley_id id;

	(void)flags;
	(void)param;
	if (atomic_load(early_until_ms) == 0 || !adapter.engine ||
	    rpl->REPLY_STATUS <= 100 || !find_invited(rpl, &id) ||
	    !scripted_is_orphan(id))
		return 1;
	find_routes(rpl, id);
	(void)update_by_reply(rpl);
	return 1;
}

static int init_early(void)
{
	if (adapter.set.db.mode == 0)
		return 0;
	early_until_ms = shm_malloc(sizeof(*early_until_ms));
	if (!early_until_ms) {
		SHM_MEM_ERROR;
		return -1;
	}
	atomic_init(early_until_ms, 0);
	if (register_script_cb(on_reply_start, PRE_SCRIPT_CB | ONREPLY_CB,
			       NULL) < 0) {
		LM_ERR("cannot register for replies\n");
		return -1;
	}
	return 0;
}

/* ------------------------------------------------ requests */

static int update_by_cancel(struct sip_msg *cancel)
{
	struct parley_event event = {.type = PARLEY_EV_CANCEL};

	if (!ctx_dialog(cancel, &event.id) || sip_feed(cancel, &event) < 0)
		return -1;
	return 1;
}

int scripted_update(struct sip_msg *msg)
{
	/* With tm's callbacks a message counts when it is relayed. */
	if (!adapter.set.dlg_mode) {
		struct parley_id id;

		return ctx_dialog(msg, &id) ? 1 : -1;
	}
	if (msg->first_line.type == SIP_REPLY)
		return told_before(msg) ? 1 : update_by_reply(msg);
	if (msg->first_line.type != SIP_REQUEST)
		return -1;
	if (msg->REQ_METHOD == METHOD_CANCEL)
		return update_by_cancel(msg);
	return within_update(msg) ? 1 : -1;
}

/* ------------------------------------------------ set-up */

void scripted_created(struct sip_msg *msg, struct parley_id id)
{
	struct parley_event event = {.type = PARLEY_EV_INVITE};
	unsigned int before;

	facts_invite(msg, &event, &before);
	invite_routes(id, before,
		      (unsigned int)count_applied_lumps(msg->add_rm,
							HDR_RECORDROUTE_T));
}

int scripted_init(void)
{
	if (!adapter.set.dlg_mode)
		return init_early();
	if (adapter.set.dlg_flag >= 0)
		LM_WARN("dlg_mode=1: dlg_flag=%d has no effect, use "
			"dlg_manage()\n",
			adapter.set.dlg_flag);
	if (sr_event_register_cb(SREV_SIP_REPLY_OUT, on_reply_out) < 0) {
		LM_ERR("cannot register for the replies that are sent\n");
		return -1;
	}
	return 0;
}
