/* objects: hosts/uri_equal.o */
/* test_uri_equal.c - RFC 3261 19.1.4, all of its examples included */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "uri_equal.h"

/* In blocks of their exact size, so that reading beyond them is seen. */
static bool equal(const char *one, const char *other)
{
	struct parley_str texts[2] = {test_str(one), test_str(other)};
	bool same[2];

	for (int i = 0; i < 2; i++) {
		char *copy = malloc(texts[i].len > 0 ? texts[i].len : 1);

		assert_non_null(copy);
		memcpy(copy, texts[i].s, texts[i].len);
		texts[i].s = copy;
	}
	same[0] = uri_equal(texts[0], texts[1]);
	same[1] = uri_equal(texts[1], texts[0]);
	assert_int_equal(same[0], same[1]);
	for (int i = 0; i < 2; i++)
		free((void *)(uintptr_t)texts[i].s);
	return same[0];
}

static void these_are_equal(void **state)
{
	static const char *const pairs[][2] = {
		{"sip:%61lice@atlanta.com;transport=TCP",
		 "sip:alice@AtLanTa.CoM;Transport=tcp"},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on"},
		{"sip:carol@chicago.com;newparam=5",
		 "sip:carol@chicago.com;security=on"},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40b."
		 "c",
		 "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40b."
		 "c"},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		 "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
		{"", ""},
		{"SIPS:a@b", "sips:a@b"},
		{"sip:a@b:5070", "sip:a@B:05070"},
		{"sip:a@[::1]:5060;lr", "sip:a@[::1]:5060;LR"},
		{"sip:a@[FE80::1]", "sip:a@[fe80::1]"},
		{"sip:a@b;x=%41", "sip:a@b;X=a"},
		{"sip:a@b;;x=1;", "sip:a@b;x=1"},
		{"tel:+1-2", "TEL:+1-2"},
		{"sip:a;phone=1@b", "sip:a;phone=1@b;x"},
		{"sip:a%zz@b", "sip:a%zz@B"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!equal(pairs[i][0], pairs[i][1]))
			fail_msg("%s, %s", pairs[i][0], pairs[i][1]);
}

static void these_are_not(void **state)
{
	static const char *const pairs[][2] = {
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp",
		 "sip:alice@AtLanTa.CoM;Transport=UDP"},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
		{"sip:carol@chicago.com",
		 "sip:carol@chicago.com?Subject=next%20meeting"},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
		{"sip:a@b;lr", "sip:a@b;lr;transport=udp"},
		{"sip:a@b;x=1", "sip:a@b;x=2"},
		{"sip:a@b;x", "sip:a@b;x=1"},
		{"sip:a@b;y;maddr=c", "sip:a@b;y"},
		{"sip:a@b;y;ttl=1", "sip:a@b;y"},
		{"sip:a@b;y;user=phone", "sip:a@b;y"},
		{"sip:a@b;y;method=BYE", "sip:a@b;y"},
		{"sip:a@b;%74tl=1", "sip:a@b"},
		{"sip:a@b", "sips:a@b"},
		{"sip:a@b", "sip:b"},
		{"sip:@b", "sip:b"},
		{"sip:a:p@b", "sip:a@b"},
		{"sip:a:p@b", "sip:a:P@b"},
		{"sip:a%3Bx@b", "sip:a;x@b"},
		{"sip:a%25@b", "sip:a%@b"},
		{"sip:a@b?x=1&y=2", "sip:a@b?x=1"},
		{"sip:a@b:5061", "sip:a@b:5060"},
		{"sip:a@[::1]:5060", "sip:a@[::1]"},
		{"sip:a@b", ""},
		{"sip:a@b", "sip:a@bc"},
		{"tel:+12", "tel:+123"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (equal(pairs[i][0], pairs[i][1]))
			fail_msg("%s, %s", pairs[i][0], pairs[i][1]);
}

/* What takes a look at each pair of parameters must not be given many. */
static void too_many_parameters(void **state)
{
	char one[] = "sip:a@b;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x"
		     ";x;x;x;x;x;x;x;x";
	char other[sizeof(one)];

	(void)state;
	memcpy(other, one, sizeof(one));
	other[sizeof("sip:a@") - 1] = 'B';
	assert_false(equal(one, other));
	assert_true(equal(one, one));
	/* One less is 32. */
	one[sizeof(one) - 3] = other[sizeof(other) - 3] = '\0';
	assert_true(equal(one, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(these_are_equal),
		cmocka_unit_test(these_are_not),
		cmocka_unit_test(too_many_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
