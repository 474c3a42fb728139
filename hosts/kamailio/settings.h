/*
 * settings.h - targets of modparam(), in their units
 *
 * What:    what the configuration says, as params.c and params_db.c read it.
 * Owns:    nothing; the one copy is adapter.set (adapter.h), whose defaults are
 *          in mod.c.
 * Always:  written while the configuration is read, only read afterwards.
 * Why:     a field here is a parameter of docs/parameters.md.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "compat.h"
#include "parley.h"

/* What belongs to the database; names of tables and columns (params_db.c). */
struct adapter_db {
	int mode, update_period, fetch_rows, skip_load;
	int load_wait;	  /* seconds before the first SIP message */
	int journal_size; /* MB */
	int journal_sync;
	str journal_dir; /* empty: the default, which may be missing */
	str node;	 /* who owns the rows; empty: there is one node only */
	str url, table, vars_table, more_table;
	str callid, from_uri, from_tag, to_uri, to_tag, h_id, h_entry;
	str state, start_time, timeout, sflags, toroute_name;
	str caller_cseq, callee_cseq, caller_route, callee_route;
	str caller_contact, callee_contact, caller_sock, callee_sock;
	str vars_h_id, vars_h_entry, vars_key, vars_value;
};

struct adapter_settings {
	int hash_size, enable_stats, dlg_flag, dlg_match_mode, detect_spirals;
	int default_timeout, early_timeout, noack_timeout, end_timeout;
	int delete_delay, race_condition_timeout, event_states;
	int timeout_noreset, initial_cbs_inscript, wait_ack;
	int send_bye; /* -1: not given */
	int log_profile_hash_size;
	int bye_on_timeout_flag; /* a message flag; -1: none */
	int early_timeout_end, rpc_list_max, memory_piece;
	int early_code; /* 0: 480, or 488 as ims_dialog and dialog_ng */
	int ka_timer, ka_interval, ka_failed_limit;
	int options_ping_interval, reinvite_ping_interval, ping_lost_limit;
	int keep_proxy_rr; /* bits: 1 callee's leg, 2 caller's leg */
	int dlg_filter_mode, track_cseq_updates, timer_procs;
	int value_index;
	int h_id_start, h_id_step; /* start -1: the server's id */
	int auto_prack_fr_timeout, auto_prack_hangup_on_failure;
	int dlg_mode, dlg_ctxiuid_mode, debug_variables;
	int enable_dmq, dmq_ka_iflags_sync, dmq_load_callbacks;
	str rr_param, extra_hdrs, early_reason;
	str lreq_callee_headers, bridge_controller, bridge_contact;
	str event_callback, dmq_peer_id, dump_dir, xavp_cfg;
	str mi_fifo, mi_fifo_reply_dir; /* terminated; mi_fifo empty: off */
	pv_elem_t *ruri_pvar;		/* what $dlg(req_uri) is made from */
	struct adapter_db db;
	pv_spec_t timeout_avp;
	bool has_timeout_avp;
	/* profiles_with_value and profiles_no_value, known as soon as the file
	 * is parsed; names are terminated. */
	struct parley_profile_config profiles[PARLEY_PROFILES_MAX];
	uint32_t profile_count;
};

#endif
