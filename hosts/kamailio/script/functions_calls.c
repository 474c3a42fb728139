/* See functions_calls.h. */
#include "core/mod_fix.h"

#include "bridge.h"
#include "calls.h"
#include "cseq.h"
#include "fixups.h"
#include "functions_calls.h"
#include "ops.h"

/* ------------------------------------------------ fixups */

/* Puts the side in place of its word. */
static int fixup_side(const char *function, void **param, bool all)
{
	str text = {*param, (int)strlen(*param)};
	enum parley_side side = op_side(&text);

	if (!side || (side == PARLEY_SIDE_ALL && !all)) {
		LM_ERR("%s(\"%s\"): side must be caller%s callee%s\n", function,
		       text.s, all ? "," : " or", all ? " or all" : "");
		return E_CFG;
	}
	return fixup_put(param, (long)side);
}

int fixup_request(void **param, int param_no)
{
	return param_no == 1 ? fixup_side("dlg_req_within", param, true)
			     : fixup_spve_null(param, 1);
}

int fixup_sequential(void **param, int param_no)
{
	str text = {*param, (int)strlen(*param)};
	enum parley_side side = op_side(&text);

	if (param_no == 2 && !strchr(text.s, '$') &&
	    (!side || side == PARLEY_SIDE_ALL)) {
		LM_ERR("dlg_send_sequential(): side \"%s\" must be caller or "
		       "callee\n",
		       text.s);
		return E_CFG;
	}
	return cseq_need() < 0 ? E_CFG : fixup_spve_null(param, 1);
}

int fixup_refer(void **param, int param_no)
{
	return param_no == 1 ? fixup_side("dlg_refer", param, false)
			     : fixup_spve_null(param, 1);
}

int fixup_refer_did(void **param, int param_no)
{
	return param_no <= 2 ? fixup_igp_null(param, 1)
			     : fixup_spve_null(param, 1);
}

/* ------------------------------------------------ kamailio.cfg */

/* False, and a log line: the variables in it have no value. */
static bool take_text(struct sip_msg *msg, const char *function, char *param,
		      str *text)
{
	*text = (str){0};
	if (!param || text_of(msg, param, text))
		return true;
	log_limited(LOG_CAUSE_SCRIPT, L_ERR, "%s: a parameter has no value\n",
		    function);
	return false;
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int f_request5(struct sip_msg *msg, char *side, char *method, char *headers,
	       char *ctype, char *body)
{
	const char *function = "dlg_req_within()";
	struct calls_request request = {.side = (enum parley_side)(long)side};

	if (!take_text(msg, function, method, &request.method) ||
	    !take_text(msg, function, headers, &request.headers) ||
	    !take_text(msg, function, ctype, &request.content_type) ||
	    !take_text(msg, function, body, &request.body))
		return -1;
	return calls_request(msg, &request);
}

int f_request4(struct sip_msg *msg, char *side, char *method, char *ctype,
	       char *body)
{
	return f_request5(msg, side, method, NULL, ctype, body);
}

int f_request3(struct sip_msg *msg, char *side, char *method, char *headers)
{
	return f_request5(msg, side, method, headers, NULL, NULL);
}

int f_request2(struct sip_msg *msg, char *side, char *method)
{
	return f_request5(msg, side, method, NULL, NULL, NULL);
}

/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int f_sequential5(struct sip_msg *msg, char *method, char *side, char *body,
		  char *ctype, char *headers)
{
	const char *function = "dlg_send_sequential()";
	struct calls_request request = {0};
	str name;

	if (!take_text(msg, function, side, &name))
		return -1;
	request.side = op_side(&name);
	if (!take_text(msg, function, method, &request.method) ||
	    !take_text(msg, function, body, &request.body) ||
	    !take_text(msg, function, ctype, &request.content_type) ||
	    !take_text(msg, function, headers, &request.headers))
		return -1;
	return calls_sequential(msg, &request);
}

int f_sequential4(struct sip_msg *msg, char *method, char *side, char *body,
		  char *ctype)
{
	return f_sequential5(msg, method, side, body, ctype, NULL);
}

int f_sequential3(struct sip_msg *msg, char *method, char *side, char *body)
{
	return f_sequential5(msg, method, side, body, NULL, NULL);
}

int f_sequential2(struct sip_msg *msg, char *method, char *side)
{
	return f_sequential5(msg, method, side, NULL, NULL, NULL);
}

int f_refer(struct sip_msg *msg, char *side, char *param)
{
	str address;

	if (!take_text(msg, "dlg_refer()", param, &address))
		return -1;
	return calls_refer(msg, (enum parley_side)(long)side, &address);
}

int f_refer_did(struct sip_msg *msg, char *p1, char *p2, char *p3, char *p4)
{
	const char *function = "dlg_refer_did()";
	int entry, number;
	str side, address;

	if (!int_of(msg, p1, &entry) || !int_of(msg, p2, &number)) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "%s: h_entry and h_id must be numbers\n", function);
		return -1;
	}
	if (!take_text(msg, function, p3, &side) ||
	    !take_text(msg, function, p4, &address))
		return -1;
	return ki_refer_did(msg, entry, number, &side, &address);
}

int f_refer_cid(struct sip_msg *msg, char *p1, char *p2, char *p3)
{
	const char *function = "dlg_refer_cid()";
	str callid, side, address;

	if (!take_text(msg, function, p1, &callid) ||
	    !take_text(msg, function, p2, &side) ||
	    !take_text(msg, function, p3, &address))
		return -1;
	return ki_refer_cid(msg, &callid, &side, &address);
}

int f_bridge(struct sip_msg *msg, char *p1, char *p2, char *p3)
{
	const char *function = "dlg_bridge()";
	str from, to, proxy;

	if (!take_text(msg, function, p1, &from) ||
	    !take_text(msg, function, p2, &to) ||
	    !take_text(msg, function, p3, &proxy))
		return -1;
	return ki_bridge(msg, &from, &to, &proxy);
}

int f_set_ruri(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return calls_set_ruri(msg);
}

/* ------------------------------------------------ KEMI */

static str text_or_empty(const str *text)
{
	return text && text->s && text->len > 0 ? *text : (str){0};
}

/* As in the stock module, no side means both. */
/* NOLINTNEXTLINE(readability-function-size): Kamailio has it so. */
int ki_request5(sip_msg_t *msg, str *side, str *method, str *headers,
		str *ctype, str *body)
{
	const struct calls_request request = {
		.side = side->len > 0 ? op_side(side) : PARLEY_SIDE_ALL,
		.method = text_or_empty(method),
		.headers = text_or_empty(headers),
		.content_type = text_or_empty(ctype),
		.body = text_or_empty(body),
	};

	return calls_request(msg, &request);
}

int ki_request4(sip_msg_t *msg, str *side, str *method, str *ctype, str *body)
{
	return ki_request5(msg, side, method, NULL, ctype, body);
}

int ki_request3(sip_msg_t *msg, str *side, str *method, str *headers)
{
	return ki_request5(msg, side, method, headers, NULL, NULL);
}

int ki_request2(sip_msg_t *msg, str *side, str *method)
{
	return ki_request5(msg, side, method, NULL, NULL, NULL);
}

/* NOLINTNEXTLINE(readability-function-size): one for each parameter. */
int ki_sequential(sip_msg_t *msg, str *method, str *side, str *body, str *ctype,
		  str *headers)
{
	const struct calls_request request = {
		.side = op_side(side),
		.method = text_or_empty(method),
		.headers = text_or_empty(headers),
		.content_type = text_or_empty(ctype),
		.body = text_or_empty(body),
	};

	return calls_sequential(msg, &request);
}

int ki_refer(sip_msg_t *msg, str *side, str *address)
{
	return calls_refer(msg, op_side(side), address);
}

int ki_refer_did(sip_msg_t *msg, int entry, int number, str *side, str *address)
{
	const struct parley_id id = {
		.entry = entry < 0 ? 0 : (uint32_t)entry,
		.id = number < 0 || entry < 0 ? 0 : (uint32_t)number,
	};

	(void)msg;
	return calls_refer_id(id, op_side(side), address);
}

int ki_refer_cid(sip_msg_t *msg, str *callid, str *side, str *address)
{
	(void)msg;
	return calls_refer_callid(callid, op_side(side), address);
}

int ki_bridge(sip_msg_t *msg, str *from, str *to, str *proxy)
{
	const struct bridge_call call = {
		.from = text_or_empty(from),
		.to = text_or_empty(to),
		.proxy = text_or_empty(proxy),
		.default_body = true,
	};
	const char *fault = bridge_start(&call);

	(void)msg;
	if (fault)
		log_limited(LOG_CAUSE_SCRIPT, L_ERR, "dlg_bridge(): %s\n",
			    fault);
	return fault ? -1 : 1;
}
