/*
 * cseq_text.h - CSeq, RAck and Via of a whole message, changed in its bytes
 *
 * What:    a request that is to leave with a higher CSeq carries a mark: a
 *          header field of our own that says by how much. Before it is sent the
 *          mark is taken out, the number is raised, and the number before is
 *          kept behind the branch of our Via (".cs7"). A reply brings it back;
 *          then the number of the reply is lowered and the branch is again the
 *          one that tm knows.
 * Owns:    nothing.
 * Locking: none.
 * Always:  nothing is read or written outside of the text; a mark without the
 *          secret of this start is another's header field and stays as it is; a
 *          message with a mark does not become longer.
 * Why:     this reads what anybody may send; it knows no server, so that it is
 *          tested and fuzzed by itself.
 */
#ifndef CSEQ_TEXT_H
#define CSEQ_TEXT_H

#include "parley.h"

/* With both of the names that uac and tm know of. */
#define CSEQ_MARK_PREFIX "P-K-CSeq-"
#define CSEQ_MARK_AUTH "P-K-CSeq-Auth"
#define CSEQ_MARK_REFRESH "P-K-CSeq-Refresh"

enum { CSEQ_MARK_MAX = 40 };

struct cseq_mark {
	uint32_t shift; /* to add to CSeq */
	uint32_t rack;	/* to add to the number that RAck names */
};

/* The value of the header field; returns its length. */
size_t cseq_mark_print(const struct cseq_mark *mark, uint64_t secret,
		       char out[CSEQ_MARK_MAX]);

/* The mark of @message; of several, each made later than the one before, the
 * one that adds most. False: there is none; then @mark is zero. */
bool cseq_mark_find(struct parley_str message, uint64_t secret,
		    struct cseq_mark *mark);

/* The request as it is to be sent, in @out, which has room for message.len.
 * Returns its length; 0: it has no mark, @out was not written. */
size_t cseq_text_raise(struct parley_str message, uint64_t secret, char *out);

/* Gives a reply its number back, in place. True: it had another one. */
bool cseq_text_lower(char *message, size_t len);

#endif
