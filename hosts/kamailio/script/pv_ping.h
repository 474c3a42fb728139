/*
 * pv_ping.h - $DLG_options_ping_interval, $DLG_reinvite_ping_interval
 *
 * What:    the functions behind these two variables, for the table in pv.c.
 * Owns:    nothing; what is set before there is a dialog waits in the message's
 *          context.
 * Locking: none.
 * Why:     a call may be pinged at intervals of its own.
 */
#ifndef PV_PING_H
#define PV_PING_H

#include "core/pvar.h"

int pv_options_interval_get(struct sip_msg *msg, pv_param_t *param,
			    pv_value_t *res);
int pv_options_interval_set(struct sip_msg *msg, pv_param_t *param, int op,
			    pv_value_t *value);
int pv_reinvite_interval_get(struct sip_msg *msg, pv_param_t *param,
			     pv_value_t *res);
int pv_reinvite_interval_set(struct sip_msg *msg, pv_param_t *param, int op,
			     pv_value_t *value);

#endif
