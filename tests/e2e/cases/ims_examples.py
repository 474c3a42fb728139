"""Every example of the documents of ims_dialog and dialog_ng, as it stands
there, under the name of its document: it loads, and does what its text says.

What cannot run as it stands is a slip of the document: docs/ims.md lists them,
and here each is shown to be one. On the packaged ims_dialog the same runs, but
for what it does not have.
"""
from lib import modules, proxy
from lib.case import check, net, parley_only, same, script, sip, \
    stock_differs

DOCUMENTS = ("ims_dialog", "dialog_ng")


def documents(env):
    if not env.stock:
        return DOCUMENTS
    modules.need("ims_dialog")
    return DOCUMENTS[:1]


# Examples 1.1 to 1.7, and 1.8 to 1.10, which in one document have another
# module's name.
PARAMETERS = r"""
modparam("%s", "hash_size", 1024)
modparam("%s", "rr_param", "xyz")
modparam("%s", "dlg_flag", 4)
modparam("%s", "timeout_avp", "$avp(i:10)")
modparam("%s", "default_timeout", 21600)
modparam("%s", "dlg_extra_hdrs", "Hint: credit expired\r\n")
modparam("%s", "detect_spirals", 1)
"""
PROFILES = r"""
modparam("%s", "profiles_with_value", "caller ; my_profile")
modparam("%s", "profiles_no_value", "inbound ; outbound")
modparam("%s", "bridge_controller", "sip:ctd@kamailio.org")
"""
# What the examples of functions need: the packaged module takes the last list.
USED = """
modparam("%s", "profiles_no_value", "inbound ; outbound ; inbound_call")
"""
MORE = """
modparam("%s", "profiles_no_value", "inbound_call")
"""

SET = """
set_dlg_profile("inbound_call");
set_dlg_profile("caller","$fu");
"""
UNSET = """
unset_dlg_profile("inbound_call");
unset_dlg_profile("caller","$fu");
"""
IS_IN = """
if (is_in_profile("inbound_call")) {
	log("this request belongs to %s inbound call\\n");
}
if (is_in_profile("caller","XX")) {
	log("this request belongs to a call of user XX\\n");
}
"""
SIZE = """
if(get_profile_size("inbound_call","$avp(size)"))
    xlog("currently there are $avp(size) inbound calls\\n");
if(get_profile_size("caller","$fu","$avp(size)"))
    xlog("currently, the user $fu has $avp(size) active outgoing calls\\n");
"""
# The dots of the document stand for something.
IS_SET = """
if(dlg_isflagset("1"))
{
    xlog("FLAG $rm\\n");
}
"""
SET_FLAG = 'dlg_setflag("1");\n'
RESET_FLAG = 'dlg_resetflag("1");\n'
TERMINATE = 'dlg_terminate("all", "Insufficient QoS");\n'
GET = """
if(dlg_get("abcdef", "123", "456"))
{
	dlg_bye("all");
}
"""


def plain(text):
    return text.replace("my_profile", "mine").replace("inbound_call", "calls")


class Bed:
    """A server under the name of a document with all its examples."""

    def __init__(self, env, name, routes):
        text = PARAMETERS + PROFILES + (USED if env.stock else MORE)
        if env.stock:  # see test_names_of_profiles
            text, routes = plain(text), plain(routes)
        self.server = env.proxy(routes=routes, name=name, debug=4,
                                last=text.replace("%s", name))
        self.server.start()
        self.a = sip.Party(self.server, "a")
        self.b = sip.Party(self.server, "b")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.a.close()
        self.b.close()
        self.server.__exit__(*failure)

    def said(self, text):
        return self.server.log().count(text)

    def update(self, call):
        call.caller.request("UPDATE")
        self.b.reply(self.b.expect("UPDATE", callid=call.callid), 200)
        self.a.expect(200, "UPDATE", callid=call.callid)


def each(env, play, **hooks):
    hooks.setdefault("initial", "setflag(4);")
    for name in documents(env):
        with Bed(env, name, script(**hooks)) as bed:
            try:
                play(bed, name)
            except AssertionError as failure:
                raise AssertionError("%s: %s" % (name, failure)) from failure


def test_parameters(env):
    """1.1 to 1.10: the cookie's name, the entries, the headers of a BYE, the
    lifetime of one call."""
    def play(bed, name):
        side, invite = sip.ring(bed.a, bed.b)
        check(";xyz=" in invite.get("Record-Route"), "%r", invite.data)
        call = sip.answer(side, invite, bed.b)
        listed = bed.server.json("dlg2.list")
        same("size", listed["Size"], 1024)
        for party in (bed.a, bed.b):
            bye = party.expect("BYE", callid=call.callid, seconds=8)
            party.reply(bye, 200)
            same("header", bye.get("Hint"), "credit expired")
    each(env, play, initial="$avp(i:10) = 2; setflag(4);")


def test_profiles(env):
    """1.11, 1.13, 1.14: set, asked for and counted, in the INVITE and after."""
    def play(bed, name):
        article = "an" if name == "ims_dialog" else "a"
        call = sip.establish(bed.a, bed.b)
        bed.update(call)
        wanted = {
            "this request belongs to %s inbound call" % article: 1,
            "this request belongs to a call of user XX": 0,
            "currently there are 1 inbound calls": 1,
            "currently, the user sip:a@from.test has 1 active": 1}
        same("said", {text: bed.said(text) for text in wanted}, wanted)
        other = sip.establish(bed.a, bed.b, from_uri="sip:x@y.test")
        bed.update(other)
        for text in ("currently there are 2 inbound calls",
                     "currently, the user sip:x@y.test has 1 active"):
            same(text, bed.said(text), 1)
    articles = {"ims_dialog": "an", "dialog_ng": "a"}
    for name in documents(env):
        with Bed(env, name, script(
                initial="setflag(4);" + SET,
                inside='if (is_method("UPDATE")) {%s%s}' % (
                    IS_IN % articles[name], SIZE))) as bed:
            play(bed, name)


def test_unset_profile(env):
    """1.12, in the routes that the text names."""
    def play(bed, name):
        call = sip.establish(bed.a, bed.b)
        bed.update(call)
        for text in ("currently there are 0 inbound calls",
                     "currently, the user sip:a@from.test has 0 active"):
            same(text, bed.said(text), 1)
    each(env, play, initial="setflag(4); %s t_on_reply(\"UNSET\");" % SET,
         inside='if (is_method("UPDATE")) {%s}' % SIZE,
         more='onreply_route[UNSET] { if (status == "180") {%s} }\n'
              'branch_route[B] {%s}\nfailure_route[F] {%s}' % (
                  UNSET, UNSET, UNSET))


@stock_differs("a flag is not set any more in the next request")
def test_flags(env):
    """1.15, 1.16, and 1.17 as it is meant."""
    def play(bed, name):
        call = sip.establish(bed.a, bed.b)
        bed.update(call)
        same("set", bed.said("FLAG UPDATE"), 1)
        call.caller.request("INFO")
        bed.b.reply(bed.b.expect("INFO"), 200)
        bed.a.expect(200, "INFO")
        bed.update(call)
        same("not set", bed.said("FLAG UPDATE"), 1)
        call.hang_up()
    each(env, play, initial="setflag(4);" + SET_FLAG,
         inside='if (is_method("INFO")) {%s} %s' % (RESET_FLAG, IS_SET))


def test_terminate(env):
    """1.18, of an early and of a confirmed dialog."""
    def play(bed, name):
        side = bed.a.invite(bed.b)
        invite = bed.b.expect("INVITE")
        bed.b.reply(invite, 183)
        final = bed.a.expect(488, "INVITE")
        same("phrase", final.reason, "Insufficient QoS")
        side.ack_failure(final)
        bed.b.reply(bed.b.expect("CANCEL"), 200)
        bed.b.reply(invite, 487)
        bed.b.expect("ACK")
        call = sip.establish(bed.a, bed.b)
        call.caller.request("INFO")
        bed.b.reply(bed.b.expect("INFO"), 200)
        for party in (bed.a, bed.b):
            party.reply(party.expect("BYE", callid=call.callid), 200)
    each(env, play, inside='if (is_method("INFO")) {%s}' % TERMINATE,
         initial='setflag(4); t_on_reply("QOS");',
         more='onreply_route[QOS] { if (status == "183") {%s} }' % TERMINATE)


@parley_only("dlg_bye() of its own example is not there")
def test_get(env):
    """1.19: another request ends the call."""
    def play(bed, name):
        side = bed.a.invite(bed.b, callid="abcdef", tag="123")
        invite = bed.b.expect("INVITE")
        bed.b.reply(invite, 180, tag="456")
        bed.a.expect(180)
        bed.b.reply(invite, 200, tag="456")
        side.learn(bed.a.expect(200, "INVITE"))
        side.ack()
        bed.b.expect("ACK")
        bed.a.ask("OPTIONS")
        for party in (bed.a, bed.b):
            party.reply(party.expect("BYE", callid="abcdef"), 200)
        net.wait_until(lambda: bed.server.statistics(name)
                       ["active_dialogs"] == 0, 5, "the end")
    each(env, play, out_of_dialog='if (is_method("OPTIONS")) {%s '
         'sl_send_reply("200", "OK"); exit; }' % GET)


# ------------------------------------------------ what runs nowhere else

@parley_only("it compares both modules itself")
def test_names_of_profiles(env):
    """1.8 and 1.11: the packaged module refuses the '_' of its examples."""
    modules.need("ims_dialog")
    lines = (PARAMETERS + PROFILES).replace("%s", "ims_dialog")
    with env.proxy(name="ims_dialog", last=lines):
        pass
    try:
        with env.proxy(routes=script(initial="setflag(4);"), stock=True,
                       name="ims_dialog", last=lines):
            raise AssertionError("the packaged module starts with '_', too")
    except proxy.StartFailed as failure:
        check("bad profile name" in failure.log, "%s", failure.log[-600:])


# ------------------------------------------------ slips

@parley_only("its document is one of both")
def test_slips(env):
    """Written as they stand they stop the start, whoever is loaded."""
    slips = (
        ("dialog_ng", PROFILES.replace("%s", "dialog"), "",
         "no module matching|dialog"),
        ("ims_dialog", "", 'route[X] { redlg_setflag("1"); }',
         "redlg_setflag"),
        ("dialog_ng", "", 'route[X] { redlg_setflag("1"); }',
         "redlg_setflag"))
    for name, params, route, word in slips:
        code, output = env.proxy(routes=script(more=route), name=name,
                                 last=params).check()
        check(code != 0 and any(w in output for w in word.split("|")),
              "%s: %s", name, output[-600:])


@parley_only("it is about our page")
def test_slips_are_listed(env):
    """docs/ims.md names each of them."""
    path = "%s/docs/ims.md" % modules.ROOT
    with open(path, encoding="utf-8") as page:
        text = page.read()
    for word in ('modparam("dialog", ...)', "redlg_setflag", "FIFO",
                 "inbound_call"):
        check(word in text, "%s is not in %s", word, path)
