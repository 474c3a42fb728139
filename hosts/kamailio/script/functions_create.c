/* See functions_create.h. */
#include "core/mod_fix.h"
#include "core/trim.h"

#include "cseq.h"
#include "fixups.h"
#include "functions_create.h"
#include "text.h"

static const struct {
	const char *name;
	uint32_t option;
} known[] = {
	{"bye-on-timeout", PARLEY_OPT_BYE_ON_TIMEOUT},
	{"options-ping-caller", PARLEY_OPT_PING_CALLER},
	{"options-ping-callee", PARLEY_OPT_PING_CALLEE},
	{"reinvite-ping-caller", PARLEY_OPT_REINVITE_CALLER},
	{"reinvite-ping-callee", PARLEY_OPT_REINVITE_CALLEE},
	{"end-on-race-condition", PARLEY_OPT_END_ON_RACE},
	{"auto-prack", PARLEY_OPT_AUTO_PRACK},
};

#define KNOWN                                                                  \
	"bye-on-timeout, options-ping-caller, options-ping-callee, "           \
	"reinvite-ping-caller, reinvite-ping-callee, end-on-race-condition, "  \
	"auto-prack"

static uint32_t option_of(str name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (text_is(to_parley(&name), known[i].name))
			return known[i].option;
	return 0;
}

/* B, P, p, R, r, E in any number, as OpenSIPS before version 3.2 had them. */
static bool is_letters(str name)
{
	for (int i = 0; i < name.len; i++)
		if (!strchr("BPpRrE", name.s[i]))
			return false;
	return name.len > 0;
}

static void complain(str name)
{
	if (is_letters(name))
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "create_dialog(): flags \"%.*s\": letters are not "
			    "taken any more: B is bye-on-timeout, P "
			    "options-ping-caller, p options-ping-callee, R "
			    "reinvite-ping-caller, r reinvite-ping-callee, E "
			    "end-on-race-condition; several are separated by "
			    "commas\n",
			    text_shown(name.len), name.s);
	else
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "create_dialog(): flag \"%.*s\": must be one "
			    "of " KNOWN "\n",
			    text_shown(name.len), name.s);
}

/* The options that @flags names; false after a line that tells which of them
 * is none. An empty text names none. */
static bool options_of(str flags, uint32_t *options)
{
	str rest = flags, name;
	const char *comma;

	*options = 0;
	trim(&rest);
	if (rest.len <= 0)
		return true;
	do {
		comma = memchr(rest.s, ',', (size_t)rest.len);
		name = rest;
		if (comma) {
			name.len = (int)(comma - rest.s);
			rest.s += name.len + 1;
			rest.len -= name.len + 1;
		}
		trim(&name);
		if (option_of(name) == 0) {
			complain(name);
			return false;
		}
		*options |= option_of(name);
	} while (comma);
	/* Where both are asked for, the stronger one is meant. */
	if (*options & PARLEY_OPT_REINVITE_CALLER)
		*options &= ~(uint32_t)PARLEY_OPT_PING_CALLER;
	if (*options & PARLEY_OPT_REINVITE_CALLEE)
		*options &= ~(uint32_t)PARLEY_OPT_PING_CALLEE;
	return true;
}

int op_create(struct sip_msg *msg, const str *flags)
{
	uint32_t options;

	if (!flags)
		return sip_create(msg, NULL);
	return options_of(*flags, &options) ? sip_create(msg, &options) : -1;
}

/* A text without variables is judged at start. */
int fixup_create(void **param, int param_no)
{
	str text = {*param, (int)strlen(*param)};
	/* A variable may bring any of them. */
	uint32_t options = PARLEY_OPT_ALL;

	(void)param_no;
	if (fixup_may_fail() && !strchr(text.s, '$') &&
	    !options_of(text, &options))
		return E_CFG;
	/* These raise the numbers of the parties' requests. */
	if ((options & (PARLEY_OPT_PINGS | PARLEY_OPT_AUTO_PRACK)) &&
	    cseq_need() < 0)
		return E_CFG;
	return fixup_texts(param, 1);
}

int f_create0(struct sip_msg *msg, char *p1, char *p2)
{
	(void)p1;
	(void)p2;
	return op_create(msg, NULL);
}

int f_create1(struct sip_msg *msg, char *flags, char *p2)
{
	str text;

	(void)p2;
	return text_of(msg, flags, &text) ? op_create(msg, &text) : -1;
}
