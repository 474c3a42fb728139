/* objects: hosts/uri_equal.o */
/*
 * fuzz_uri.c - two URIs that anybody may send
 *
 * The input is both of them, with a line end between. Who is equal to whom is
 * the same from both sides, a URI is equal to itself, and so it is without what
 * may be left out.
 */
#include <stdlib.h>
#include <string.h>

#include "uri_equal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

/* A block of the exact size, so that reading beyond it is seen. */
static struct parley_str block(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	return (struct parley_str){copy, (uint32_t)size};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t first = line ? (size_t)(line - data) : size;
	size_t rest = line ? size - first - 1 : 0;
	struct parley_str one = block(data, first);
	struct parley_str other = block(line ? line + 1 : data, rest);

	expect(uri_equal(one, one) && uri_equal(other, other));
	expect(uri_equal(one, other) == uri_equal(other, one));
	free((void *)(uintptr_t)one.s);
	free((void *)(uintptr_t)other.s);
	return 0;
}
