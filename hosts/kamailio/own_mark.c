/* See own_mark.h. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "core/forward.h"
#include "core/parser/parse_uri.h"

#include "own_mark.h"
#include "text.h"

/* A parameter of a Route value, beside the cookie. */
#define MARK_NAME "pown"
enum { MARK_MAX = 32 };

static char text[MARK_MAX]; /* ";pown=" and 16 hexadecimal digits */
static str mark = {text, 0};
static str value; /* the digits */

void own_mark_init(void)
{
	uint64_t secret = 0;

	/* Up to 256 bytes are never cut short (getrandom(2)). */
	while (getrandom(&secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		;
	mark.len = snprintf(text, sizeof(text), ";" MARK_NAME "=%016" PRIx64,
			    secret);
	value.s = text + sizeof(";" MARK_NAME "=") - 1;
	value.len = mark.len - (int)(value.s - text);
}

/* Does the route set begin with "<", a URI of ours and ">"? Ours have no name
 * in front. @endp is where the ">" is. */
static bool begins_with_us(str routes, size_t *endp)
{
	struct sip_uri uri;
	const char *end;
	int len;

	if (routes.len <= 0 || routes.s[0] != '<')
		return false;
	end = memchr(routes.s, '>', (size_t)routes.len);
	if (!end)
		return false;
	len = (int)(end - routes.s) - 1;
	*endp = (size_t)(end - routes.s);
	return parse_uri(routes.s + 1, len, &uri) == 0 &&
	       check_self(&uri.host, uri.port_no ? uri.port_no : SIP_PORT,
			  uri.proto) == 1;
}

bool own_mark_is_us(str route)
{
	size_t unused;

	return begins_with_us(route, &unused);
}

str own_mark_routes(str routes)
{
	static char buffer[PARLEY_STR_MAX + MARK_MAX];
	size_t len = (size_t)mark.len;
	size_t at;

	if (!adapter.set.keep_proxy_rr || routes.len > PARLEY_STR_MAX ||
	    !begins_with_us(routes, &at))
		return routes;
	memcpy(buffer, routes.s, at);
	memcpy(buffer + at, mark.s, len);
	memcpy(buffer + at + len, routes.s + at, (size_t)routes.len - at);
	return (str){buffer, routes.len + mark.len};
}

bool own_mark_is_in(struct sip_msg *msg)
{
	str name = str_init(MARK_NAME);
	str found;

	return adapter.set.keep_proxy_rr &&
	       adapter.rr.get_route_param(msg, &name, &found) == 0 &&
	       text_equal(to_parley(&found), to_parley(&value));
}
