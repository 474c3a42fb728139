#!/usr/bin/python3
"""A live view of the calls that a Kamailio with Parley follows.

    tools/live.py URL        e.g. http://127.0.0.1:8080/RPC

On a terminal the view is drawn in place; elsewhere it is one line a second.
All it shows comes from JSON-RPC, as any monitoring could read it. The
configuration is examples/call-limit.cfg or one with the same profiles.
"""

import collections
import http.client
import json
import shutil
import sys
import threading
import time
import urllib.parse

STATES = {1: "starting", 2: "ringing", 3: "answered", 4: "talking", 5: "ended"}
RPC_SECONDS = 5
LIST_LIMIT = 200
PERIOD_SECONDS = 1


class RpcError(Exception):
    """The server gave a fault, or no answer that can be understood."""


class Rpc:
    """JSON-RPC over HTTP."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.path = parts.path or "/RPC"

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                           "params": list(params)})
        connection = http.client.HTTPConnection(self.host, self.port,
                                                timeout=RPC_SECONDS)
        try:
            connection.request("POST", self.path, body,
                               {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise RpcError(f"{method}: {error}") from error
        finally:
            connection.close()
        if "error" in answer:
            raise RpcError(f"{method}: {answer['error'].get('message')}")
        return answer.get("result")


class Snapshot:
    """What one look at the server gave."""

    def __init__(self, rpc):
        self.at = time.time()
        self.by_state = rpc.call("dlg.stats_active")
        self.engine = rpc.call("dlg.stats")
        self.counters = {}
        for key, value in rpc.call("stats.fetch", "dialog:", "script:").items():
            self.counters[key.split(".", 1)[1]] = int(value)
        listed = rpc.call("dlg.list", LIST_LIMIT) or []
        self.calls = sorted((call for call in listed if call["state"] < 5),
                            key=lambda call: call["init_ts"])
        self.total = int(rpc.call("dlg.profile_get_size", "calls"))
        callers = collections.Counter(user(call["from_uri"])
                                      for call in self.calls)
        self.callers = [(name, int(rpc.call("dlg.profile_get_size", "caller",
                                            name)))
                        for name, _ in callers.most_common(8)]


def user(uri):
    """The part of a SIP URI that people know."""
    return uri.split(":", 1)[-1].split("@", 1)[0]


def span(seconds):
    minutes, seconds = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else \
        f"{minutes}:{seconds:02}"


def counts_text(snap):
    states = snap.by_state
    return (f"starting {states['starting']}  ringing {states['connecting']}  "
            f"answered {states['answering']}  talking {states['ongoing']}")


def totals_text(snap):
    names = (("seen", "processed_dialogs"), ("answered", "calls_answered"),
             ("ended", "calls_ended"), ("failed", "calls_failed"),
             ("expired", "expired_dialogs"))
    texts = [f"{label} {snap.counters.get(key, 0)}" for label, key in names]
    texts.insert(4, f"refused by the limit {snap.engine['limit_refused']}")
    return "  ".join(texts)


def engine_text(snap):
    return (f"legs {snap.engine['legs']}  "
            f"memory {snap.engine['memory_bytes'] // 1024} KB  "
            f"timer lag {snap.engine['timer_lag_ms']} ms")


def profiles_text(snap):
    callers = "  ".join(f"{name} {size}" for name, size in snap.callers)
    return f"calls {snap.total}   by caller: {callers or '-'}"


def call_rows(snap, room):
    """The table of calls, the oldest first, in at most @room lines."""
    rows = [f"{'h_entry.h_id':>20}  {'state':8} {'for':>7} {'ends in':>8}  "
            "caller -> callee"]
    fitting = snap.calls[:max(0, room - 2)]
    for call in fitting:
        identity = f"{call['h_entry']}.{call['h_id']}"
        left = span(call["timeout"] - snap.at) if call["timeout"] else "-"
        state = STATES.get(call["state"], "?")
        rows.append(f"{identity:>20}  {state:8} "
                    f"{span(snap.at - call['init_ts']):>7} {left:>8}  "
                    f"{user(call['from_uri'])} -> {user(call['to_uri'])}")
    if len(fitting) < len(snap.calls):
        rows.append(f"{'':>20}  ... {len(snap.calls) - len(fitting)} more")
    return rows


def draw(snap, title, hints):
    """One full picture, put over the one before it."""
    columns, height = shutil.get_terminal_size()
    head = [title, "",
            "Now       " + counts_text(snap),
            "So far    " + totals_text(snap),
            "Profiles  " + profiles_text(snap),
            "Engine    " + engine_text(snap), ""]
    lines = head + call_rows(snap, height - len(head) - len(hints) - 2)
    lines += [""] * (height - len(lines) - len(hints) - 1) + hints
    text = "\r\n".join(line[:columns - 1] + "\x1b[K" for line in lines)
    sys.stdout.write("\x1b[H" + text + "\x1b[J")
    sys.stdout.flush()


def show(rpc, title, hints, stop, alive=lambda: None):
    """Shows the view until @stop is set. Calls @alive once a period, which may
    raise to end it. A server that does not answer is reported and asked again;
    it may be busy."""
    on_terminal = sys.stdout.isatty()
    if on_terminal:
        sys.stdout.write("\x1b[?25l\x1b[2J")
    else:
        print("\n".join([title] + hints), flush=True)
    try:
        while not stop.is_set():
            alive()
            try:
                snap = Snapshot(rpc)
                if on_terminal:
                    draw(snap, title, hints)
                else:
                    clock = time.strftime("%H:%M:%S")
                    print(f"{clock}  {counts_text(snap)}  |  "
                          f"{totals_text(snap)}  |  {profiles_text(snap)}",
                          flush=True)
            except RpcError as error:
                print(f"\r\nno answer: {error}", flush=True)
            stop.wait(PERIOD_SECONDS)
    finally:
        if on_terminal:
            sys.stdout.write("\x1b[?25h\r\n")
            sys.stdout.flush()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        show(Rpc(sys.argv[1]), "Calls at " + sys.argv[1], [], threading.Event())
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
