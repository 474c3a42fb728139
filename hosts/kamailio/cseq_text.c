/* See cseq_text.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cseq_text.h"
#include "fields.h"

/* ------------------------------------------------ lines */

/* One header field; @body begins behind the colon. */
struct line {
	const char *at, *body, *end; /* end: behind its line end */
};

/* Behind the line end at or after @at; a line that begins with white space
 * belongs to the one before (RFC 3261 7.3.1). */
static const char *line_end(const char *at, const char *end)
{
	for (;;) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return end;
		at++;
		if (at == end || (*at != ' ' && *at != '\t'))
			return at;
	}
}

/* The next header field at @at. False: the header is over. */
static bool next_line(const char *at, const char *end, struct line *line)
{
	const char *colon;

	if (at >= end || *at == '\r' || *at == '\n')
		return false;
	line->at = at;
	line->end = line_end(at, end);
	colon = memchr(at, ':', (size_t)(line->end - at));
	line->body = colon ? colon + 1 : line->end;
	return true;
}

static bool is_named(const struct line *line, const char *name)
{
	size_t len = strlen(name);
	const char *at = line->at + len;

	if ((size_t)(line->end - line->at) <= len ||
	    strncasecmp(line->at, name, len) != 0)
		return false;
	while (at < line->body && (*at == ' ' || *at == '\t'))
		at++;
	return at + 1 == line->body;
}

static struct parley_str body_of(const struct line *line)
{
	return field_trim((struct parley_str){
		line->body, (uint32_t)(line->end - line->body)});
}

/* ------------------------------------------------ numbers */

static struct parley_str digits_at(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (struct parley_str){from, (uint32_t)(at - from)};
}

/* The second number of RAck (RFC 3262 7.2). */
static struct parley_str rack_number(struct parley_str body)
{
	const char *end = body.s + body.len;
	struct parley_str first = digits_at(body.s, end);
	const char *at = first.s + first.len;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return digits_at(at, end);
}

/* ------------------------------------------------ marks */

size_t cseq_mark_print(const struct cseq_mark *mark, uint64_t secret,
		       char out[CSEQ_MARK_MAX])
{
	return (size_t)snprintf(out, CSEQ_MARK_MAX, "%u %u %016llx",
				mark->shift, mark->rack,
				(unsigned long long)secret);
}

/* Takes a value apart and prints it again: only what we have written ourselves
 * is the same afterwards. */
static bool is_mark(const struct line *line, uint64_t secret,
		    struct cseq_mark *mark)
{
	struct parley_str body = body_of(line);
	struct parley_str shift = digits_at(body.s, body.s + body.len);
	char again[CSEQ_MARK_MAX];

	return field_number(shift, &mark->shift) &&
	       field_number(rack_number(body), &mark->rack) &&
	       cseq_mark_print(mark, secret, again) == body.len &&
	       memcmp(again, body.s, body.len) == 0;
}

static bool is_named_mark(const struct line *line)
{
	return is_named(line, CSEQ_MARK_AUTH) ||
	       is_named(line, CSEQ_MARK_REFRESH);
}

static const char *first_line_end(struct parley_str message)
{
	const char *at = memchr(message.s, '\n', message.len);

	return at ? at + 1 : message.s + message.len;
}

/* The next line that begins like a mark, or NULL; an empty line ends the
 * header. This is all that most messages see of this file. */
static const char *next_mark(const char *at, const char *end)
{
	static const char prefix[] = CSEQ_MARK_PREFIX;
	const size_t len = sizeof(prefix) - 1;

	while (at < end && *at != '\r' && *at != '\n') {
		if ((size_t)(end - at) > len && memcmp(at, prefix, len) == 0)
			return at;
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return NULL;
		at++;
	}
	return NULL;
}

bool cseq_mark_find(struct parley_str message, uint64_t secret,
		    struct cseq_mark *mark)
{
	const char *end = message.s + message.len;
	const char *at = next_mark(first_line_end(message), end);
	struct cseq_mark read;
	struct line line;

	*mark = (struct cseq_mark){0};
	for (; at; at = next_mark(line.end, end)) {
		if (!next_line(at, end, &line))
			break;
		if (!is_mark(&line, secret, &read))
			continue;
		if (read.shift > mark->shift && is_named_mark(&line))
			*mark = read;
	}
	return mark->shift > 0;
}

/* ------------------------------------------------ raising */

/* Instead of @len bytes at @at stands @text. */
struct edit {
	const char *at;
	size_t len;
	char text[16];
};

enum { EDITS_MAX = 8 };

struct edits {
	struct edit list[EDITS_MAX];
	uint32_t count;
};

/* In the order of the message. */
static void edit_add(struct edits *edits, const char *at, size_t len,
		     const char *text)
{
	uint32_t i = edits->count;

	if (i == EDITS_MAX)
		return;
	for (; i > 0 && edits->list[i - 1].at > at; i--)
		edits->list[i] = edits->list[i - 1];
	edits->list[i].at = at;
	edits->list[i].len = len;
	snprintf(edits->list[i].text, sizeof(edits->list[i].text), "%s", text);
	edits->count++;
}

static void edit_number(struct edits *edits, struct parley_str digits,
			uint32_t shift)
{
	uint32_t number;
	char text[16];

	if (!field_number(digits, &number) || number > UINT32_MAX - shift)
		return;
	snprintf(text, sizeof(text), "%u", number + shift);
	edit_add(edits, digits.s, digits.len, text);
}

/* Where what is to change stands. */
struct places {
	struct parley_str branch, cseq, rack;
	struct edits marks;
};

static void find_places(struct parley_str message, uint64_t secret,
			struct places *places)
{
	const char *end = message.s + message.len;
	struct cseq_mark ignored;
	struct line line;

	*places = (struct places){0};
	line.end = first_line_end(message);
	while (next_line(line.end, end, &line)) {
		struct parley_str body;

		if (is_named(&line, "Via") || is_named(&line, "v")) {
			if (!places->branch.s)
				places->branch = field_parameter(body_of(&line),
								 "branch");
		} else if (is_named(&line, "CSeq")) {
			body = body_of(&line);
			if (!places->cseq.s)
				places->cseq =
					digits_at(body.s, body.s + body.len);
		} else if (is_named(&line, "RAck")) {
			if (!places->rack.s)
				places->rack = rack_number(body_of(&line));
		} else if (is_named_mark(&line) &&
			   is_mark(&line, secret, &ignored)) {
			edit_add(&places->marks, line.at,
				 (size_t)(line.end - line.at), "");
		}
	}
}

static size_t apply(const struct edits *edits, struct parley_str message,
		    char *out)
{
	const char *from = message.s;
	char *to = out;

	for (uint32_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->list[i];
		size_t before = (size_t)(edit->at - from);
		size_t len = strlen(edit->text);

		memcpy(to, from, before);
		memcpy(to + before, edit->text, len);
		to += before + len;
		from = edit->at + edit->len;
	}
	memcpy(to, from, (size_t)(message.s + message.len - from));
	return (size_t)(to - out) + (size_t)(message.s + message.len - from);
}

size_t cseq_text_raise(struct parley_str message, uint64_t secret, char *out)
{
	struct places places;
	struct cseq_mark mark;
	char text[16];
	uint32_t number;
	bool prack = message.len > 6 && memcmp(message.s, "PRACK ", 6) == 0;

	if (!cseq_mark_find(message, secret, &mark))
		return 0;
	find_places(message, secret, &places);
	/* A mark is longer than all that is put in. */
	if (places.branch.len > 0 && field_number(places.cseq, &number)) {
		snprintf(text, sizeof(text), ".cs%u", number);
		edit_add(&places.marks, places.branch.s + places.branch.len, 0,
			 text);
		edit_number(&places.marks, places.cseq, mark.shift);
		if (prack)
			edit_number(&places.marks, places.rack, mark.rack);
	}
	return apply(&places.marks, message, out);
}

/* ------------------------------------------------ lowering */

/* ".cs" and digits at the end of @branch: the digits. */
static struct parley_str branch_cseq(struct parley_str branch)
{
	struct parley_str digits = {0};

	if (branch.len == 0)
		return digits;
	digits.s = branch.s + branch.len;
	while (digits.s > branch.s && digits.s[-1] >= '0' &&
	       digits.s[-1] <= '9') {
		digits.s--;
		digits.len++;
	}
	if (digits.s - branch.s < 3 || memcmp(digits.s - 3, ".cs", 3) != 0)
		digits.len = 0;
	return digits;
}

bool cseq_text_lower(char *message, size_t len)
{
	const struct parley_str text = {message, (uint32_t)len};
	struct places places;
	struct parley_str before;
	uint32_t number;
	struct line via;
	char *cseq;

	if (len < 8 || memcmp(message, "SIP/2.0 ", 8) != 0)
		return false;
	/* Our Via comes first, nearly always in the first line; then that is
	 * all that is looked at. */
	if (next_line(first_line_end(text), message + len, &via) &&
	    (is_named(&via, "Via") || is_named(&via, "v")) &&
	    branch_cseq(field_parameter(body_of(&via), "branch")).len == 0)
		return false;
	find_places(text, 0, &places);
	before = branch_cseq(places.branch);
	if (before.len == 0 || !field_number(before, &number) ||
	    places.cseq.len < before.len)
		return false;
	cseq = message + (places.cseq.s - message);
	memset(cseq, ' ', places.cseq.len - before.len);
	memcpy(cseq + (places.cseq.len - before.len), before.s, before.len);
	/* tm's own branch again: what was added becomes a parameter. */
	memcpy(message + (before.s - 3 - message), ";z=", 3);
	return true;
}
