/* objects: hosts/cookie.o hosts/header_lines.o */
/*
 * fuzz_cookie.c - what reads the network in the adapter, without the server
 *
 * The value of ;did= that stands in any Route header, and header lines that
 * come by RPC. What is accepted must be what would be written.
 */
#include <stdlib.h>
#include <string.h>

#include "cookie.h"
#include "header_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct parley_id id)
{
	char text[COOKIE_MAX];
	struct parley_id again = {1, 1};
	uint32_t len = cookie_print(id, text);

	if (len > COOKIE_MAX)
		abort();
	if (!cookie_parse((struct parley_str){text, len}, &again) ||
	    again.entry != id.entry || again.id != id.id)
		abort();
}

static void parse(struct parley_str value)
{
	struct parley_id id = {77, 77};

	if (cookie_parse(value, &id)) {
		if (id.id == 0 || id.id > INT32_MAX || value.len > COOKIE_MAX)
			abort();
		round_trip(id);
	} else if (id.entry != 77 || id.id != 77) {
		abort(); /* written though it was refused */
	}
}

/* Accepted lines cannot end the header or begin another one unseen. */
static void lines(struct parley_str text)
{
	bool line_begins = true;

	if (header_lines_fault(text) != NULL)
		return;
	for (uint32_t i = 0; i < text.len; i++) {
		bool crlf = text.s[i] == '\r' && i + 1 < text.len &&
			    text.s[i + 1] == '\n';

		if ((text.s[i] == '\r' || text.s[i] == '\n') && !crlf)
			abort();
		if (crlf && line_begins)
			abort();
		line_begins = crlf;
		i += crlf;
	}
	(void)header_lines_ended(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of the exact size, so that reading beyond it is seen. */
	char *copy = malloc(size + 1);
	struct parley_id id = {0, 0};

	if (copy == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	char *exact = realloc(copy, size > 0 ? size : 1);
	if (exact == NULL)
		abort();
	parse((struct parley_str){exact, (uint32_t)size});
	lines((struct parley_str){exact, (uint32_t)size});
	if (size >= sizeof(id)) {
		memcpy(&id, data, sizeof(id));
		id.id &= INT32_MAX;
		if (id.id != 0)
			round_trip(id);
	}
	free(exact);
	return 0;
}
