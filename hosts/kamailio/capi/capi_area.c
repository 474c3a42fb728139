/*
 * capi_area.c - the area of a dialog, shared by the C APIs
 *
 * Other processes may read a part at the same time. A number is one store. A
 * text is two, its address and its length; the shorter length stands while the
 * address changes, and what was shown before is still there (parley_shown).
 */
#include "core/pt.h"

#include "adapter.h"
#include "capi.h"
#include "capi_area.h"
#include "reader.h"
#include "text.h"

static struct {
	uint32_t bytes[CAPI_PARTS]; /* 0: not there */
	uint32_t at[CAPI_PARTS];
	uint32_t total, leg;
} area;

static int apply(void)
{
	if (parley_set_area(adapter.engine, area.total) == 0 &&
	    parley_set_leg_area(adapter.engine, area.leg) == 0)
		return 0;
	LM_ERR("the structs of a dialog, %u bytes, are too large\n",
	       area.total);
	return -1;
}

int capi_area_reserve(enum capi_part part, uint32_t bytes, uint32_t leg_bytes)
{
	if (area.bytes[part] > 0)
		return 0;
	/* Another process would not know of it. */
	if (process_no > 0 && (area.total > 0 || leg_bytes > 0)) {
		LM_ERR("this function must be called before Kamailio forks, "
		       "from mod_init\n");
		return -1;
	}
	area.bytes[part] = (bytes + 7) & ~7U;
	area.at[part] = area.total;
	area.total += area.bytes[part];
	area.leg += leg_bytes;
	return adapter.engine ? apply() : 0;
}

int capi_area_init(void)
{
	return area.total > 0 ? apply() : 0;
}

void *capi_area_part(void *whole, enum capi_part part)
{
	return whole && area.bytes[part] > 0 ? (char *)whole + area.at[part]
					     : NULL;
}

void *capi_area_of(void *part_of_area, enum capi_part part)
{
	return part_of_area ? (char *)part_of_area - area.at[part] : NULL;
}

void capi_show(void *self, void *whole, const struct parley_shown *shown)
{
	void *part = capi_area_part(whole, CAPI_DIALOG);

	(void)self;
	if (part)
		capi_view_show(part, shown);
	part = capi_area_part(whole, CAPI_IMS);
	if (part)
		capi_ims_view_show(part, shown);
}

/* ------------------------------------------------ for readers */

void capi_area_text(str *text, struct parley_str value)
{
	str now = reader_text(value);

	if (text->s == now.s && text->len == now.len)
		return;
	if (text->len > now.len || !text->s)
		__atomic_store_n(&text->len, now.len, __ATOMIC_RELEASE);
	__atomic_store_n(&text->s, now.s, __ATOMIC_RELEASE);
	__atomic_store_n(&text->len, now.len, __ATOMIC_RELEASE);
}

void capi_area_number(str *text, char *digits, uint32_t number)
{
	char print[TEXT_DIGITS];
	struct parley_str text_of = text_number(number, print);

	memcpy(digits, text_of.s, text_of.len);
	text->s = digits;
	text->len = (int)text_of.len;
}
