/* See way.h. */
#include <strings.h>

#include "core/data_lump.h"
#include "core/dset.h"
#include "core/forward.h"
#include "core/parser/parse_uri.h"

#include "facts.h"
#include "fields.h"
#include "uri_equal.h"
#include "way.h"

/* ------------------------------------------------ reading */

static bool parse(struct parley_str text, struct sip_uri *uri)
{
	str raw = to_str(text);

	return raw.len > 0 && parse_uri(raw.s, raw.len, uri) == 0;
}

/* As the module rr tells it. */
static bool is_us(struct parley_str text)
{
	struct sip_uri uri;

	return parse(text, &uri) && !uri.gr.s && uri.host.len > 0 &&
	       check_self(&uri.host, uri.port_no ? uri.port_no : SIP_PORT, 0) ==
		       1;
}

static void take_off_first(struct way *way)
{
	way->count--;
	memmove(&way->values[0], &way->values[1],
		way->count * sizeof(way->values[0]));
	memmove(&way->routes[0], &way->routes[1],
		way->count * sizeof(way->routes[0]));
}

/* Adds the values of a header field. False: it has none, one of them is no
 * address, or there are too many. */
static bool add_values(struct way *way, struct parley_str body)
{
	struct parley_str values[WAY_ROUTES_MAX + 1];
	struct sip_uri uri;
	uint32_t count = field_values(body, values, WAY_ROUTES_MAX + 1);

	if (count == 0 || count > WAY_ROUTES_MAX - way->count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct parley_str route = facts_address(values[i]);

		if (!parse(route, &uri))
			return false;
		way->values[way->count] = values[i];
		way->routes[way->count++] = route;
	}
	return true;
}

bool way_of_request(struct sip_msg *msg, struct way *way)
{
	struct sip_uri uri;

	way->count = 0;
	way->target = to_parley(&msg->first_line.u.request.uri);
	if (parse_headers(msg, HDR_EOH_F, 0) < 0 || !parse(way->target, &uri))
		return false;
	for (struct hdr_field *h = msg->headers; h; h = h->next)
		if (h->type == HDR_ROUTE_T &&
		    !add_values(way, to_parley(&h->body)))
			return false;
	if (way->count > 0 && is_us(way->target)) {
		/* The last value is the target; the others may be ours. */
		way->target = way->routes[--way->count];
	}
	while (way->count > 0 && is_us(way->routes[0]))
		take_off_first(way);
	return true;
}

bool way_of_dialog(const struct parley_expected *expected, struct way *way)
{
	way->count = 0;
	way->target = expected->target;
	if (expected->route_set.len > 0 &&
	    !add_values(way, expected->route_set))
		return false;
	/* keep_proxy_rr */
	while (way->count > 0 && is_us(way->routes[0]))
		take_off_first(way);
	return true;
}

bool way_routes_equal(const struct way *one, const struct way *other)
{
	if (one->count != other->count)
		return false;
	for (uint32_t i = 0; i < one->count; i++)
		if (!uri_equal(one->routes[i], other->routes[i]))
			return false;
	return true;
}

/* ------------------------------------------------ writing */

/* A Route line that loose_route() or an earlier call has added. */
static void forget_added(struct lump *lump)
{
	const size_t len = sizeof("Route:") - 1;

	for (; lump; lump = lump->before)
		if (lump->op == LUMP_ADD && (size_t)lump->len > len &&
		    strncasecmp(lump->u.value, "Route:", len) == 0)
			lump->len = 0;
}

static int remove_routes(struct sip_msg *msg)
{
	for (struct lump *lump = msg->add_rm; lump; lump = lump->next)
		forget_added(lump->before);
	/* What loose_route() has deleted of them may be deleted again. */
	for (struct hdr_field *h = msg->headers; h; h = h->next)
		if (h->type == HDR_ROUTE_T &&
		    !del_lump(msg, (int)(h->name.s - msg->buf), h->len,
			      HDR_ROUTE_T))
			return -1;
	return 0;
}

static size_t append(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return len;
}

/* "Route: values, <last>"; an empty @last: the values only. */
static int add_routes(struct sip_msg *msg, const struct way *way,
		      uint32_t first, struct parley_str last)
{
	size_t size = sizeof("Route: <>\r\n") + last.len, len = 0;
	struct lump *anchor;
	char *line;

	for (uint32_t i = first; i < way->count; i++)
		size += way->values[i].len + 2;
	anchor = anchor_lump(msg, (int)(msg->unparsed - msg->buf), 0,
			     HDR_ROUTE_T);
	line = anchor ? pkg_malloc(size) : NULL;
	if (!line)
		return -1;
	len += append(line, "Route: ", 7);
	for (uint32_t i = first; i < way->count; i++) {
		if (i > first)
			len += append(line + len, ",", 1);
		len += append(line + len, way->values[i].s, way->values[i].len);
	}
	if (last.len > 0) {
		if (first < way->count)
			len += append(line + len, ",", 1);
		len += append(line + len, "<", 1);
		len += append(line + len, last.s, last.len);
		len += append(line + len, ">", 1);
	}
	len += append(line + len, "\r\n", 2);
	if (insert_new_lump_before(anchor, line, (int)len, HDR_ROUTE_T))
		return 0;
	pkg_free(line);
	return -1;
}

static int set_target(struct sip_msg *msg, struct parley_str target)
{
	str uri = to_str(target);

	if (rewrite_uri(msg, &uri) < 0)
		return -1;
	ruri_mark_new();
	return 0;
}

int way_set(struct sip_msg *msg, const struct way *way, bool routes)
{
	struct sip_uri first;
	str next;

	if (!routes)
		return set_target(msg, way->target);
	if (remove_routes(msg) < 0)
		return -1;
	reset_dst_uri(msg);
	if (way->count == 0)
		return set_target(msg, way->target);
	/* RFC 3261 16.6, step 6: to a strict router it goes as its own. */
	if (parse(way->routes[0], &first) && !first.lr.s) {
		if (add_routes(msg, way, 1, way->target) < 0)
			return -1;
		return set_target(msg, way->routes[0]);
	}
	next = to_str(way->routes[0]);
	if (add_routes(msg, way, 0, (struct parley_str){0}) < 0 ||
	    set_dst_uri(msg, &next) < 0)
		return -1;
	return set_target(msg, way->target);
}
