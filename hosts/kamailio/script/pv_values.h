/*
 * pv_values.h - $dlg_val(name), $DLG_flags, $DLG_dir, $DLG_did
 *
 * What:    variables under the names of OpenSIPS, for the table in pv.c.
 * Owns:    nothing.
 * Always:  $DLG_flags and $DLG_dir are $null on a request until it was matched,
 *          as $DLG_status is.
 * Why:     the rules behind them are in values.h.
 */
#ifndef PV_VALUES_H
#define PV_VALUES_H

#include "core/pvar.h"

int pv_val_parse(pv_spec_p spec, str *in);
int pv_val_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);
int pv_val_set(struct sip_msg *msg, pv_param_t *param, int op,
	       pv_value_t *value);

int pv_flags_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);
int pv_flags_set(struct sip_msg *msg, pv_param_t *param, int op,
		 pv_value_t *value);
int pv_dir_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);
int pv_did_get(struct sip_msg *msg, pv_param_t *param, pv_value_t *res);

#endif
