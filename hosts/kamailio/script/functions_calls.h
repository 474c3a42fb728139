/*
 * functions_calls.h - script and KEMI functions that send requests
 *
 * What:    dlg_req_within(), dlg_send_sequential(), dlg_refer() and its like,
 * dlg_bridge() and dlg_set_ruri(), for the tables in functions.c and kemi.c.
 * Owns:    nothing.
 * Locking: none.
 * Why:     functions.c would be too long with them.
 */
#ifndef FUNCTIONS_CALLS_H
#define FUNCTIONS_CALLS_H

#include "adapter.h"
#include "core/kemi.h"

/* kamailio.cfg; parameters as the fixups have left them. */
int fixup_request(void **param, int param_no);	  /* side, texts */
int fixup_sequential(void **param, int param_no); /* texts; 2: caller, callee */
int fixup_refer(void **param, int param_no);	  /* caller or callee, text */
int fixup_refer_did(void **param, int param_no);  /* 2 numbers, 2 texts */

int f_request2(struct sip_msg *msg, char *side, char *method);
int f_request3(struct sip_msg *msg, char *side, char *method, char *headers);
int f_request4(struct sip_msg *msg, char *side, char *method, char *ctype,
	       char *body);
int f_request5(struct sip_msg *msg, char *side, char *method, char *headers,
	       char *ctype, char *body);
int f_sequential2(struct sip_msg *msg, char *method, char *side);
int f_sequential3(struct sip_msg *msg, char *method, char *side, char *body);
int f_sequential4(struct sip_msg *msg, char *method, char *side, char *body,
		  char *ctype);
int f_sequential5(struct sip_msg *msg, char *method, char *side, char *body,
		  char *ctype, char *headers);
int f_refer(struct sip_msg *msg, char *side, char *address);
int f_refer_did(struct sip_msg *msg, char *entry, char *number, char *side,
		char *address);
int f_refer_cid(struct sip_msg *msg, char *callid, char *side, char *address);
int f_bridge(struct sip_msg *msg, char *from, char *to, char *proxy);
int f_set_ruri(struct sip_msg *msg, char *p1, char *p2);

/* KEMI */
int ki_request2(sip_msg_t *msg, str *side, str *method);
int ki_request3(sip_msg_t *msg, str *side, str *method, str *headers);
int ki_request4(sip_msg_t *msg, str *side, str *method, str *ctype, str *body);
int ki_request5(sip_msg_t *msg, str *side, str *method, str *headers,
		str *ctype, str *body);
int ki_sequential(sip_msg_t *msg, str *method, str *side, str *body, str *ctype,
		  str *headers);
int ki_refer(sip_msg_t *msg, str *side, str *address);
int ki_refer_did(sip_msg_t *msg, int entry, int number, str *side,
		 str *address);
int ki_refer_cid(sip_msg_t *msg, str *callid, str *side, str *address);
int ki_bridge(sip_msg_t *msg, str *from, str *to, str *proxy);

#endif
