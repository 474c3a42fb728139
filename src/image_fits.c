/*
 * image_fits.c - what an image may say
 */
#include "image.h"

static bool text_fits(struct parley_str text)
{
	return text.len <= PARLEY_STR_MAX && (text.len == 0 || text.s);
}

static bool legs_fit(const struct parley_view *view)
{
	bool up = false;

	if (view->leg_count > PARLEY_LEGS_MAX)
		return false;
	for (uint32_t i = 0; i < view->leg_count; i++) {
		const struct parley_leg_view *leg = &view->legs[i];

		if ((leg->tag.len == 0 && leg->state <= PARLEY_LEG_EARLY) ||
		    !text_fits(leg->tag) || !text_fits(leg->contact) ||
		    !text_fits(leg->route_set) ||
		    leg->state < PARLEY_LEG_EARLY ||
		    leg->state > PARLEY_LEG_ENDED || leg->number == 0 ||
		    leg->number > INT32_MAX)
			return false;
		up |= leg->state == PARLEY_LEG_ANSWERED ||
		      leg->state == PARLEY_LEG_CONFIRMED;
	}
	return up || view->state < PARLEY_STATE_ANSWERED ||
	       view->state == PARLEY_STATE_DELETED;
}

static bool lists_fit(struct parley *engine, const struct parley_view *view)
{
	for (uint32_t i = 0; i < view->var_count; i++)
		if (view->vars[i].key.len == 0 || !view->vars[i].key.s ||
		    view->vars[i].key.len > PARLEY_VALUE_MAX ||
		    !text_fits(view->vars[i].value))
			return false;
	for (uint32_t i = 0; i < view->profile_count; i++)
		if (!parley_profile_name(engine, view->profiles[i].profile) ||
		    view->profiles[i].value.len > PARLEY_VALUE_MAX ||
		    !text_fits(view->profiles[i].value))
			return false;
	return true;
}

/* The entries that this Call-ID has with any hash_size end alike. */
static bool entry_fits(const struct parley *engine,
		       const struct parley_view *view)
{
	return shard_of(engine, view->id.entry) ==
	       shard_of(engine, entry_of(engine, view->callid));
}

bool image_entry_is_small(const struct parley *engine, uint32_t entry,
			  struct parley_str callid)
{
	uint32_t home = entry_of(engine, callid);

	if (shard_of(engine, entry) == shard_of(engine, home))
		return false;
	for (uint32_t size = 1; size < engine->config.shards; size *= 2)
		if (entry == (home & (size - 1)))
			return true;
	return false;
}

bool image_is_of_small_hash(const struct parley *engine,
			    const struct parley_image *image)
{
	const struct parley_view *view = &image->view;

	return image_from_store(image) && str_empty(view->owner) &&
	       image_entry_is_small(engine, view->id.entry, view->callid);
}

bool image_fits(struct parley *engine, const struct parley_image *image)
{
	const struct parley_view *view = &image->view;
	const struct parley_str *texts[] = {
		&view->callid,	       &view->caller.tag,
		&view->from_uri,       &view->to_uri,
		&view->req_uri,	       &view->timeout_route_name,
		&view->end_reason,     &view->owner,
		&view->caller.contact, &view->caller.route_set,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!text_fits(*texts[i]))
			return false;
	return view->callid.len > 0 && view->caller.tag.len > 0 &&
	       view->id.id > 0 && view->id.id <= INT32_MAX &&
	       view->id.entry < PARLEY_HASH_SIZE_MAX &&
	       (entry_fits(engine, view) ||
		image_is_of_small_hash(engine, image)) &&
	       view->state >= PARLEY_STATE_UNCONFIRMED &&
	       view->state < PARLEY_STATES && view->lifetime_s > 0 &&
	       legs_fit(view) && lists_fit(engine, view);
}
