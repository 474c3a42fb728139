/* See cookie.h. */
#include <string.h>

#include "cookie.h"

static char *print_backwards(char *at, uint32_t number)
{
	do {
		*at++ = "0123456789abcdef"[number & 15];
		number >>= 4;
	} while (number > 0);
	return at;
}

uint32_t cookie_print(struct parley_id id, char buffer[COOKIE_MAX])
{
	char *at = print_backwards(buffer, id.entry);

	*at++ = '.';
	at = print_backwards(at, id.id);
	return (uint32_t)(at - buffer);
}

/* Up to eight digits, the lowest first. */
static bool parse_backwards(const char *from, const char *end,
			    uint32_t *numberp)
{
	uint32_t number = 0;

	if (end == from || end - from > 8)
		return false;
	for (const char *at = end; at-- > from;) {
		uint32_t digit;

		if (*at >= '0' && *at <= '9')
			digit = (uint32_t)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			digit = (uint32_t)(*at - 'a') + 10;
		else if (*at >= 'A' && *at <= 'F')
			digit = (uint32_t)(*at - 'A') + 10;
		else
			return false;
		number = number << 4 | digit;
	}
	*numberp = number;
	return true;
}

bool cookie_parse(struct parley_str value, struct parley_id *id)
{
	struct parley_id parsed;
	const char *dot;

	if (value.len == 0)
		return false;
	dot = memchr(value.s, '.', value.len);
	if (!dot || !parse_backwards(value.s, dot, &parsed.entry) ||
	    !parse_backwards(dot + 1, value.s + value.len, &parsed.id) ||
	    parsed.id == 0 || parsed.id > INT32_MAX)
		return false;
	*id = parsed;
	return true;
}
