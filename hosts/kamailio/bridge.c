/* See bridge.h. */
#include <stdio.h>

#include "core/parser/parse_uri.h"
#include "core/parser/parse_via.h"
#include "modules/tm/dlg.h"
#include "modules/tm/uac.h"

#include "bridge.h"
#include "refer.h"

enum { LINES_MAX = 4096 };

/* A stream on hold (RFC 3264 8.4: an address of 0.0.0.0): what will be heard is
 * agreed on with who is called in the end. */
static const str hold_sdp = STR_STATIC_INIT("v=0\r\n"
					    "o=bridge 0 0 IN IP4 0.0.0.0\r\n"
					    "s=-\r\n"
					    "c=IN IP4 0.0.0.0\r\n"
					    "t=0 0\r\n"
					    "m=audio 9 RTP/AVP 8 0\r\n"
					    "a=rtpmap:8 PCMA/8000\r\n"
					    "a=rtpmap:0 PCMU/8000\r\n");

struct bridge {
	dlg_t *dialog; /* tm's, with the party that is called first */
	uint32_t cseq; /* of the last request */
	str to;
	char text[];
};

static void bridge_free(struct bridge *bridge)
{
	if (bridge->dialog)
		adapter.tm.free_dlg(bridge->dialog);
	shm_free(bridge);
}

static void complain(const struct bridge *bridge, const char *what, int code)
{
	const dlg_t *dialog = bridge->dialog;

	log_limited(LOG_CAUSE_SEND, L_WARN,
		    "bridge of <%.*s> to %.*s, call %.*s: %s (%d)\n",
		    dialog->rem_uri.len, dialog->rem_uri.s, bridge->to.len,
		    bridge->to.s, dialog->id.call_id.len, dialog->id.call_id.s,
		    what, code);
}

/* Above 0: sent; another process may have the reply and the bridge by now, so
 * tm works on a copy of the dialog. 0 or below: not sent, @done is not called.
 */
static int send_request(struct bridge *bridge, const char *name,
			const str *lines, const str *body, transaction_cb *done)
{
	str method = {(char *)(uintptr_t)name, (int)strlen(name)};
	str own_lines = lines ? *lines : (str){0};
	str own_body = body ? *body : (str){0};
	dlg_t dialog = *bridge->dialog;
	uac_req_t uac;

	/* tm adds one. */
	dialog.loc_seq.value = bridge->cseq++;
	set_uac_req(&uac, &method, &own_lines,
		    own_body.len > 0 ? &own_body : NULL, &dialog,
		    done ? TMCB_LOCAL_COMPLETED | TMCB_DESTROY : 0, done,
		    done ? bridge : NULL);
	return adapter.tm.t_request_within(&uac);
}

/* ------------------------------------------------ BYE */

static void send_bye(struct bridge *bridge)
{
	if (send_request(bridge, "BYE", NULL, NULL, NULL) < 0)
		complain(bridge, "its BYE could not be sent", 0);
}

/* ------------------------------------------------ REFER */

/* True once for each transaction: its final reply, or its end without one. The
 * bridge is the caller's from then on. */
static bool take(int type, struct tmcb_params *params, struct bridge **bridge)
{
	*bridge = *params->param;
	if (!*bridge || (type != TMCB_DESTROY && params->code < 200))
		return false;
	*params->param = NULL;
	return true;
}

static void on_refer_done(struct cell *t, int type, struct tmcb_params *params)
{
	struct bridge *bridge;

	(void)t;
	if (!take(type, params, &bridge))
		return;
	if (adapter.engine) { /* else tm is being destroyed after us */
		if (type != TMCB_DESTROY && params->code > 299)
			complain(bridge, "the REFER was refused", params->code);
		send_bye(bridge);
	}
	bridge_free(bridge);
}

/* The bridge is the transaction's afterwards, or gone. */
static void send_refer(struct bridge *bridge)
{
	char buffer[LINES_MAX];
	str lines;
	int rc = -1;

	if (refer_lines(&bridge->to, buffer, sizeof(buffer), &lines))
		rc = send_request(bridge, "REFER", &lines, NULL, on_refer_done);
	if (rc > 0)
		return;
	complain(bridge, "its REFER could not be sent", rc);
	send_bye(bridge);
	bridge_free(bridge);
}

/* ------------------------------------------------ INVITE */

static void on_invite_done(struct cell *t, int type, struct tmcb_params *params)
{
	struct bridge *bridge;
	struct sip_msg *reply;

	(void)t;
	if (!take(type, params, &bridge))
		return;
	reply = type == TMCB_DESTROY ? NULL : params->rpl;
	if (!adapter.engine) {
		bridge_free(bridge);
		return;
	}
	if (!reply || params->code > 299) {
		if (type != TMCB_DESTROY)
			complain(bridge, "not answered", params->code);
		bridge_free(bridge);
		return;
	}
	/* tm has sent the ACK. */
	if (reply == FAKED_REPLY ||
	    adapter.tm.dlg_response_uac(bridge->dialog, reply,
					IS_TARGET_REFRESH) != 0 ||
	    bridge->dialog->rem_target.len <= 0) {
		complain(bridge, "its answer has no usable Contact or To-tag",
			 params->code);
		bridge_free(bridge);
		return;
	}
	bridge->dialog->send_sock = reply->rcv.bind_address;
	send_refer(bridge);
}

static struct bridge *bridge_new(const struct bridge_call *call, str from)
{
	struct bridge *bridge =
		shm_malloc(sizeof(*bridge) + (size_t)call->to.len);
	str controller = adapter.set.bridge_controller;
	str proxy = call->proxy;

	if (!bridge)
		return NULL;
	*bridge = (struct bridge){.to = {bridge->text, call->to.len}};
	memcpy(bridge->text, call->to.s, (size_t)call->to.len);
	if (adapter.tm.new_dlg_uac(NULL, NULL, 1, &controller, &from,
				   &bridge->dialog) != 0) {
		shm_free(bridge); /* tm has freed what it shows there */
		return NULL;
	}
	/* The answer's Contact and route set replace this target. */
	if (adapter.tm.set_dlg_target(bridge->dialog, &from,
				      proxy.len > 0 ? &proxy : NULL) == 0)
		return bridge;
	bridge_free(bridge);
	return NULL;
}

static bool invite_lines(const struct bridge_call *call, char *buffer,
			 size_t size, str *lines)
{
	const str *contact = &adapter.set.bridge_contact;
	bool body = call->default_body || call->body.len > 0;
	int len = snprintf(buffer, size, "Contact: <%.*s>\r\n%s", contact->len,
			   contact->s,
			   body ? "Content-Type: application/sdp\r\n" : "");

	*lines = (str){buffer, len};
	return len > 0 && (size_t)len < size;
}

/* 0 or below: not sent, and the bridge is still the caller's. */
static int send_invite(struct bridge *bridge, const struct bridge_call *call)
{
	str body = call->default_body ? hold_sdp : call->body;
	char buffer[LINES_MAX];
	str lines;

	return invite_lines(call, buffer, sizeof(buffer), &lines)
		       ? send_request(bridge, "INVITE", &lines, &body,
				      on_invite_done)
		       : -1;
}

const char *bridge_start(const struct bridge_call *call)
{
	struct sip_uri parsed;
	str proxy = call->proxy;
	struct bridge *bridge;
	str from, to;
	int rc;

	if (!refer_uri(&call->from, &from))
		return "from must be a URI such as sip:alice@example.com";
	if (!refer_uri(&call->to, &to))
		return "to must be a URI such as sip:bob@example.com";
	if (proxy.len > 0 && parse_uri(proxy.s, proxy.len, &parsed) < 0)
		return "the outbound proxy must be a URI such as "
		       "sip:192.0.2.1:5060";
	bridge = bridge_new(call, from);
	if (!bridge)
		return "no shared memory left; start kamailio with a larger -m";
	rc = send_invite(bridge, call);
	if (rc > 0)
		return NULL;
	bridge_free(bridge);
	return rc == 0 ? "event_route[tm:local-request] has dropped the INVITE"
		       : "the INVITE could not be sent: no way to its "
			 "destination";
}
