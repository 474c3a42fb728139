/*
 * pv_call.h - $DLG_timeout, $DLG_del_delay, $DLG_end_reason
 *
 * What:    variables of OpenSIPS for the current call, or for the one that will
 *          be made of the message.
 * Owns:    nothing.
 * Locking: none.
 * Always:  a number may be assigned as text, too; what is none is refused with
 *          one line and changes nothing.
 * Why:     pv.c has Kamailio's.
 */
#ifndef PV_CALL_H
#define PV_CALL_H

#include "core/pvar.h"

#include "adapter.h"

int pv_get_timeout(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);
int pv_set_timeout(struct sip_msg *msg, pv_param_t *param, int op,
		   pv_value_t *value);
int pv_get_del_delay(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);
int pv_set_del_delay(struct sip_msg *msg, pv_param_t *param, int op,
		     pv_value_t *value);
/* A script that has it gets the delays of stored calls back. */
int pv_init_del_delay(pv_spec_p spec, int param);
int pv_get_end_reason(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);

#endif
