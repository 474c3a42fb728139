/*
 * fifo_parse.h - the lines of the classic FIFO
 *
 * What:    takes requests out of a stream of bytes:
 *              :command:reply_fifo
 *              parameter
 *              parameter
 *              (an empty line, or all writers have closed)
 * Owns:    the bytes of one request, never more.
 * Locking: none; one process reads.
 * Always:  whatever comes, the next request that begins after an empty line,
 *          or after all writers have closed, is understood.
 * Why:     any user who may write there can write anything; this file knows no
 *          server and is fuzzed by itself.
 */
#ifndef FIFO_PARSE_H
#define FIFO_PARSE_H

#include "parley.h"

enum {
	FIFO_REQUEST_MAX = 64 * 1024, /* bytes, the command's line included */
	FIFO_REPLY_NAME_MAX = 128,
};

enum fifo_found {
	FIFO_NOTHING, /* all bytes are taken, and no request is complete */
	FIFO_REQUEST, /* one is complete */
	FIFO_BAD,     /* one has ended that cannot be run */
	FIFO_NOISE,   /* a line outside of a request was left out */
};

struct fifo_request {
	struct parley_str command;
	struct parley_str reply;  /* name of its FIFO; empty: no answer */
	struct parley_str params; /* of fifo_param_next() */
	const char *fault;	  /* BAD: what is wrong; constant */
};

struct fifo_parser {
	uint32_t len;	   /* of `bytes` */
	uint32_t line_len; /* of the line that is not complete */
	bool too_long;	   /* what does not fit is left out up to the end */
	char bytes[FIFO_REQUEST_MAX];
};

/* Takes bytes up to the end of a request; *@usedp says how many. The texts of
 * @request are valid until the next call. */
enum fifo_found fifo_parse(struct fifo_parser *parser, struct parley_str bytes,
			   uint32_t *usedp, struct fifo_request *request);

/* All writers have closed: what has come so far is a request, if anything. */
enum fifo_found fifo_parse_end(struct fifo_parser *parser,
			       struct fifo_request *request);

/* The rest does not come. BAD, or NOTHING if there was no request. */
enum fifo_found fifo_parse_drop(struct fifo_parser *parser,
				struct fifo_request *request);

/* Part of a request is there. */
static inline bool fifo_is_pending(const struct fifo_parser *parser)
{
	return parser->len > 0 || parser->too_long;
}

/* Takes the next parameter off @params. A line of two quotes is an empty one.
 * False: there are no more. */
bool fifo_param_next(struct parley_str *params, struct parley_str *param);

#endif
