/* See fifo_parse.h. */
#include <string.h>

#include "fifo_parse.h"
#include "text.h"

/* ------------------------------------------------ one request */

/* Takes the line up to its end, without CRs before it, off @text. */
static struct parley_str line_next(struct parley_str *text)
{
	const char *end = memchr(text->s, '\n', text->len);
	uint32_t len = end ? (uint32_t)(end - text->s) : text->len;
	uint32_t taken = end ? len + 1 : len;
	struct parley_str line = {text->s, len};

	text->s += taken;
	text->len -= taken;
	while (line.len > 0 && line.s[line.len - 1] == '\r')
		line.len--;
	return line;
}

bool fifo_param_next(struct parley_str *params, struct parley_str *param)
{
	if (params->len == 0)
		return false;
	*param = line_next(params);
	/* Only at the end, after all writers have closed. */
	if (param->len == 0)
		return false;
	if (text_is(*param, "\"\""))
		param->len = 0;
	return true;
}

/* A name in the folder of replies, and nowhere else. */
static bool is_plain(struct parley_str name)
{
	if (name.len == 0 || name.len > FIFO_REPLY_NAME_MAX ||
	    text_is(name, "."))
		return false;
	for (uint32_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.s[i];

		if (c == '/' || c < ' ' || c == 0x7f ||
		    (c == '.' && i > 0 && name.s[i - 1] == '.'))
			return false;
	}
	return true;
}

/* What is wrong with the first line, or NULL; fills in what is right. */
static const char *head_fault(struct parley_str line,
			      struct fifo_request *request)
{
	const char *colon;

	if (line.len == 0 || line.s[0] != ':')
		return "it does not begin with a colon";
	line.s++;
	line.len--;
	colon = line.len > 0 ? memchr(line.s, ':', line.len) : NULL;
	if (!colon)
		return "the name of the reply FIFO is missing, as in "
		       ":dlg_list:name";
	request->command =
		(struct parley_str){line.s, (uint32_t)(colon - line.s)};
	line.len -= request->command.len + 1;
	line.s = colon + 1;
	if (line.len > 0 && !is_plain(line))
		return "the name of the reply FIFO must be that of a file in "
		       "mi_fifo_reply_dir, without / and ..";
	request->reply = line;
	return NULL;
}

/* The request has ended; the parser is ready for the next one. */
static enum fifo_found finish(struct fifo_parser *parser,
			      struct fifo_request *request)
{
	struct parley_str text = {parser->bytes, parser->len};
	bool too_long = parser->too_long, zero;

	parser->len = parser->line_len = 0;
	parser->too_long = false;
	*request = (struct fifo_request){0};
	zero = memchr(text.s, '\0', text.len) != NULL;
	/* Of a first line that has no end nothing is certain. */
	if (too_long && !memchr(text.s, '\n', text.len))
		request->fault = "its first line is too long";
	else
		request->fault = head_fault(line_next(&text), request);
	request->params = text;
	if (!request->fault && too_long)
		request->fault = "it has more than 65536 bytes";
	if (!request->fault && zero)
		request->fault = "it has a zero byte in it";
	return request->fault ? FIFO_BAD : FIFO_REQUEST;
}
_Static_assert(FIFO_REQUEST_MAX == 65536, "the text above says so");

/* ------------------------------------------------ the stream */

/* A line has ended. */
static enum fifo_found line_ends(struct fifo_parser *parser,
				 struct fifo_request *request)
{
	bool is_empty = parser->line_len == 0;
	bool is_first = !parser->too_long &&
			!memchr(parser->bytes, '\n', parser->len - 1);

	parser->line_len = 0;
	/* Between requests. */
	if (is_first && is_empty) {
		parser->len = 0;
		return FIFO_NOTHING;
	}
	if ((is_first || parser->too_long) && parser->bytes[0] != ':') {
		parser->len = 0;
		parser->too_long = false;
		return FIFO_NOISE;
	}
	return is_empty ? finish(parser, request) : FIFO_NOTHING;
}

enum fifo_found fifo_parse(struct fifo_parser *parser, struct parley_str bytes,
			   uint32_t *usedp, struct fifo_request *request)
{
	enum fifo_found found = FIFO_NOTHING;
	uint32_t i = 0;

	while (i < bytes.len && found == FIFO_NOTHING) {
		char c = bytes.s[i++];

		if (parser->len < FIFO_REQUEST_MAX)
			parser->bytes[parser->len++] = c;
		else
			parser->too_long = true;
		/* A CR belongs to the end of its line. */
		if (c == '\n')
			found = line_ends(parser, request);
		else if (c != '\r')
			parser->line_len++;
	}
	*usedp = i;
	return found;
}

enum fifo_found fifo_parse_end(struct fifo_parser *parser,
			       struct fifo_request *request)
{
	if (!fifo_is_pending(parser))
		return FIFO_NOTHING;
	if (parser->bytes[0] != ':') {
		parser->len = parser->line_len = 0;
		parser->too_long = false;
		return FIFO_NOISE;
	}
	return finish(parser, request);
}

enum fifo_found fifo_parse_drop(struct fifo_parser *parser,
				struct fifo_request *request)
{
	bool has_head = memchr(parser->bytes, '\n', parser->len) != NULL;
	enum fifo_found found = fifo_parse_end(parser, request);

	if (found != FIFO_REQUEST && found != FIFO_BAD)
		return FIFO_NOTHING;
	request->fault = "its end has not come in time";
	/* Half a name is another one. */
	if (!has_head)
		request->reply = (struct parley_str){0};
	return FIFO_BAD;
}
