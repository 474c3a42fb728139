/* See dmq_nodes.h. */
#include <stdio.h>

#include "core/locking.h"
#include "core/parser/parse_uri.h"

#include "dmq_nodes.h"

struct node_table {
	gen_lock_t lock;
	uint32_t count;
	struct node list[NODES_MAX];
};

static struct node_table *table; /* in shared memory */

int nodes_init(void)
{
	table = shm_malloc(sizeof(*table));
	if (!table)
		return -1;
	memset(table, 0, sizeof(*table));
	return lock_init(&table->lock) ? 0 : -1;
}

void nodes_fini(void)
{
	if (table)
		shm_free(table);
	table = NULL;
}

uint32_t node_name(const struct sip_uri *uri, char name[NODE_NAME_MAX])
{
	str transport = STR_NULL;
	bool other = uri->proto != PROTO_NONE && uri->proto != PROTO_UDP &&
		     uri->proto != PROTO_OTHER;
	int len;

	if (other && get_valid_proto_string(uri->proto, 1, 0, &transport) < 0)
		other = false;
	len = snprintf(name, NODE_NAME_MAX, "sip:%.*s%s%.*s%s%.*s",
		       uri->host.len, uri->host.s, uri->port.len > 0 ? ":" : "",
		       uri->port.len, uri->port.len > 0 ? uri->port.s : "",
		       other ? ";transport=" : "", other ? transport.len : 0,
		       other ? transport.s : "");
	return len > 0 && len < NODE_NAME_MAX ? (uint32_t)len : 0;
}

static struct node *find_locked(struct parley_str name)
{
	for (uint32_t i = 0; i < table->count; i++)
		if (node_is_named(&table->list[i], name))
			return &table->list[i];
	return NULL;
}

/* A place that nobody has, or that of a node that is long gone. */
static struct node *add_locked(struct parley_str name)
{
	struct node *node = NULL;

	if (name.len == 0 || name.len >= NODE_NAME_MAX)
		return NULL;
	if (table->count < NODES_MAX)
		node = &table->list[table->count++];
	for (uint32_t i = 0; !node && i < table->count; i++)
		if (!table->list[i].alive && table->list[i].gone == UINT8_MAX)
			node = &table->list[i];
	if (!node)
		return NULL;
	*node = (struct node){.len = name.len, .alive = true};
	memcpy(node->name, name.s, name.len);
	return node;
}

void nodes_heard(struct parley_str name, enum node_kind kind, uint32_t boot)
{
	struct node *node;

	lock_get(&table->lock);
	node = find_locked(name);
	if (!node)
		node = add_locked(name);
	if (node)
		node_heard(node, kind, boot);
	lock_release(&table->lock);
	if (!node)
		log_limited(LOG_CAUSE_DMQ, L_ERR,
			    "dmq: node %.*s: more than %d nodes; it gets no "
			    "calls\n",
			    (int)name.len, name.s, NODES_MAX);
}

static void mark(struct parley_str name, bool missed, bool wants)
{
	struct node *node;

	lock_get(&table->lock);
	node = find_locked(name);
	if (node) {
		node->missed |= missed;
		node->wants |= wants;
	}
	lock_release(&table->lock);
}

void nodes_missed(struct parley_str name)
{
	mark(name, true, false);
}

void nodes_wants(struct parley_str name)
{
	mark(name, false, true);
}

bool nodes_get(uint32_t index, struct node *node)
{
	bool found;

	lock_get(&table->lock);
	found = index < table->count;
	if (found)
		*node = table->list[index];
	lock_release(&table->lock);
	return found;
}

void nodes_looked(uint32_t index, bool found)
{
	lock_get(&table->lock);
	node_looked(&table->list[index], found);
	lock_release(&table->lock);
}

void nodes_served(uint32_t index)
{
	lock_get(&table->lock);
	table->list[index].wants = false;
	lock_release(&table->lock);
}
