"""The faults that are planted: one text of one file becomes another.

Each must occur exactly once. `e2e` names the end-to-end cases that have to find
a fault of the adapter; faults of the engine are found by unit tests and by the
simulator.
"""

from collections import namedtuple

Fault = namedtuple("Fault", "name file old new e2e", defaults=((),))

FAULTS = [
    # ------------------------------------------------- locks, references
    Fault("lost_unlock", "src/profile.c",
          "\tprofile_unlock(engine, shard);\n\tif (rc == PARLEY_E_FULL)",
          "\tif (rc == PARLEY_E_FULL)"),
    Fault("lost_unlock_of_a_shard", "src/settings.c",
          "\t\tdialog->flags = *flagsp;\n\t\tcopy_changed(engine, dialog);\n"
          "\t}\n\tdialog_unlock(engine, id);",
          "\t\tdialog->flags = *flagsp;\n\t\tcopy_changed(engine, dialog);\n"
          "\t}"),
    Fault("note_without_reference", "src/notify.c",
          "\tdialog->refs++;\n\tif ((uint16_t)", "\tif ((uint16_t)"),
    Fault("subscribers_under_the_lock", "src/notify.c",
          "\tcount = own == NULL ? 0 : own->count;\n"
          "\tunlock_of(engine, dialog);",
          "\tcount = own == NULL ? 0 : own->count;"),
    Fault("pins_for_ever", "src/area.c",
          "\t\tarea->pins_warned = true;\n", ""),
    Fault("pin_of_another", "src/area.c",
          "area == NULL || area->host != host", "area == NULL"),
    Fault("shown_text_is_freed", "src/area.c",
          "\tif (area == NULL || text->own)\n", "\tif (true)\n"),
    Fault("last_subscriber_is_lost", "src/notify.c",
          "for (uint8_t i = count; i > 0; i--)",
          "for (uint8_t i = count; i > 1; i--)"),

    # ------------------------------------------------- the table
    Fault("cell_2xx_confirms", "src/fsm.c",
          "[PARLEY_STATE_EARLY] = {\n"
          "\t[T_REPLY_1XX]     = TO(EARLY, N_EARLY), "
          "/* each one, as stock does */\n"
          "\t[T_REPLY_2XX]     = TO(ANSWERED, N_ANSWERED),",
          "[PARLEY_STATE_EARLY] = {\n"
          "\t[T_REPLY_1XX]     = TO(EARLY, N_EARLY), "
          "/* each one, as stock does */\n"
          "\t[T_REPLY_2XX]     = TO(CONFIRMED, N_ANSWERED),"),
    Fault("end_of_ours_is_told_late", "src/terminate.c",
          "\t\t\tstep->notes |= PARLEY_NOTE_TERMINATED;\n",
          "\t\t\tstep->notes |= 0;\n"),
    Fault("end_is_told_twice", "src/feed.c",
          "\tdialog->end_noted = (notes & ends) != 0;\n",
          "\tdialog->end_noted = false;\n"),
    Fault("marks_of_modules_are_lost", "hosts/kamailio/within.c",
          "\t\tt->uas.request->msg_flags |= msg->msg_flags & ~before;\n",
          "\t\tt->uas.request->msg_flags |= before & ~before;\n",
          ("mod_uac.both", "mod_siptrace.rows")),
    Fault("cell_late_failure_ends", "src/fsm.c",
          "\t[T_REPLY_FAIL]    = TO(ANSWERED, 0), "
          "/* late, of another branch */",
          "\t[T_REPLY_FAIL]    = TO(DELETED, N_FAILED),"),
    Fault("cell_cancel_ends", "src/fsm.c",
          "\t[T_CANCEL]        = TO(UNCONFIRMED, 0),",
          "\t[T_CANCEL]        = TO(DELETED, N_FAILED),"),
    Fault("cell_without_note", "src/fsm.c",
          "\t[T_ACK]           = TO(CONFIRMED, N_CONFIRMED),",
          "\t[T_ACK]           = TO(CONFIRMED, 0),"),

    # ------------------------------------------------- counting
    Fault("missed_decrement_of_a_state", "src/dialog.c",
          "\tif (old != PARLEY_STATE_NONE)\n"
          "\t\tcount_one_less(&engine->count.in_state[old]);\n", ""),
    Fault("missed_decrement_of_a_value", "src/profile.c",
          "\tvalue->count--;\n", ""),
    Fault("missed_count_of_legs", "src/leg.c",
          "\t\t\t*link = leg->next;\n\t\t\tdialog->leg_count--;",
          "\t\t\t*link = leg->next;"),
    Fault("limit_off_by_one", "src/profile.c",
          "value->count >= limit", "value->count > limit"),
    Fault("once_is_ignored", "src/profile.c",
          "\telse if (once && list_holds(dialog->members, key))\n"
          "\t\trc = 1;\n\tdialog_unlock(engine, id);",
          "\tdialog_unlock(engine, id);"),
    Fault("ended_call_keeps_its_places", "src/feed.c",
          "\tprofile_leave_all(step->engine, step->members);\n", ""),
    Fault("id_class_is_ignored", "src/dialog.c",
          "\t\tid += config->h_id_start % config->h_id_step;\n", ""),

    # ------------------------------------------------- our requests
    Fault("cseq_off_by_one", "src/cseq.c", "return ++*last;",
          "return *last += 2;"),
    Fault("cseq_not_advanced", "src/cseq.c", "return ++*last;",
          "return *last + 1;"),
    Fault("cseq_of_the_ack", "src/request.c",
          "return way->leg->invite_cseq;", "return way->leg->invite_cseq + 1;"),
    Fault("swapped_targets", "src/request.c",
          "text_str(downstream ? &leg->contact : &dialog->contact)",
          "text_str(downstream ? &dialog->contact : &leg->contact)"),
    Fault("swapped_direction_of_a_bye", "src/terminate.c",
          "\t\tleg->bye_callee = true;\n"
          "\t\tsend_bye(step, leg, PARLEY_DIR_DOWNSTREAM);\n"
          "\t\tasked = true;",
          "\t\tleg->bye_callee = true;\n"
          "\t\tsend_bye(step, leg, PARLEY_DIR_UPSTREAM);\n"
          "\t\tasked = true;"),
    Fault("bye_before_the_ack", "src/terminate.c",
          "\t\tif (leg->state == PARLEY_LEG_CONFIRMED)\n", "\t\tif (true)\n"),
    Fault("bye_for_each_repeated_2xx", "src/terminate.c",
          "\tif (!leg->bye_callee) {\n\t\tleg->bye_callee = true;",
          "\tif (true) {\n\t\tleg->bye_callee = true;"),
    Fault("crossing_2xx_without_ack", "src/terminate.c",
          "\tstep_action(step, (struct parley_action){"
          ".type = PARLEY_ACT_ACK,\n", "\tstep_action(step, "
          "(struct parley_action){.type = PARLEY_ACT_SWALLOW,\n"),
    Fault("ended_call_does_not_linger", "src/dialog.c",
          "\tdialog->linger =\n", "\tdialog->linger = false &&\n"),
    Fault("one_side_ends_both", "src/terminate.c",
          "\tdialog->end_sides |= (uint8_t)side;",
          "\tdialog->end_sides = PARLEY_SIDE_ALL;"),

    # ------------------------------------------------- keep-alives
    Fault("keepalives_all_at_once", "src/ping.c",
          "(uint64_t)dialog->id.id * engine->config.ping_spread_ms >> 31",
          "0 * (uint64_t)dialog->id.id * engine->config.ping_spread_ms"),
    Fault("keepalives_lose_their_phase", "src/ping.c",
          "(late / interval + 1) * interval", "late + interval"),
    Fault("keepalives_of_replicas", "src/ping.c",
          "!copy_replica(dialog) && ", ""),
    Fault("keepalive_uses_a_number", "src/cseq.c",
          "last > 1 ? last - 1 : last", "last + 1"),
    Fault("answer_clears_no_failures", "src/ping.c",
          "\t\t*lost = 0;\n\t\treturn 0;", "\t\treturn 0;"),
    Fault("failure_prolongs", "src/ping.c",
          "\tif (dialog->due_lifetime_ms <= until)\n\t\treturn;\n", ""),
    Fault("one_lost_leg_ends_all", "src/ping.c",
          "if (leg_up(leg) && !leg_lost(engine, leg))",
          "if (leg->next && !leg_lost(engine, leg))"),
    Fault("keepalive_to_a_leg_without_ack", "src/ping.c",
          "\t    leg->state != PARLEY_LEG_CONFIRMED ||\n"
          "\t    (engine->config.local_only",
          "\t    !leg_up(leg) ||\n\t    (engine->config.local_only"),
    Fault("calls_of_others_expire", "src/expire.c",
          "return step->engine->config.local_only && !step->dialog->socket;",
          "return step->engine->config.local_only && !step->dialog;"),
    Fault("keepalives_do_not_start_in_mid_call", "src/settings.c",
          "\tping_update_locked(engine, dialog, now);\n", ""),
    Fault("answers_to_keepalives_are_lost", "hosts/kamailio/request.c",
          "report_done(PARLEY_EV_PING_DONE,", "report_done(PARLEY_EV_BYE_DONE,",
          ("keepalive.lost",)),
    Fault("keepalive_without_extra_headers", "hosts/kamailio/request.c",
          "\t\t.headers = adapter.set.extra_hdrs,\n\t\t.done = on_ping_done",
          "\t\t.done = on_ping_done", ("keepalive.asked",)),
    Fault("property_before_the_dialog_is_lost", "hosts/kamailio/sip_in.c",
          ".options = ctx->options |", ".options = 0 |",
          ("keepalive.properties",)),

    # ------------------------------------------------- matching
    Fault("skipped_tag_check", "src/match.c",
          "\tif (str_equal(query->from_tag, caller)) {", "\tif (true) {"),
    Fault("skipped_callid_check", "src/match.c",
          "\tif (str_equal(dialog_callid(dialog), query->callid))\n", ""),
    Fault("ended_calls_are_found", "src/match.c",
          "(tags.callee.len > 0 || dialog->state != PARLEY_STATE_DELETED)",
          "(true)"),

    # ------------------------------------------------- messages
    Fault("target_of_the_wrong_party", "src/feed.c",
          "\t\t\t    step->dir == PARLEY_DIR_DOWNSTREAM\n"
          "\t\t\t\t    ? PARLEY_DIR_UPSTREAM\n"
          "\t\t\t\t    : PARLEY_DIR_DOWNSTREAM);",
          "\t\t\t    step->dir);"),
    Fault("repeated_2xx_undoes_refresh", "src/feed.c",
          "\telse if (leg->state == PARLEY_LEG_EARLY || leg->assumed ||\n",
          "\telse if (leg->state != PARLEY_LEG_ENDED || leg->assumed ||\n"),
    Fault("any_bye_ends_the_call", "src/feed.c",
          "\t\t    !leg_others_up(dialog, leg);", "\t\t    true;"),
    Fault("hold_is_not_counted", "src/feed.c",
          "\t\tstep->dialog->holds++;", "\t\t(void)step;"),
    Fault("answered_leg_stays_behind", "src/feed.c",
          "\tleg_to_front(step->dialog, leg);\n", ""),
    Fault("pruned_when_answered", "src/leg.c",
          "\t\tif (leg->state == PARLEY_LEG_EARLY) {",
          "\t\tif (leg->state <= PARLEY_LEG_ANSWERED) {"),

    # ------------------------------------------------- time
    Fault("timer_kinds_mixed_up", "src/expire.c",
          "\t} else if (dialog->due_state_ms <= now_ms) {",
          "\t} else if (dialog->due_lifetime_ms > now_ms + 1000000) {"),
    Fault("noack_sets_no_lifetime", "src/expire.c",
          "\tdialog->lifetime_s = step->engine->config.noack_lifetime_s;\n",
          ""),
    Fault("early_timeout_survives_the_2xx", "src/dialog.c",
          "\t\tdialog->due_state_ms = UINT64_MAX;\n"
          "\t\tif (engine->config.noack_timeout_s > 0)",
          "\t\tif (engine->config.noack_timeout_s > 0)"),
    Fault("noreset_is_ignored", "src/feed.c",
          "(noreset && lifetime_s == 0)", "(noreset && lifetime_s > 86400)"),
    Fault("wheel_skips_a_tick", "src/wheel.c",
          "\t\t\twheel->tick = now + 1;", "\t\t\twheel->tick = now + 2;"),

    # ------------------------------------------------- telling
    Fault("notes_after_the_end", "src/notify.c",
          "\treturn !atomic_load(&dialog->turns.ended);",
          "\treturn true;"),
    Fault("two_ends", "src/notify.c",
          "\tif (terminal && atomic_exchange(&dialog->turns.ended, true))\n"
          "\t\treturn;\n", ""),
    Fault("first_come_first_told", "src/notify.c",
          "&engine->global[i - 1];", "&engine->global["
          "engine->global_count - i];"),
    Fault("variable_grows_in_place", "src/var.c",
          "if (old != NULL && var_size(old->key_len, old->value_len) == "
          "size) {", "if (old != NULL) {"),

    # ------------------------------------------------- requests of the proxy
    Fault("refer_to_the_other_side", "hosts/kamailio/calls.c",
          "\t\t.towards = side == PARLEY_SIDE_CALLER ?",
          "\t\t.towards = side != PARLEY_SIDE_CALLER ?",
          ("calls.refer_caller", "calls.refer_callee")),
    Fault("bye_after_a_refused_refer", "hosts/kamailio/calls.c",
          "\tif (result.code < 200 || result.code > 299) {",
          "\tif (result.code < 200) {", ("calls.refer_refused",)),
    Fault("own_requests_count_twice", "hosts/kamailio/within.c",
          "\tif (own_mark_is_in(msg))\n\t\treturn;\n", "",
          ("calls.keep_proxy_rr_3", "calls.keep_proxy_rr_request")),
    Fault("forged_mark", "hosts/kamailio/own_mark.c",
          "text_equal(to_parley(&found), to_parley(&value));", "true;",
          ("calls.keep_proxy_rr_forged",)),
    Fault("caller_routes_of_any_reply", "src/feed.c",
          "\tif (!first)\n\t\treturn;\n\tleg_to_front",
          "\tif (first)\n\t\tleg_to_front"),
    Fault("ours_are_told", "src/feed.c",
          "\tif (!event->ours && !event->was_told)",
          "\tif (!event->was_told)"),
    Fault("bridge_without_bye", "hosts/kamailio/bridge.c",
          "\t\tsend_bye(bridge);\n\t}\n\tbridge_free(bridge);",
          "\t}\n\tbridge_free(bridge);", ("bridge.rpc",)),
    Fault("bridge_is_kept", "hosts/kamailio/bridge.c",
          "\tif (!reply || params->code > 299) {\n",
          "\tif (!reply || params->code > 299) {\n\t\tif (reply)\n"
          "\t\t\treturn;\n", ("bridge.memory",)),

    # ------------------------------------------------- the adapter
    Fault("cookie_digits_in_order", "hosts/kamailio/cookie.c",
          "\tfor (const char *at = end; at-- > from;) {",
          "\tfor (const char *at = from; at < end; at++) {",
          ("basic.call",)),
    Fault("adapter_commits_at_match", "hosts/kamailio/within.c",
          "\tctx->pending = true;\n",
          "\tvoid *now = tmcb_pack(match.id, 0);\n"
          "\tcommit(msg, &now, match.dir == PARLEY_DIR_UPSTREAM, false);\n",
          ("twostep.refused_by_reply",)),
    Fault("adapter_direction_swapped", "hosts/kamailio/within.c",
          "\tbool upstream = ctx->match.dir == PARLEY_DIR_UPSTREAM;",
          "\tbool upstream = ctx->match.dir != PARLEY_DIR_UPSTREAM;",
          ("twostep.forward", "twostep.drop")),
    Fault("adapter_never_releases", "hosts/kamailio/within.c",
          "\t} else if (type == TMCB_DESTROY && (bits & WITHIN_HELD)) {",
          "\t} else if (type < 0) {",
          ("basic.freed_with_the_transaction",)),
    Fault("adapter_limit_off_by_one", "hosts/kamailio/ops.c",
          "\t\t\t\t\t       (uint32_t)limit, true,",
          "\t\t\t\t\t       (uint32_t)limit + 1, true,",
          ("limit.full", "limit.500_at_once")),
    Fault("adapter_relays_a_crossing_200", "hosts/kamailio/invite.c",
          "\tevent.can_swallow = true;", "\tevent.can_swallow = false;",
          ("ending.200_crosses",)),

    # ------------------------------------------------- ends before the answer
    Fault("second_reason_wins", "src/terminate.c",
          "\tif (known)\n\t\treturn;\n", ""),
    Fault("unanswered_ended_twice", "src/terminate.c",
          "\tif (early && known)\n\t\treturn 0;\n", ""),
    Fault("one_side_of_unanswered", "src/terminate.c",
          "\tif (early && event->side != PARLEY_SIDE_ALL)\n"
          "\t\treturn PARLEY_E_STATE;\n", ""),
    Fault("reason_cut_in_a_character", "src/terminate.c",
          "reason.s[reason.len] & 0xc0) == 0x80", "reason.s[0]) == 0x80"),
    Fault("left_leg_does_not_answer", "src/terminate.c",
          "!leg || leg_unanswered(leg) || leg->assumed", "!leg || leg->assumed "
          "|| leg->state == PARLEY_LEG_EARLY"),
    Fault("late_1xx_takes_an_answer_back", "src/leg.c",
          "\tif (leg_unanswered(leg))\n\t\tleg->branches |=",
          "\tif (leg)\n\t\tleg->branches |="),
    Fault("late_cancel_without_reason", "hosts/kamailio/invite.c",
          "\tkeep_reason(taken.t, code, text);\n", "\t(void)code;\n"
          "\t(void)text;\n\t(void)keep_reason;\n", ("early.branches",)),
    Fault("late_branch_rings_on", "hosts/kamailio/invite.c",
          "\t\tcancel_branches(t);\n", "\t\t(void)t;\n",
          ("early.in_branch_route",)),
    Fault("late_1xx_is_relayed", "hosts/kamailio/invite.c",
          "\tif (!take(id, &taken))\n\t\treturn true;\n\tgive_back",
          "\tif (!take(id, &taken))\n\t\treturn false;\n\tgive_back",
          ("early.1xx_when_tm_has_forgotten",)),
    Fault("late_cancel_of_another_to", "hosts/kamailio/forgotten.c",
          "\tparts->before_tag.len = (int)(semicolon - body.s);\n", "",
          ("early.1xx_when_tm_has_forgotten",)),
    Fault("late_failure_without_ack", "hosts/kamailio/forgotten.c",
          "reply->REPLY_STATUS < 200 ? \"CANCEL\" : \"ACK\"", "\"CANCEL\"",
          ("early.1xx_when_tm_has_forgotten",)),
    Fault("next_call_is_taken_for_the_ended_one", "hosts/kamailio/invite.c",
          "(ref & cseq_bits(REF_CSEQ_MASK)) != cseq_bits(reply->cseq) ||",
          "(ref & cseq_bits(0)) != cseq_bits(0) ||",
          ("early.caller_tries_again",)),
    Fault("final_reply_without_reason", "hosts/kamailio/sip_out.c",
          "to_str(reason_line(code, reason, line))",
          "(str){line, (int)(reason.len = 0)}",
          ("early.dlg_terminate_reason",)),
    Fault("reason_not_escaped", "hosts/kamailio/reason.c",
          "escape && (first == '\"' || first == '\\\\')", "escape && !first",
          ("early_bad.reasons",)),
    Fault("reason_with_line_ends", "hosts/kamailio/reason.c",
          "if (first < ' ' || first == 0x7f)", "if (first == 0x7f)",
          ("early_bad.reasons",)),
    Fault("headers_without_bound", "hosts/kamailio/header_lines.c",
          "lines.len > HEADER_LINES_MAX ?", "lines.len > PARLEY_STR_MAX ?",
          ("early_bad.headers",)),
    Fault("bye_is_not_sent_for_its_headers", "hosts/kamailio/request.c",
          "\theaders->len = 0;\n\t(void)!headers_add(headers, reason);\n",
          "\theaders->len = sizeof(headers->text);\n\t(void)reason;\n",
          ("early_bad.too_many_headers",)),

    # ------------------------------------------------- script surface
    Fault("target_of_the_other_end", "src/settings.c",
          "\t*end = (struct end){&leg->contact, &leg->socket};",
          "\t*end = (struct end){&dialog->contact, &dialog->socket};"),
    Fault("scripted_call_is_kept", "hosts/kamailio/scripted.c",
          "\tscripted_changed(&actions);\n\treturn 1;", "\treturn 1;",
          ("scripted.stateless_ends",)),
    Fault("cancel_ends_its_call", "hosts/kamailio/ctx.c",
          "METHOD_CANCEL && !adapter.set.dlg_ctxiuid_mode &&",
          "METHOD_CANCEL && false &&", ("others.cancel",)),
    # ------------------------------------------------- other servers' calls
    Fault("remote_counts_twice", "src/remote.c",
          "\tif (remote == NULL)\n\t\tremote = remote_new_locked",
          "\tif (remote == NULL || remote->uid_len > 0)\n"
          "\t\tremote = remote_new_locked"),
    Fault("remote_timer_left_behind", "src/remote.c",
          "\twheel_cancel(&own->wheel, &remote->timer);\n", ""),
    Fault("remote_past_is_taken", "src/remote.c",
          "facts->expires_s <= now.unix_s", "facts->expires_s < now.unix_s"),
    Fault("remote_told_by_walks", "src/remote.c",
          "const struct parley_id id = {PROFILE_REMOTE_ENTRY, 0};",
          "const struct parley_id id = {PROFILE_REMOTE_ENTRY, 1};"),
    Fault("remote_expires_false", "hosts/kamailio/ops.c",
          "remote->expires < 0 || ", "",
          ("remote.out_of_range",)),
    Fault("seconds_of_a_profile_ignored", "hosts/kamailio/ops.c",
          "&which, (uint32_t)seconds,", "&which, (uint32_t)seconds + 1,",
          ("remote.by_value",)),

    # ------------------------------------------------- a state by decree
    Fault("decree_sends_bye", "src/force.c",
          "\t\tleg->bye_wait = false;\n", "\t\t(void)leg;\n"),
    Fault("decree_forgets_the_answer", "src/force.c",
          "\tleg->assumed = true;\n", ""),
    Fault("decree_revives", "src/force.c",
          "\tif (being_ended(dialog) && wanted", "\tif (false && wanted"),
    Fault("decree_is_told", "src/fsm.c",
          "[T_SET_ANSWERED]    = TO(ANSWERED, 0),\n"
          "\t[T_SET_CONFIRMED]   = BOGUS, /* by way of ANSWERED */\n"
          "\t[T_SET_DELETED]     = TO(DELETED, 0),\n},\n"
          "[PARLEY_STATE_EARLY]",
          "[T_SET_ANSWERED]    = TO(ANSWERED, 0),\n"
          "\t[T_SET_CONFIRMED]   = BOGUS, /* by way of ANSWERED */\n"
          "\t[T_SET_DELETED]     = TO(DELETED, N_FAILED),\n},\n"
          "[PARLEY_STATE_EARLY]"),

    # ------------------------------------------------- numbers raised
    Fault("raise_gives_a_number_twice", "src/cseq.c",
          "request->shift = ++*last - request->cseq;",
          "request->shift = shift->next + 1; ++*last;"),
    Fault("raise_does_not_add_up", "src/cseq.c",
          "request->total = ++shift->next;",
          "request->total = shift->next = 1;"),
    Fault("rack_follows_later_requests", "src/cseq.c",
          "\tif (request->invite)\n\t\tshift->invite = request->shift;",
          "\tshift->invite = request->shift;"),
    Fault("own_requests_raise_nothing", "src/cseq.c",
          "\tif (engine->config.track_cseq)\n", "\tif (false)\n"),
    Fault("mark_without_secret", "hosts/kamailio/cseq_text.c",
          "\t       memcmp(again, body.s, body.len) == 0;", "\t       true;",
          ("cseq.forged_mark",)),
    Fault("mark_is_left", "hosts/kamailio/cseq_text.c",
          "\t\t\tedit_add(&places->marks, line.at,\n"
          "\t\t\t\t (size_t)(line.end - line.at), \"\");", "\t\t\t;",
          ("cseq.invite_407",)),
    Fault("reply_not_lowered", "hosts/kamailio/cseq.c",
          "\tif (in_use())\n\t\tcseq_text_lower", "\tif (false)\n"
          "\t\tcseq_text_lower", ("cseq.invite_407",)),
    Fault("reinvite_without_flag", "hosts/kamailio/cseq.c",
          "\tmsg->msg_flags |= FL_UAC_AUTH;\n", "",
          ("cseq.reinvite_refused",)),
    Fault("branch_does_not_tell", "hosts/kamailio/sip_in.c",
          "\tevent->cseq_shift = cseq_added(t, branch);\n", "",
          ("cseq.invite_407",)),
    Fault("number_from_the_match", "hosts/kamailio/within.c",
          "\tcseq_mark_again(msg, &actions);\n", "",
          ("cseq.requests_of_ours",)),

    # ------------------------------------------------- what an operator sees
    Fault("dump_above_its_folder", "hosts/kamailio/rpc_dump.c",
          "(len == 2 && path[0] == '.' && path[1] == '.')", "false",
          ("dump.paths",)),
    Fault("dump_follows_links", "hosts/kamailio/rpc_dump.c",
          "O_NOFOLLOW | O_CLOEXEC", "O_CLOEXEC", ("dump.paths",)),
    Fault("dump_into_a_second_name", "hosts/kamailio/rpc_dump.c",
          "\n\t       stat.st_nlink == 1;", "\n\t       true;",
          ("dump.paths",)),
    Fault("match_prefix_for_equal", "hosts/kamailio/rpc_match.c",
          "\tif (condition->op == OP_EQ && text.len != len)\n"
          "\t\treturn false;\n", "", ("rpc2.match_texts",)),
    Fault("match_walks_for_a_callid", "hosts/kamailio/rpc_match.c",
          "condition->key == KEY_CALLID && condition->op == OP_EQ", "false",
          ("rpc2.match_callid_is_quick",)),

    # ------------------------------------------------- other nodes
    Fault("timers_of_a_replica_run", "src/dialog.c",
          "\tif (copy_sleeps(dialog))", "\tif (false)"),
    Fault("a_replica_tells_the_end", "src/copy.c",
          "\treturn notes & PARLEY_NOTE_LOADED;", "\treturn notes;"),
    Fault("older_images_win", "src/image.c",
          "\t\treturn image->version > copy->version;",
          "\t\treturn true;"),
    Fault("changed_dialog_is_freed", "src/dialog.c",
          "dialog->linger || copy_holds(dialog) ||", "dialog->linger ||"),
    Fault("own_calls_do_not_come_back", "hosts/kamailio/dmq_rules.c",
          "\tif (node_is_named(to, image->view.owner))\n\t\treturn true;\n", "",
          ("dmq.late_node",)),
    Fault("foreign_nodes_are_heard", "hosts/kamailio/dmq.c",
          "\tif (in.from.len == 0) {", "\tif (false) {",
          ("dmq.bad_messages",)),
]
