/* objects: hosts/cseq_text.o hosts/fields.o */
/*
 * fuzz_cseq.c - messages whose numbers are raised and lowered
 *
 * Any text as a request and as a reply. A mark of ours makes a request no
 * longer; a reply is lowered as often as it has a number for.
 */
#include <stdlib.h>
#include <string.h>

#include "cseq_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct parley_str text = {(const char *)data, (uint32_t)size};
	char *out = malloc(size + 1);
	struct cseq_mark mark;

	if (!out)
		return 0;
	size_t len = cseq_text_raise(text, 0, out);

	expect(len <= size);
	expect((len > 0) == cseq_mark_find(text, 0, &mark));
	if (size > 0)
		memcpy(out, data, size);
	/* Each time one ".cs" less; what is left is the other bytes. */
	for (len = 0; cseq_text_lower(out, size); len++)
		expect(len < size / 4);
	free(out);
	return 0;
}
