/* See refer.h. */
#include <stdio.h>

#include "core/parser/parse_nameaddr.h"
#include "core/parser/parse_uri.h"
#include "core/trim.h"

#include "refer.h"

static bool is_uri(const str *text)
{
	struct sip_uri parsed;
	str raw = *text;

	return raw.len > 0 && parse_uri(raw.s, raw.len, &parsed) == 0;
}

static bool has(const str *text, char c)
{
	return memchr(text->s, c, (size_t)text->len) != NULL;
}

/* What would end the line, or is read as a space here and as an end there. */
static bool has_control(const str *text)
{
	for (int i = 0; i < text->len; i++)
		if ((unsigned char)text->s[i] < ' ' || text->s[i] == 0x7f)
			return true;
	return false;
}

bool refer_uri(const str *address, str *uri)
{
	name_addr_t parts;
	str text;

	if (!address || address->len <= 0 || !address->s ||
	    has_control(address))
		return false;
	text = *address;
	trim(&text);
	if (text.len > 0 && !has(&text, '<')) {
		*uri = text;
		return !has(&text, ' ') && is_uri(uri);
	}
	if (text.len <= 0 || parse_nameaddr(&text, &parts) != 0)
		return false;
	*uri = parts.uri;
	/* Nothing behind the ">": it would be a parameter of the header. */
	return parts.len == text.len && is_uri(uri);
}

/* RFC 3261 20: a bare URI with one of these needs "<" and ">". */
static bool wants_brackets(const str *address)
{
	return !has(address, '<') &&
	       (has(address, ';') || has(address, ',') || has(address, '?'));
}

bool refer_lines(const str *address, char *buffer, size_t size, str *lines)
{
	const str *by = &adapter.set.bridge_controller;
	const str *contact = &adapter.set.bridge_contact;
	bool brackets = wants_brackets(address);
	int len = snprintf(buffer, size,
			   "Referred-By: %.*s\r\nRefer-To: %s%.*s%s\r\n"
			   "Contact: <%.*s>\r\n",
			   by->len, by->s, brackets ? "<" : "", address->len,
			   address->s, brackets ? ">" : "", contact->len,
			   contact->s);

	*lines = (str){buffer, len};
	return len > 0 && (size_t)len < size;
}
