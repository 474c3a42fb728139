/* See dmq_rules.h. */
#include "dmq_rules.h"

void node_heard(struct node *node, enum node_kind kind, uint32_t boot)
{
	bool anew = boot != 0 && node->boot != 0 && node->boot != boot;

	if (node->kind != kind || node->missed || anew)
		node->wants = true;
	if (anew) {
		node->alive = true;
		node->gone = 0;
		node->fresh = NODE_NEW_LOOKS;
	}
	node->kind = kind;
	node->missed = false;
	if (boot != 0)
		node->boot = boot;
}

void node_looked(struct node *node, bool found)
{
	if (found) {
		/* Who comes back has missed what was said meanwhile. */
		if (!node->alive)
			node->wants = true;
		node->seen = true;
		node->alive = true;
		node->gone = 0;
		node->fresh = 0;
	} else if (node->fresh > 0) {
		node->fresh--;
	} else if (node->seen) {
		if (node->gone < UINT8_MAX)
			node->gone++;
		node->alive = node->gone < NODE_GONE;
	}
}

bool node_is_gone(const struct node *node)
{
	return !node->alive && node->gone <= NODE_ADOPT_LOOKS;
}

static bool goes_before(const struct node *node, struct parley_str name)
{
	uint32_t len = node->len < name.len ? node->len : name.len;
	int order = memcmp(node->name, name.s, len);

	return order < 0 || (order == 0 && node->len < name.len);
}

bool nodes_heir(const struct node_list *nodes)
{
	for (uint32_t i = 0; i < nodes->count; i++) {
		const struct node *node = &nodes->list[i];

		if (node->kind == NODE_OURS && node->alive &&
		    goes_before(node, nodes->self))
			return false;
	}
	return true;
}

bool nodes_tell(const struct node_list *nodes, const struct node *to,
		const struct parley_image *image)
{
	if (!image->view.replica)
		return to->kind == NODE_OURS ||
		       image->view.state != PARLEY_STATE_DELETED;
	if (to->kind == NODE_STOCK)
		return false;
	if (node_is_named(to, image->view.owner))
		return true;
	/* The owner may have heard of it where @to has not. */
	if (image->by == nodes->number)
		return true;
	for (uint32_t i = 0; i < nodes->count; i++)
		if (node_is_named(&nodes->list[i], image->view.owner))
			return !nodes->list[i].alive;
	return true;
}
