/* objects: hosts/cseq_text.o hosts/fields.o */
/* test_cseq_text.c - numbers of whole messages, raised and lowered */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "cseq_text.h"

enum { SECRET = 0xabc };
#define MARK "0000000000000abc\r\n"

static struct parley_str text(const char *s)
{
	return (struct parley_str){s, (uint32_t)strlen(s)};
}

/* @mark true: find says the same. */
static void raise(const char *in, const char *want)
{
	struct parley_str message = text(in);
	char *out = malloc(message.len + 1);
	struct cseq_mark mark;
	size_t len;

	assert_non_null(out);
	len = cseq_text_raise(message, SECRET, out);
	assert_int_equal(len > 0, cseq_mark_find(message, SECRET, &mark));
	if (!want)
		assert_int_equal(len, 0);
	else if (len != strlen(want) || memcmp(out, want, len) != 0)
		fail_msg("got\n%.*s\nnot\n%s", (int)len, out, want);
	free(out);
}

static void raised(void **state)
{
	(void)state;
	raise("INFO sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1.0\r\n"
	      "Via: SIP/2.0/UDP i;branch=z9hG4bKx\r\nCSeq: 9 INFO\r\n"
	      "P-K-CSeq-Auth: 1 7 " MARK "\r\nbody",
	      "INFO sip:b SIP/2.0\r\n"
	      "Via: SIP/2.0/UDP h;branch=z9hG4bK1.0.cs9\r\n"
	      "Via: SIP/2.0/UDP i;branch=z9hG4bKx\r\nCSeq: 10 INFO\r\n"
	      "\r\nbody");
	/* Other orders, short names, folded lines; two marks. */
	raise("PRACK sip:b SIP/2.0\r\nrAcK: 1\t 20\r\n  INVITE\r\n"
	      "P-K-CSeq-Refresh: 2 3 " MARK "P-K-CSeq-Auth: 4 5 " MARK
	      "CSEQ :\r\n 99 PRACK\r\nv: SIP/2.0/UDP h\r\n ;branch=z1;rport\r\n"
	      "\r\n",
	      "PRACK sip:b SIP/2.0\r\nrAcK: 1\t 25\r\n  INVITE\r\n"
	      "CSEQ :\r\n 103 PRACK\r\n"
	      "v: SIP/2.0/UDP h\r\n ;branch=z1.cs99;rport\r\n\r\n");
	/* Only PRACK has a RAck that means something. */
	raise("INFO b SIP/2.0\r\nVia: u;branch=z\r\nCSeq: 1 INFO\r\n"
	      "RAck: 1 1 INVITE\r\nP-K-CSeq-Refresh: 1 1 " MARK "\r\n",
	      "INFO b SIP/2.0\r\nVia: u;branch=z.cs1\r\nCSeq: 2 INFO\r\n"
	      "RAck: 1 1 INVITE\r\n\r\n");
}

static void not_ours(void **state)
{
	(void)state;
	raise("INFO b SIP/2.0\r\nVia: u;branch=z\r\nCSeq: 1 INFO\r\n"
	      "P-K-CSeq-Auth: 1 1 0000000000000abd\r\n\r\n",
	      NULL);
	raise("INFO b SIP/2.0\r\nVia: u;branch=z\r\nCSeq: 1 INFO\r\n\r\n"
	      "P-K-CSeq-Auth: 1 1 " MARK,
	      NULL);
	raise("INFO b SIP/2.0\r\nP-K-CSeq-Other: 1 1 " MARK "\r\n", NULL);
	raise("INFO b SIP/2.0\r\nP-K-CSeq-Auth: 01 1 " MARK "\r\n", NULL);
	raise("INFO b SIP/2.0\r\nP-K-CSeq-Auth: 4294967296 1 " MARK "\r\n",
	      NULL);
	raise("INFO b SIP/2.0\r\nP-K-CSeq-", NULL);
	raise("", NULL);
	/* No header field, though it looks like one. */
	raise("P-K-CSeq-Refresh: 1 1 " MARK "\r\nVia: u;branch=z\r\n"
	      "CSeq: 9 PRACK\r\n",
	      NULL);
	/* Ours goes, a forged one stays. */
	raise("INFO b SIP/2.0\r\nP-K-CSeq-Auth: 5\r\nVia: u;branch=z\r\n"
	      "CSeq: 1 INFO\r\nP-K-CSeq-Refresh: 1 0 " MARK "\r\n",
	      "INFO b SIP/2.0\r\nP-K-CSeq-Auth: 5\r\nVia: u;branch=z.cs1\r\n"
	      "CSeq: 2 INFO\r\n\r\n");
}

/* Without a branch or a number only the mark goes. */
static void malformed(void **state)
{
	(void)state;
	raise("INFO b SIP/2.0\r\nVia: u\r\nCSeq: 1 INFO\r\n"
	      "P-K-CSeq-Auth: 1 1 " MARK "\r\n",
	      "INFO b SIP/2.0\r\nVia: u\r\nCSeq: 1 INFO\r\n\r\n");
	raise("INFO b SIP/2.0\r\nVia: u;branch=z\r\nCSeq: INFO\r\n"
	      "P-K-CSeq-Auth: 1 1 " MARK "\r\n",
	      "INFO b SIP/2.0\r\nVia: u;branch=z\r\nCSeq: INFO\r\n\r\n");
	raise("INFO b SIP/2.0\r\nP-K-CSeq-Auth: 1 1 0000000000000abc",
	      "INFO b SIP/2.0\r\n");
}

static void lower(const char *in, const char *want)
{
	char message[512];
	size_t len = strlen(in);

	memcpy(message, in, len);
	assert_int_equal(cseq_text_lower(message, len), want != NULL);
	if (memcmp(message, want ? want : in, len) != 0)
		fail_msg("got\n%.*s\nnot\n%s", (int)len, message,
			 want ? want : in);
}

static void lowered(void **state)
{
	(void)state;
	lower("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z.0.cs9;x=1\r\n"
	      "Via: u;branch=y\r\nCSeq: 10 INFO\r\n\r\n",
	      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z.0;z=9;x=1\r\n"
	      "Via: u;branch=y\r\nCSeq:  9 INFO\r\n\r\n");
	lower("SIP/2.0 200 OK\r\nCSeq: 12 INFO\r\nv: u;branch=z.cs11,u\r\n\r\n",
	      "SIP/2.0 200 OK\r\nCSeq: 11 INFO\r\nv: "
	      "u;branch=z;z=11,u\r\n\r\n");
	/* Whoever is not on top is not ours. */
	lower("SIP/2.0 200 OK\r\nVia: u;branch=z\r\nVia: u;branch=z.cs1\r\n"
	      "CSeq: 2 INFO\r\n\r\n",
	      NULL);
	lower("INFO b SIP/2.0\r\nVia: u;branch=z.cs1\r\nCSeq: 2 INFO\r\n\r\n",
	      NULL);
	lower("SIP/2.0 200 OK\r\nVia: u;branch=z.cs10\r\nCSeq: 9 A\r\n\r\n",
	      NULL);
	lower("SIP/2.0 200 OK\r\nVia: u;branch=z.cs\r\nCSeq: 9 A\r\n\r\n",
	      NULL);
	lower("SIP/2.0 200 OK\r\nVia: u;branch=cs1\r\nCSeq: 9 A\r\n\r\n", NULL);
	lower("SIP/2.0 200 OK\r\nVia: u;branch=.cs4294967296\r\n"
	      "CSeq: 4294967297 A\r\n\r\n",
	      NULL);
	lower("SIP/2.0 200 OK\r\nVia: u;branch=z.cs1\r\n\r\nCSeq: 2 A\r\n",
	      NULL);
	lower("SIP/2.0 200 OK", NULL);
	lower("SIP", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raised),
		cmocka_unit_test(not_ours),
		cmocka_unit_test(malformed),
		cmocka_unit_test(lowered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
