/* objects: hosts/rpc/fifo_parse.o hosts/rpc/fifo_reply.o */
/*
 * fuzz_fifo.c - what anybody may write into the classic FIFO
 *
 * The first byte says in what pieces the others come, what is between them, and
 * how many bytes are repeated. What is found must not depend on the pieces, and
 * must be what may be found; after it all the next request is understood.
 */
#include <stdlib.h>
#include <string.h>

#include "fifo_parse.h"
#include "fifo_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool is_in(struct parley_str text, const struct fifo_parser *parser)
{
	return text.len == 0 ||
	       (text.s >= parser->bytes &&
		text.s + text.len <= parser->bytes + FIFO_REQUEST_MAX);
}

/* An answer with all that came has as many lines as it was given. */
static void answer(struct fifo_request *request)
{
	const struct parley_str none = {NULL, 0};
	struct fifo_reply reply = {0};
	struct parley_str param;
	size_t lines = 0, seen = 0;

	while (fifo_param_next(&request->params, &param)) {
		require(param.len == 0 || !memchr(param.s, '\n', param.len));
		require(fifo_reply_line(&reply, lines % 5,
					lines % 2 ? param : none, &param));
		lines++;
	}
	require(fifo_reply_end(&reply, 200, "OK"));
	for (size_t i = 0; i < reply.len; i++)
		seen += reply.s[i] == '\n';
	require(seen == lines + 2);
	/* The only empty line is the last one. */
	for (size_t i = 1; i + 1 < reply.len; i++)
		require(reply.s[i] != '\n' || reply.s[i - 1] != '\n');
	fifo_reply_free(&reply);
}

/* Returns a sum of what was found. */
static uint64_t look(enum fifo_found found, struct fifo_request *request,
		     const struct fifo_parser *parser)
{
	uint64_t sum = (uint64_t)found;

	if (found != FIFO_REQUEST && found != FIFO_BAD)
		return sum;
	require((request->fault != NULL) == (found == FIFO_BAD));
	require(is_in(request->command, parser) &&
		is_in(request->reply, parser) &&
		is_in(request->params, parser) && !fifo_is_pending(parser));
	require(request->reply.len <= FIFO_REPLY_NAME_MAX);
	for (uint32_t i = 0; i < request->reply.len; i++) {
		require(request->reply.s[i] != '/' &&
			request->reply.s[i] != '\0');
		require(i == 0 ||
			memcmp(request->reply.s + i - 1, "..", 2) != 0);
	}
	sum += request->command.len * UINT64_C(31) +
	       request->reply.len * UINT64_C(977) +
	       request->params.len * UINT64_C(65599);
	if (found == FIFO_REQUEST)
		answer(request);
	return sum;
}

static uint64_t play(struct parley_str bytes, uint32_t step, uint32_t times)
{
	struct fifo_parser *parser = calloc(1, sizeof(*parser));
	struct fifo_request request;
	uint64_t sum = 0;

	require(parser != NULL);
	for (; times > 0; times--)
		for (uint32_t at = 0, used; at < bytes.len; at += used) {
			uint32_t left = bytes.len - at;
			struct parley_str part = {bytes.s + at,
						  left < step ? left : step};
			enum fifo_found found =
				fifo_parse(parser, part, &used, &request);

			require(used > 0 && used <= part.len);
			require(found != FIFO_NOTHING || used == part.len);
			if (found != FIFO_NOTHING)
				sum = sum * 33 + look(found, &request, parser);
		}
	sum = sum * 33 + look(step % 2 ? fifo_parse_end(parser, &request)
				       : fifo_parse_drop(parser, &request),
			      &request, parser);
	require(!fifo_is_pending(parser));
	{
		const struct parley_str next = {":next:r\nx\n\n", 11};
		uint32_t used;

		require(fifo_parse(parser, next, &used, &request) ==
				FIFO_REQUEST &&
			used == next.len && request.reply.len == 1);
	}
	free(parser);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parley_str bytes;
	uint32_t times;

	if (size < 2)
		return 0;
	times = data[0] == 0xff && data[1] == 0xff
			? 1 + FIFO_REQUEST_MAX / (uint32_t)(size - 1)
			: 1 + data[0] % 3;
	bytes = (struct parley_str){(const char *)data + 1, (uint32_t)size - 1};
	require(play(bytes, 1, times) == play(bytes, 1001, times));
	(void)play(bytes, 2 + data[0] % 8 * 2, times);
	return 0;
}
