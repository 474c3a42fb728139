/*
 * The RPC commands that count, and the table of all.
 *
 * They run in any process: ctl, jsonrpcs, a SIP worker that serves HTTP or
 * calls them from the script. So they keep nothing and wait for nothing.
 */
#include "exports.h"
#include "rpc_args.h"
#include "rpc_bridge.h"
#include "rpc_counts.h"
#include "rpc_db.h"
#include "rpc_dlg2.h"
#include "rpc_dump.h"
#include "rpc_end.h"
#include "rpc_list.h"
#include "rpc_match.h"
#include "rpc_mi.h"
#include "rpc_profiles.h"
#include "rpc_state.h"

static void rpc_profile_get_size(rpc_t *rpc, void *c)
{
	struct rpc_profile which;
	uint32_t size;
	int error;

	if (!rpc_profile_next(rpc, c, &which))
		return;
	error = parley_profile_size(adapter.engine, which.profile, which.value,
				    &size);
	if (error < 0)
		rpc->fault(c, 500, "%s", parley_error_text(error));
	else
		rpc->add(c, "d", (int)size);
}

static int count_in(enum parley_state state)
{
	return (int)parley_count(adapter.engine, state);
}

static void rpc_stats_active(rpc_t *rpc, void *c)
{
	int starting = count_in(PARLEY_STATE_UNCONFIRMED);
	int connecting = count_in(PARLEY_STATE_EARLY);
	int answering = count_in(PARLEY_STATE_ANSWERED);
	int ongoing = count_in(PARLEY_STATE_CONFIRMED);
	uint32_t own;
	void *h;

	/* All dialogs are our own, so the parameter changes nothing. */
	if (rpc_number_next(rpc, c, "own", &own) == RPC_ARG_BAD ||
	    !rpc_no_more(rpc, c))
		return;
	if (rpc->add(c, "{", &h) < 0 ||
	    rpc->struct_add(h, "ddddd", "starting", starting, "connecting",
			    connecting, "answering", answering, "ongoing",
			    ongoing, "all",
			    starting + connecting + answering + ongoing) < 0)
		rpc->fault(c, 500, "Server failure");
}

static bool add_stats(rpc_t *rpc, void *h, const struct parley_stats *s)
{
	const struct rpc_count counts[] = {
		{"unconfirmed", s->now_in[PARLEY_STATE_UNCONFIRMED]},
		{"early", s->now_in[PARLEY_STATE_EARLY]},
		{"answered", s->now_in[PARLEY_STATE_ANSWERED]},
		{"confirmed", s->now_in[PARLEY_STATE_CONFIRMED]},
		{"deleted", s->now_in[PARLEY_STATE_DELETED]},
		{"legs", s->legs},
		{"processed", s->processed},
		{"expired", s->expired},
		{"failed", s->failed},
		{"ended_by_caller", s->ended_by_caller},
		{"ended_by_callee", s->ended_by_callee},
		{"ended_by_us", s->ended_by_us},
		{"forgotten_early", s->forgotten_early},
		{"bogus_no_dialog", s->bogus_no_dialog},
		{"bogus_no_leg", s->bogus_no_leg},
		{"bogus_event", s->bogus_event},
		{"bogus_cseq", s->bogus_cseq},
		{"bogus_target", s->bogus_target},
		{"bogus_route", s->bogus_route},
		{"legs_refused", s->legs_refused},
		{"limit_refused", s->limit_refused},
		{"no_memory", s->no_memory},
		{"turns_missed", s->turns_missed},
		{"quarantined", s->quarantined},
		{"memory_bytes", s->memory_bytes},
		{"timer_lag_ms", s->timer_lag_ms},
		{"profile_members", s->profile_members},
		{"remote_members", s->remote_members},
	};

	return rpc_add_counts(rpc, h, counts,
			      sizeof(counts) / sizeof(counts[0]));
}

static void rpc_stats(rpc_t *rpc, void *c)
{
	struct parley_stats stats = {0};
	void *h;

	if (!rpc_no_more(rpc, c))
		return;
	parley_get_stats(adapter.engine, &stats);
	if (rpc->add(c, "{", &h) < 0 || !add_stats(rpc, h, &stats))
		rpc->fault(c, 500, "Server failure");
}

#define DOC(name, text) static const char *name[] = {text, NULL}

DOC(doc_list, "List all dialogs: [limit [h_entry h_id]]; the ids are those of "
	      "the last dialog of the page before");
DOC(doc_list_ctx, "As dlg.list, with what other modules add");
DOC(doc_list_match, "List the dialogs that fit: key operator value [limit]; "
		    "key of ruri furi turi callid start_ts; operator of eq re "
		    "sw for texts, of gt lt eq for start_ts");
DOC(doc_list_match_ctx, "As dlg.list_match, with what other modules add");
DOC(doc_dlg_list, "List the dialogs of a call: callid [from_tag]");
DOC(doc_dlg_list_ctx, "As dlg.dlg_list, with what other modules add");
DOC(doc_briefing, "List dialogs in short: [letters [limit [h_entry h_id]]]; "
		  "letters of f t c F T I S E s");
DOC(doc_dump_file, "Append all dialogs to a file below dump_dir: name");
DOC(doc_end_dlg, "End a call: h_entry h_id [extra headers]");
DOC(doc_terminate_dlg,
    "End a call: callid from_tag to_tag [extra headers]; the to_tag of a call "
    "that nobody has answered may be empty");
DOC(doc_bridge_dlg, "Bring two parties together: from to [outbound proxy or .] "
		    "[body, . for the usual or _ for none]");
DOC(doc_set_state, "Set the state of a call, by default 5: callid from_tag "
		   "to_tag [state]; nothing is sent and no route runs");
DOC(doc_is_alive, "Tell whether a call is confirmed: callid from_tag to_tag");
DOC(doc_profile_size, "Count the dialogs in a profile: profile [value]");
DOC(doc_profile_list, "List the dialogs in a profile: profile [value]");
DOC(doc_stats_active, "Count the calls by state");
DOC(doc_stats, "All counters");
DOC(doc_db_stats, "How far the database is behind, and what was written");
DOC(doc_db_flush, "Write what waits for the database now");
DOC(doc_db_adopt, "Take over the calls of a node that is gone: node");
DOC(doc_db_load_callid, "Load the calls of a Call-ID: callid");
DOC(doc_db_load_extra, "Load what is in the database and not in memory");
DOC(doc_dlg2_list, "List all dialogs as ims_dialog does: [limit [h_entry "
		   "h_id]]; the ids are those of the last dialog of the page "
		   "before");
DOC(doc_dlg2_end_dlg, "End a call: h_entry h_id [extra headers]");
DOC(doc_dlg2_end_all, "End all calls that are confirmed");

DOC(doc_mi_list, "List all dialogs, or those of a call: [callid [from_tag]]");
DOC(doc_mi_list_ctx, "As dlg_list, with what other modules add");
DOC(doc_mi_end_dlg, "End a call: h_entry h_id [extra headers], or DID or "
		    "Call-ID [extra headers]");
DOC(doc_mi_bridge, "Bring two parties together: from to [outbound proxy]");
DOC(doc_profile_values, "Count the dialogs of each value: profile");
DOC(doc_profile_end, "End the calls in a profile: profile [value]");
DOC(doc_all_profiles, "List the profiles");
DOC(doc_set_profile, "Put a call into a profile: DID or Call-ID, profile "
		     "[value [1 to leave its other values]]");
DOC(doc_unset_profile, "Take a call out of a profile: DID or Call-ID, profile "
		       "[value]");
DOC(doc_push_var, "Set a variable of calls: name value, DIDs or Call-IDs");

/* clang-format off */
rpc_export_t adapter_rpcs[] = {
	{"dlg.list", rpc_list, doc_list, RET_ARRAY},
	{"dlg.list_ctx", rpc_list_ctx, doc_list_ctx, RET_ARRAY},
	{"dlg.list_match", rpc_list_match, doc_list_match, RET_ARRAY},
	{"dlg.list_match_ctx", rpc_list_match_ctx, doc_list_match_ctx,
	 RET_ARRAY},
	{"dlg.dlg_list", rpc_dlg_list, doc_dlg_list, 0},
	{"dlg.dlg_list_ctx", rpc_dlg_list_ctx, doc_dlg_list_ctx, 0},
	{"dlg.briefing", rpc_briefing, doc_briefing, RET_ARRAY},
	{"dlg.dump_file", rpc_dump_file, doc_dump_file, 0},
	{"dlg.end_dlg", rpc_end_dlg, doc_end_dlg, 0},
	{"dlg.terminate_dlg", rpc_terminate_dlg, doc_terminate_dlg, 0},
	{"dlg.bridge_dlg", rpc_bridge_dlg, doc_bridge_dlg, 0},
	{"dlg.profile_get_size", rpc_profile_get_size, doc_profile_size, 0},
	{"dlg.profile_list", rpc_profile_list, doc_profile_list, RET_ARRAY},
	{"dlg.set_state", rpc_set_state, doc_set_state, 0},
	{"dlg.is_alive", rpc_is_alive, doc_is_alive, 0},
	{"dlg.stats_active", rpc_stats_active, doc_stats_active, 0},
	{"dlg.stats", rpc_stats, doc_stats, 0},
	{"dlg.db_stats", rpc_db_stats, doc_db_stats, 0},
	{"dlg.db_flush", rpc_db_flush, doc_db_flush, 0},
	{"dlg.db_adopt", rpc_db_adopt, doc_db_adopt, 0},
	{"dlg.db_load_callid", rpc_db_load_callid, doc_db_load_callid, 0},
	{"dlg.db_load_extra", rpc_db_load_extra, doc_db_load_extra, 0},
	{"dlg_list", rpc_mi_list, doc_mi_list, RET_ARRAY},
	{"dlg_list_ctx", rpc_mi_list_ctx, doc_mi_list_ctx, RET_ARRAY},
	{"dlg_end_dlg", rpc_mi_end_dlg, doc_mi_end_dlg, 0},
	{"dlg_terminate_dlg", rpc_mi_terminate_dlg, doc_terminate_dlg, 0},
	{"dlg_bridge", rpc_bridge_dlg, doc_mi_bridge, 0},
	{"profile_get_size", rpc_profile_get_size, doc_profile_size, 0},
	{"profile_list_dlgs", rpc_profile_list, doc_profile_list, RET_ARRAY},
	{"profile_get_values", rpc_profile_get_values, doc_profile_values,
	 RET_ARRAY},
	{"profile_end_dlgs", rpc_profile_end_dlgs, doc_profile_end, 0},
	{"list_all_profiles", rpc_list_all_profiles, doc_all_profiles,
	 RET_ARRAY},
	{"set_profile", rpc_set_profile, doc_set_profile, 0},
	{"unset_profile", rpc_unset_profile, doc_unset_profile, 0},
	{"push_var", rpc_mi_push_var, doc_push_var, 0},
	{"dlg2.list", rpc_dlg2_list, doc_dlg2_list, 0},
	{"dlg2.end_dlg", rpc_dlg2_end_dlg, doc_dlg2_end_dlg, 0},
	{"dlg2.end_all_active_dlg", rpc_dlg2_end_all, doc_dlg2_end_all, 0},
	{0},
};
/* clang-format on */
