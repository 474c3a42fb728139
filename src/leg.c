#include "dialog.h"

struct parley_str leg_tag(const struct leg *leg)
{
	return (struct parley_str){leg->bytes, leg->tag_len};
}

struct leg *leg_find(const struct dialog *dialog, struct parley_str tag)
{
	struct leg *leg = dialog->legs;
	while (leg && !str_equal(leg_tag(leg), tag))
		leg = leg->next;
	return leg;
}

struct leg *leg_find_number(const struct dialog *dialog, uint32_t number)
{
	struct leg *leg = dialog->legs;
	while (leg && leg->number != number)
		leg = leg->next;
	return leg;
}

bool leg_others_up(const struct dialog *dialog, const struct leg *leg)
{
	for (const struct leg *l = dialog->legs; l; l = l->next)
		if (l != leg && leg_up(l))
			return true;
	return false;
}

static struct mem *leg_mem(struct parley *engine, bool brief)
{
	return brief ? &engine->brief : &engine->mem;
}

static void leg_free(struct parley *engine, struct dialog *dialog,
		     struct leg *leg)
{
	struct area *area = area_of(dialog);

	count_one_less(&engine->count.legs);
	if (area) {
		/* Its texts may have been shown. */
		leg->next = area->legs;
		area->legs = leg;
		return;
	}
	text_fini(&engine->mem, &leg->contact);
	text_fini(&engine->mem, &leg->route_set);
	mem_free(leg_mem(engine, leg->brief), leg, leg->size);
}

/* Takes the leg out of the list, in which @link is the pointer to it. */
static void leg_drop(struct parley *engine, struct dialog *dialog,
		     struct leg **link)
{
	struct leg *leg = *link;

	*link = leg->next;
	dialog->leg_count--;
	leg_free(engine, dialog, leg);
}

/* Tag, contact and route set of the reply go behind the struct. A leg that
 * rings beside others will most likely lose; what was shown to others stays. */
static struct leg *leg_new(struct parley *engine, const struct dialog *dialog,
			   const struct parley_event *event)
{
	bool brief = event->type == PARLEY_EV_REPLY_1XX && dialog->legs &&
		     !area_of(dialog);
	size_t size = area_leg_size(
		engine, sizeof(struct leg) + event->to_tag.len +
				event->contact.len + event->route_set.len);
	struct leg *leg = mem_alloc(leg_mem(engine, brief), size);
	if (!leg)
		return NULL;
	memset(leg, 0, sizeof(*leg));
	leg->brief = brief;
	leg->size = (uint32_t)size;
	area_leg_init(engine, leg);
	leg->tag_len = (uint16_t)event->to_tag.len;
	if (event->to_tag.len > 0)
		memcpy(leg->bytes, event->to_tag.s, event->to_tag.len);

	char *at = leg->bytes + event->to_tag.len;
	leg->contact.s = at;
	leg->contact.len = (uint16_t)event->contact.len;
	if (event->contact.len > 0)
		memcpy(at, event->contact.s, event->contact.len);
	at += event->contact.len;
	leg->route_set.s = at;
	leg->route_set.len = (uint16_t)event->route_set.len;
	if (event->route_set.len > 0)
		memcpy(at, event->route_set.s, event->route_set.len);
	return leg;
}

/* Frees the oldest leg that only rings. False: there is none. */
static bool leg_give_up(struct parley *engine, struct dialog *dialog)
{
	struct leg **link = &dialog->legs;

	while (*link && (*link)->state != PARLEY_LEG_EARLY)
		link = &(*link)->next;
	if (!*link)
		return false;
	leg_drop(engine, dialog, link);
	return true;
}

/*
 * A tag like the caller's is bad manners (RFC 3261 19.3), but a leg like any
 * other: what is not followed would have neither limit nor end. For the same
 * reason who answers takes the place of one that rings.
 */
int leg_add(struct parley *engine, struct dialog *dialog,
	    const struct parley_event *event, struct leg **legp)
{
	/* RFC 3261 12.1.2: an old callee answers without one. */
	if (event->to_tag.len == 0 && event->type != PARLEY_EV_REPLY_2XX)
		return PARLEY_E_ARGUMENT;
	if (dialog->leg_count >= PARLEY_LEGS_MAX) {
		count_one(&engine->count.legs_refused);
		if (event->type != PARLEY_EV_REPLY_2XX ||
		    !leg_give_up(engine, dialog))
			return PARLEY_E_FULL;
	}
	struct leg *leg = leg_new(engine, dialog, event);
	if (!leg) {
		count_one(&engine->count.no_memory);
		return PARLEY_E_MEMORY;
	}
	leg->state = PARLEY_LEG_EARLY;
	leg->same_tag = str_equal(event->to_tag, dialog_from_tag(dialog));
	leg->number = dialog->next_leg++;
	leg->socket = event->socket;
	leg->order_callee.since = SINCE_NEVER;
	cseq_answer(leg, dialog->invite_cseq, event->cseq_shift);

	struct leg **end = &dialog->legs;
	while (*end)
		end = &(*end)->next;
	*end = leg;
	dialog->leg_count++;
	count_one(&engine->count.legs);
	*legp = leg;
	return 0;
}

int leg_refresh(struct parley *engine, struct dialog *dialog, struct leg *leg,
		const struct parley_event *event)
{
	int rc = 0;
	if (event->contact.len > 0)
		rc = area_text_set(engine, dialog, &leg->contact,
				   event->contact);
	/* RFC 3261 13.2.2.4: the route set is that of the 2xx. */
	if (rc == 0 && event->type == PARLEY_EV_REPLY_2XX)
		rc = area_text_set(engine, dialog, &leg->route_set,
				   event->route_set);
	if (rc == 0 && event->socket)
		leg->socket = event->socket;
	return rc;
}

void leg_to_front(struct dialog *dialog, struct leg *leg)
{
	struct leg **link = &dialog->legs;
	while (*link != leg)
		link = &(*link)->next;
	*link = leg->next;
	leg->next = dialog->legs;
	dialog->legs = leg;
}

void leg_answered(struct leg *leg, const struct parley_event *event)
{
	if (!leg->assumed)
		leg->state = PARLEY_LEG_ANSWERED;
	leg->assumed = false;
	leg->branches = 0;
	leg->rseq = 0;
	cseq_answer(leg, event->cseq, event->cseq_shift);
}

/* ------------------------------------------------ losers */

/* 0: the branch is not known. */
static uint32_t branch_bit(uint8_t branch)
{
	return branch >= 1 && branch <= PARLEY_BRANCHES_MAX ? 1U << (branch - 1)
							    : 0;
}

void leg_rings(struct leg *leg, uint8_t branch)
{
	/* A late 1xx takes no answer back. */
	if (leg_unanswered(leg))
		leg->branches |= branch_bit(branch);
}

bool leg_too_late(const struct dialog *dialog, uint8_t branch)
{
	return (dialog->failed_branches & branch_bit(branch)) != 0;
}

static void text_move(struct text *text, const struct leg *from, struct leg *to)
{
	if (text->s && !text->own)
		text->s = to->bytes + (text->s - from->bytes);
}

/* Who has answered goes where it can stay. Without memory it stays there. */
static void leg_settle(struct parley *engine, struct leg **link)
{
	struct leg *leg = *link;
	struct leg *copy;

	if (!leg->brief || leg_unanswered(leg))
		return;
	copy = mem_alloc(&engine->mem, leg->size);
	if (!copy)
		return;
	memcpy(copy, leg, leg->size);
	copy->brief = false;
	text_move(&copy->contact, leg, copy);
	text_move(&copy->route_set, leg, copy);
	*link = copy;
	mem_free(&engine->brief, leg, leg->size);
}

static bool view_has_leg(const struct parley_view *view, struct parley_str tag)
{
	for (uint32_t i = 0; i < view->leg_count; i++)
		if (str_equal(view->legs[i].tag, tag))
			return true;
	return false;
}

/* Who has not answered goes, but for those of @kept, which may be NULL. */
static void legs_prune(struct parley *engine, struct dialog *dialog,
		       const struct parley_view *kept)
{
	struct leg **link = &dialog->legs;

	while (*link)
		if (leg_unanswered(*link) &&
		    !(kept && view_has_leg(kept, leg_tag(*link))))
			leg_drop(engine, dialog, link);
		else
			link = &(*link)->next;
	for (link = &dialog->legs; *link; link = &(*link)->next)
		leg_settle(engine, link);
}

void leg_prune(struct parley *engine, struct dialog *dialog)
{
	legs_prune(engine, dialog, NULL);
}

void leg_prune_others(struct parley *engine, struct dialog *dialog,
		      const struct parley_view *view)
{
	legs_prune(engine, dialog, view);
}

bool leg_prune_branch(struct parley *engine, struct dialog *dialog,
		      const struct parley_event *event)
{
	uint32_t branch = branch_bit(event->branch);
	uint16_t before = dialog->leg_count;
	struct leg **link = &dialog->legs;

	dialog->failed_branches |= branch;
	while (*link) {
		struct leg *leg = *link;
		bool loses = leg_unanswered(leg) &&
			     (leg->branches != 0
				      ? (leg->branches & ~branch) == 0
				      : str_equal(leg_tag(leg), event->to_tag));

		leg->branches &= ~branch;
		if (loses)
			leg_drop(engine, dialog, link);
		else
			link = &leg->next;
	}
	return dialog->leg_count != before;
}

void leg_remove_all(struct parley *engine, struct dialog *dialog)
{
	while (dialog->legs) {
		struct leg *leg = dialog->legs;
		dialog->legs = leg->next;
		leg_free(engine, dialog, leg);
	}
	dialog->leg_count = 0;
}
