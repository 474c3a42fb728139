/*
 * request.h - requests that the proxy sends itself, inside of a dialog
 *
 * What:    builds the request from what the engine knows (RFC 3261 12.2.1.1)
 *          and hands it to tm.
 * Owns:    nothing beyond the call; tm owns the transaction.
 * Locking: none is held; event_route[tm:local-request] may run inside.
 * Always:  each BYE that was asked for is reported to the engine once, as
 *          PARLEY_EV_BYE_DONE, whatever happens to it. Each keep-alive that
 *          was sent is reported as PARLEY_EV_PING_DONE, and each of
 *          create_dialog()'s also if it was not.
 * Why:     every request of ours takes its CSeq, route set and target from one
 *          place, so that they are right together.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "adapter.h"

/* The number of a leg that a request can be sent to: a dialog may have had so
 * many; PARLEY_LEGS_MAX of them are up at most. */
enum { REQUEST_LEG_MAX = 255 };

struct request_what {
	str method;
	enum parley_request_kind kind; /* an ACK is one whatever is said here */
	uint32_t leg;		       /* its number, to REQUEST_LEG_MAX */
	enum parley_direction towards;
	str headers;		/* whole lines (header_lines.h), or empty */
	str content_type, body; /* both or none */
	/* tm calls it when the final reply is there, or was made for a timeout,
	 * and when the transaction ends; NULL: nobody wants to know. It asks
	 * request_result() what happened. */
	transaction_cb *done;
	bool tell_sent; /* also when it is sent: TMCB_REQUEST_SENT */
};

/* Takes the next CSeq of that direction (an ACK its INVITE's, a keep-alive an
 * old one) and sends. To the callee with lreq_callee_headers. 1 sent; 0 stopped
 * by the script's event_route[tm:local-request], or a keep-alive that nobody
 * wants any more; -1 not sent, and logged. @done is called after a 1 only. */
int request_send(struct parley_id id, const struct request_what *what);

struct request_result {
	struct parley_id id; /* it may be gone by now */
	uint32_t leg;
	enum parley_direction towards;
	int code;	       /* 0: the transaction ended without a reply */
	struct sip_msg *reply; /* NULL: tm made it, or there is none */
};

/* For a @done: true once for each request, then @result is filled. */
bool request_result(int type, struct tmcb_params *params,
		    struct request_result *result);

/* @extra_hdrs: whole header lines, or NULL. 0, or -1: not sent, and reported
 * to the log and to the engine. */
int request_bye(struct parley_id id, const struct parley_action *action,
		const str *extra_hdrs);

/* A keep-alive, with dlg_extra_hdrs: OPTIONS, or a re-INVITE that says what was
 * said before. 0, or -1: not sent, and logged. */
int request_ping(struct parley_id id, const struct parley_action *action);

/* ACK for a 2xx that was not relayed. 0 or -1. */
int request_ack(struct parley_id id, const struct parley_action *action);

#endif
