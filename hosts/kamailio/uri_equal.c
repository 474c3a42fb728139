/* See uri_equal.h. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "text.h"
#include "uri_equal.h"

enum { PARTS_MAX = 32 };

struct uri {
	bool is_sip, has_user, has_password, has_port;
	struct parley_str scheme, user, password, host, port, params, headers;
};

/* ------------------------------------------------ characters */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one character off. What is reserved means something else when it is
 * escaped; anything else means the same. */
static int next_char(struct parley_str *text, bool fold)
{
	enum { ESCAPED = 256 };
	int c = (unsigned char)*text->s;

	if (c == '%' && text->len > 2 && hex(text->s[1]) >= 0 &&
	    hex(text->s[2]) >= 0) {
		c = hex(text->s[1]) * 16 + hex(text->s[2]);
		text->s += 2;
		text->len -= 2;
		if (c != '\0' && strchr(";/?:@&=+$,%", c))
			c |= ESCAPED;
	}
	text->s++;
	text->len--;
	return fold && c < ESCAPED ? tolower(c) : c;
}

static bool same(struct parley_str one, struct parley_str other, bool fold)
{
	while (one.len > 0 && other.len > 0)
		if (next_char(&one, fold) != next_char(&other, fold))
			return false;
	return one.len == other.len;
}

/* ------------------------------------------------ parts */

/* What stands before the first of @ends, which goes, too, and is put into
 * *@endp; '\0' if there is none. */
static struct parley_str take(struct parley_str *text, const char *ends,
			      char *endp)
{
	struct parley_str part = {text->s, 0};

	*endp = '\0';
	while (part.len < text->len &&
	       (text->s[part.len] == '\0' || !strchr(ends, text->s[part.len])))
		part.len++;
	text->s += part.len;
	text->len -= part.len;
	if (text->len > 0) {
		*endp = *text->s++;
		text->len--;
	}
	return part;
}

static void split_user(struct uri *uri, struct parley_str *rest)
{
	const char *at = rest->len > 0 ? memchr(rest->s, '@', rest->len) : NULL;
	struct parley_str user;
	char end;

	if (!at)
		return;
	user = (struct parley_str){rest->s, (uint32_t)(at - rest->s)};
	rest->len -= user.len + 1;
	rest->s = at + 1;
	uri->has_user = true;
	uri->user = take(&user, ":", &end);
	uri->has_password = end == ':';
	uri->password = user;
}

static void split_host(struct uri *uri, struct parley_str host)
{
	uint32_t colon = host.len;

	/* Behind the last one, unless it belongs to an IPv6 address. */
	while (colon > 0 && host.s[colon - 1] != ':' &&
	       host.s[colon - 1] != ']')
		colon--;
	uri->host = host;
	if (colon == 0 || host.s[colon - 1] != ':')
		return;
	uri->has_port = true;
	uri->host.len = colon - 1;
	uri->port = (struct parley_str){host.s + colon, host.len - colon};
	while (uri->port.len > 1 && *uri->port.s == '0') {
		uri->port.s++;
		uri->port.len--;
	}
}

static void split(struct uri *uri, struct parley_str text)
{
	struct parley_str host;
	char end;

	memset(uri, 0, sizeof(*uri));
	uri->scheme = take(&text, ":", &end);
	uri->is_sip = (uri->scheme.len == 3 &&
		       strncasecmp(uri->scheme.s, "sip", 3) == 0) ||
		      (uri->scheme.len == 4 &&
		       strncasecmp(uri->scheme.s, "sips", 4) == 0);
	if (!uri->is_sip) {
		uri->host = text;
		return;
	}
	split_user(uri, &text);
	host = take(&text, ";?", &end);
	split_host(uri, host);
	if (end == ';')
		uri->params = take(&text, "?", &end);
	if (end == '?')
		uri->headers = text;
}

/* ------------------------------------------------ lists of name=value */

struct part {
	struct parley_str name, value;
};

/* False: there are too many. */
static bool list(struct parley_str text, const char *between,
		 struct part parts[PARTS_MAX], uint32_t *countp)
{
	uint32_t count = 0;
	char end;

	while (text.len > 0) {
		struct parley_str value = take(&text, between, &end);
		struct parley_str name = take(&value, "=", &end);

		if (name.len == 0)
			continue;
		if (count == PARTS_MAX)
			return false;
		parts[count++] = (struct part){name, value};
	}
	*countp = count;
	return true;
}

static const struct part *find(const struct part *parts, uint32_t count,
			       struct parley_str name)
{
	for (uint32_t i = 0; i < count; i++)
		if (same(parts[i].name, name, true))
			return &parts[i];
	return NULL;
}

/* Those of the document, and transport, of which its examples say so. */
static bool must_be_in_both(struct parley_str name)
{
	static const char *const names[] = {"user", "ttl", "method", "maddr",
					    "transport"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same(name,
			 (struct parley_str){names[i],
					     (uint32_t)strlen(names[i])},
			 true))
			return true;
	return false;
}

/* All of @one, of which there are @count, have their like in @other. @all: also
 * those that one may lack. */
static bool are_in(const struct part *one, uint32_t count,
		   const struct part *other, uint32_t others, bool all)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct part *found = find(other, others, one[i].name);

		if (found ? !same(found->value, one[i].value, true)
			  : all || must_be_in_both(one[i].name))
			return false;
	}
	return true;
}

static bool same_lists(struct parley_str one, struct parley_str other,
		       const char *between, bool all)
{
	struct part ones[PARTS_MAX], others[PARTS_MAX];
	uint32_t count, other_count;

	return list(one, between, ones, &count) &&
	       list(other, between, others, &other_count) &&
	       are_in(ones, count, others, other_count, all) &&
	       are_in(others, other_count, ones, count, all);
}

bool uri_equal(struct parley_str one, struct parley_str other)
{
	struct uri a, b;

	if (text_equal(one, other))
		return true;
	split(&a, one);
	split(&b, other);
	return same(a.scheme, b.scheme, true) && a.has_user == b.has_user &&
	       a.has_password == b.has_password && a.has_port == b.has_port &&
	       same(a.user, b.user, false) &&
	       same(a.password, b.password, false) &&
	       same(a.host, b.host, true) && text_equal(a.port, b.port) &&
	       same_lists(a.params, b.params, ";", false) &&
	       same_lists(a.headers, b.headers, "&", true);
}
