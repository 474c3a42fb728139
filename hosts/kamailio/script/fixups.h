/*
 * fixups.h - parameters of script functions: once at start, then per message
 *
 * What:    turns the text of a parameter into what it means (fixup), and gives
 *          its value for a message.
 * Owns:    nothing; what a fixup makes lives as long as the script.
 * Always:  a fixup is 0, or an error after a line that names the parameter.
 * Why:     the files of functions take the same kinds.
 */
#ifndef FIXUPS_H
#define FIXUPS_H

#include "adapter.h"

#define FUNCTION(f) ((cmd_function)(void (*)(void))(f))

/* May a fixup fail? Of a parameter without quotes it runs for each message, and
 * Kamailio would keep the result of the function before: what is wrong then is
 * found by the function itself. */
static inline bool fixup_may_fail(void)
{
	return !adapter.script_is_read;
}

/* Puts a number in place of a parameter's text. */
int fixup_put(void **param, long number);
/* Any of them is a text, with or without variables. */
int fixup_texts(void **param, int param_no);
/* A profile's name becomes its index. */
int fixup_profile_name(void **param);
/* $avp(...) or $var(...), into which @function puts its result. */
int fixup_target(const char *function, void **param);
/* Text with or without pseudo-variables. */
int fixup_format(void **param);

/* The text of a profile value; s NULL if the profile has none or none was
 * given. False: it cannot be had. A value for a profile without values is not
 * even looked at. */
bool value_of(struct sip_msg *msg, char *profile, char *format,
	      struct parley_str *value);

/* An integer parameter: a number, or a variable with a number or with digits.
 * Kamailio's own function would log a line for each message. */
bool int_of(struct sip_msg *msg, char *param, int *number);

bool text_of(struct sip_msg *msg, char *param, str *text);

#endif
