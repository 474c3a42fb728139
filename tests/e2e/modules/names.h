/*
 * For the modules of the tests: what a message is called in their log. Included
 * after the headers of the host.
 */
#ifndef E2E_MODULES_NAMES_H
#define E2E_MODULES_NAMES_H

#include <stdio.h>

enum { NAME_BYTES = 32 };

static const char *request_name(struct sip_msg *req)
{
	static char name[NAME_BYTES];

	if (!req)
		return "-";
	if (req->first_line.type != SIP_REQUEST)
		return "?";
	snprintf(name, sizeof(name), "%.*s",
		 STR_FMT(&req->first_line.u.request.method));
	return name;
}

static const char *reply_name(struct sip_msg *rpl)
{
	static char name[NAME_BYTES];

	if (!rpl)
		return "-";
	if (rpl == FAKED_REPLY)
		return "faked";
	snprintf(name, sizeof(name), "%u", rpl->REPLY_STATUS);
	return name;
}

#endif
