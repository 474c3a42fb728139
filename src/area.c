/*
 * area.c - the host's part of a dialog, and what may be read of it unlocked
 *
 * A module on top of the host gets a struct of its own kind for a dialog and
 * reads it when it likes, in any process, without a lock. So nothing that was
 * ever shown is freed before the dialog: a text that is replaced stays, a leg
 * that goes stays. Who changes its contact again and again must not fill the
 * memory, though: after KEPT_MAX texts a new one takes the place of the old,
 * and where it does not fit, the new place is twice as large.
 *
 * Pins keep a dialog after its end like notes do, but those who take them may
 * never give them back: the end timeout lets go of them.
 */
#include "dialog.h"

enum { KEPT_MAX = 32, AREA_ALIGN = 8 };

int parley_set_area(struct parley *engine, uint32_t bytes)
{
	uint32_t rounded = (bytes + AREA_ALIGN - 1) & ~(AREA_ALIGN - 1U);

	if (bytes > PARLEY_AREA_MAX)
		return PARLEY_E_ARGUMENT;
	engine->area_len =
		bytes == 0 ? 0
			   : (uint16_t)(offsetof(struct area, host) + rounded);
	return 0;
}

int parley_set_leg_area(struct parley *engine, uint32_t bytes)
{
	if (bytes > PARLEY_AREA_MAX || (bytes > 0 && engine->area_len == 0))
		return PARLEY_E_ARGUMENT;
	engine->leg_area_len =
		(uint16_t)((bytes + AREA_ALIGN - 1) & ~(AREA_ALIGN - 1U));
	return 0;
}

/* ------------------------------------------------------- showing */

bool parley_shown_leg(const struct parley_shown *shown, const void **cursorp,
		      struct parley_leg_view *view, void **areap)
{
	const struct leg *last = *cursorp;
	const struct leg *leg = last ? last->next : shown->first_leg;

	if (leg == NULL)
		return false;
	*cursorp = leg;
	*view = leg_callee(leg);
	*areap = area_of_leg(shown->engine, leg);
	return true;
}

void *area_show_locked(struct parley *engine, const struct dialog *dialog)
{
	struct area *area = area_of(dialog);
	struct parley_shown shown;

	if (area == NULL)
		return NULL;
	if (engine->host.show == NULL)
		return area->host;
	shown = (struct parley_shown){
		.id = dialog->id,
		.state = dialog->state,
		.ending = dialog->ending,
		.expired = dialog->expired,
		.flags = dialog->flags,
		.options = dialog->options,
		.lifetime_s = dialog->lifetime_s,
		.init_s = dialog->init_s,
		.start_s = dialog->start_s,
		.end_s = dialog->end_s,
		.invite_cseq = dialog->invite_cseq,
		.callid = dialog_callid(dialog),
		.from_uri = dialog_from_uri(dialog),
		.to_uri = dialog_to_uri(dialog),
		.req_uri = dialog_req_uri(dialog),
		.caller = dialog_caller(dialog),
		.engine = engine,
		.first_leg = dialog->legs,
	};
	if (dialog->legs != NULL)
		shown.callee = leg_callee(dialog->legs);
	engine->host.show(engine->host.self, area->host, &shown);
	return area->host;
}

/* ------------------------------------------------------- texts */

static struct kept *kept_find(const struct area *area, const char *text)
{
	struct kept *kept = area->kept;

	while (kept != NULL && kept->bytes != text)
		kept = kept->next;
	return kept;
}

static struct kept *kept_new(struct parley *engine, struct area *area,
			     uint32_t size)
{
	struct kept *kept =
		mem_alloc(&engine->mem, offsetof(struct kept, bytes) + size);

	if (kept == NULL)
		return NULL;
	kept->next = area->kept;
	kept->size = size;
	area->kept = kept;
	area->kept_count++;
	return kept;
}

int area_text_set(struct parley *engine, struct dialog *dialog,
		  struct text *text, struct parley_str value)
{
	struct area *area = area_of(dialog);
	struct kept *place = NULL;
	uint32_t size = value.len;

	/* A block of its own is of a text that is not shown. */
	if (area == NULL || text->own)
		return text_set(&engine->mem, text, value);
	if (value.len > PARLEY_STR_MAX)
		return PARLEY_E_ARGUMENT;
	if (str_equal(text_str(text), value))
		return 0;
	if (value.len == 0) {
		text->len = 0;
		return 0;
	}
	if (area->kept_count >= KEPT_MAX) {
		place = kept_find(area, text->s);
		if (place != NULL && place->size < value.len)
			place = NULL;
		size *= 2;
	}
	if (place == NULL)
		place = kept_new(engine, area, size);
	if (place == NULL)
		return PARLEY_E_MEMORY;
	memcpy(place->bytes, value.s, value.len);
	text->s = place->bytes;
	text->len = (uint16_t)value.len;
	return 0;
}

bool area_had_leg(const struct dialog *dialog, struct parley_str tag)
{
	const struct area *area = area_of(dialog);
	const struct leg *leg = area == NULL ? NULL : area->legs;

	while (leg != NULL && !str_equal(leg_tag(leg), tag))
		leg = leg->next;
	return leg != NULL;
}

void area_fini(struct parley *engine, struct dialog *dialog)
{
	struct area *area = area_of(dialog);

	if (area == NULL)
		return;
	while (area->kept != NULL) {
		struct kept *kept = area->kept;

		area->kept = kept->next;
		mem_free(&engine->mem, kept,
			 offsetof(struct kept, bytes) + kept->size);
	}
	while (area->legs != NULL) {
		struct leg *leg = area->legs;

		area->legs = leg->next;
		mem_free(&engine->mem, leg, leg->size);
	}
}

/* ------------------------------------------------------- pins */

int parley_pin(struct parley *engine, struct parley_id id, void **areap)
{
	struct dialog *dialog = dialog_find_lock_any(engine, id);
	struct area *area;
	int rc = 0;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	area = area_of(dialog);
	/* While DESTROY runs nothing is kept any more. */
	if (dialog->destroying)
		rc = PARLEY_E_NO_DIALOG;
	else if (area == NULL)
		rc = PARLEY_E_ABSENT;
	else if (area->pins == UINT16_MAX)
		rc = PARLEY_E_FULL;
	if (rc == 0) {
		area->pins++;
		*areap = area_show_locked(engine, dialog);
	}
	dialog_unlock(engine, id);
	return rc;
}

int parley_unpin(struct parley *engine, struct parley_id id, const void *host)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	struct area *area;
	bool last = false;
	int rc = 0;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	area = area_of(dialog);
	if (area == NULL || area->host != host) {
		rc = PARLEY_E_NO_DIALOG;
	} else if (area->pins == 0) {
		rc = PARLEY_E_ABSENT;
	} else {
		area->pins--;
		last = dialog_settle_locked(dialog);
	}
	dialog_unlock(engine, id);
	if (last)
		dialog_destroy(engine, dialog);
	return rc;
}

bool area_expire_pins(struct dialog *dialog)
{
	struct area *area = area_of(dialog);

	if (area == NULL || area->pins == 0)
		return false;
	if (!area->pins_warned) {
		area->pins_warned = true;
		return true;
	}
	area->pins = 0;
	return false;
}
