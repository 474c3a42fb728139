/*
 * dmq_send.c - replication: the process "dialog dmq"
 *
 * It asks the engine for what has changed, a few hundred times a second, and
 * tells the other nodes: ours in batches, stock ones one by one. Who joins, or
 * has missed something, gets all dialogs, a batch at a time between changes.
 * Once a second it looks which nodes dmq has given up, and takes over theirs.
 */
#include <stdio.h>

#include "core/cfg/cfg_struct.h"
#include "core/locking.h"
#include "core/parser/parse_uri.h"
#include "core/pt.h"
#include "core/receive.h"
#include "core/ut.h"

#include "dmq.h"
#include "dmq_bus.h"

enum {
	TICK_US = 5000,
	LOOK_MS = 1000,
	HELLO_MS = 10000,
	BATCH_FULL = 8000, /* a batch that is longer is sent */
	BATCH_MAX = 60000, /* of one datagram */
	ROUND_CHANGES = 200,
	ROUND_DIALOGS = 200,
	ROUND_SYNC = 32,
	STUCK_MS = 120000,
};

/* A message in the making. */
struct batch {
	char text[BATCH_MAX + 64];
	uint32_t len, dialogs;
	const struct node *only; /* NULL: to all of ours */
};

/* What is being done for each node. */
struct service {
	bool syncing, adopting;
	struct parley_id sync_at, adopt_at;
};

static struct {
	struct batch batch;
	struct node nodes[NODES_MAX]; /* as they were last looked at */
	struct service service[NODES_MAX];
	uint32_t count;
	uint64_t look_ms, hello_ms;
} sender;

static char type_text[] = "application/json";
static str content_type = {type_text, sizeof(type_text) - 1};

/* ------------------------------------------------ one message */

static void answered(const dmq_node_t *node, int code, bool stock)
{
	struct dmq_shared *shared = dmq_bus.shared;
	char text[NODE_NAME_MAX];
	struct parley_str name;

	if (!shared || !node)
		return;
	name = (struct parley_str){text, node_name(&node->uri, text)};
	if (stock) {
		if (code == 408)
			nodes_missed(name);
	} else if (code < 300) {
		nodes_heard(name, NODE_OURS, 0);
	} else if (code == 404) {
		/* It does not know our channel. */
		atomic_store(&shared->stock, true);
		nodes_heard(name, NODE_STOCK, 0);
	} else {
		nodes_missed(name);
	}
}

/* @stock is NULL on our channel. In any process. */
static int on_answer(struct sip_msg *msg, int code, dmq_node_t *node,
		     void *stock)
{
	struct dmq_shared *shared = dmq_bus.shared;

	(void)msg;
	if (shared) {
		atomic_fetch_sub(&shared->on_their_way, 1);
		atomic_store(&shared->answered_ms, host_now().ms);
	}
	answered(node, code, stock != NULL);
	return 0;
}

/* dmq alone knows how many of them there will be. */
static int on_hello(struct sip_msg *msg, int code, dmq_node_t *node,
		    void *unused)
{
	(void)msg;
	(void)unused;
	answered(node, code, false);
	return 0;
}

static dmq_resp_cback_t ours_answer = {on_answer, NULL};
static dmq_resp_cback_t stock_answer = {on_answer, &stock_answer};

/* There is room for a message to every node. */
static bool window_open(void)
{
	struct dmq_shared *shared = dmq_bus.shared;
	uint64_t last = atomic_load(&shared->answered_ms);

	if (atomic_load(&shared->on_their_way) + (int32_t)sender.count <
	    DMQ_WINDOW)
		return true;
	/* tm reports the end of each; should it ever not, go on. */
	if (host_now().ms < last + STUCK_MS)
		return false;
	atomic_store(&shared->on_their_way, 0);
	return true;
}

static void send_to(const struct node *to, const char *text, uint32_t len,
		    bool stock)
{
	struct dmq_shared *shared = dmq_bus.shared;
	struct parley_str name = {to->name, to->len};
	str body = to_str((struct parley_str){text, len});
	dmq_node_t node = {.orig_uri = to_str(name)};

	if (parse_uri(node.orig_uri.s, node.orig_uri.len, &node.uri) < 0)
		return;
	if (atomic_fetch_add(&shared->on_their_way, 1) == 0)
		atomic_store(&shared->answered_ms, host_now().ms);
	if (dmq_bus.api.send_message(stock ? dmq_bus.stock : dmq_bus.peer,
				     &body, &node,
				     stock ? &stock_answer : &ours_answer, 1,
				     &content_type) < 0) {
		atomic_fetch_sub(&shared->on_their_way, 1);
		nodes_missed(name);
		log_limited(LOG_CAUSE_DMQ, L_ERR,
			    "dmq: node %.*s: a message could not be sent; it "
			    "gets all dialogs later\n",
			    (int)name.len, name.s);
	}
}

/* ------------------------------------------------ batches, to ours */

static void batch_begin(struct batch *batch, const struct node *only)
{
	int len = snprintf(batch->text, sizeof(batch->text),
			   "{\"parley\":%d,\"boot\":%u,\"dialogs\":[",
			   DMQ_VERSION, dmq_bus.boot);

	batch->len = (uint32_t)len;
	batch->dialogs = 0;
	batch->only = only;
}

static void batch_end(struct batch *batch)
{
	if (batch->dialogs == 0)
		return;
	memcpy(batch->text + batch->len, "]}", 2);
	batch->len += 2;
	if (batch->only)
		send_to(batch->only, batch->text, batch->len, false);
	for (uint32_t i = 0; !batch->only && i < sender.count; i++)
		if (sender.nodes[i].kind == NODE_OURS && sender.nodes[i].alive)
			send_to(&sender.nodes[i], batch->text, batch->len,
				false);
	batch_begin(batch, batch->only);
}

static void log_too_large(const struct parley_image *image, size_t len)
{
	log_limited(LOG_CAUSE_DMQ, L_ERR,
		    "dmq: call %.*s (%u.%u): %zu bytes are more than a message "
		    "may have (%d); other nodes do not know all of it\n",
		    (int)image->view.callid.len, image->view.callid.s,
		    image->view.id.entry, image->view.id.id, len, BATCH_MAX);
}

/* The document as text; NULL: there is no memory for one of them. */
static char *print(srjson_doc_t *doc)
{
	return doc->root ? srjson_PrintUnformatted(doc, doc->root) : NULL;
}

static void print_done(srjson_doc_t *doc, char *text)
{
	if (text)
		doc->free_fn(text);
	srjson_DestroyDoc(doc);
}

static void batch_add(struct batch *batch, const struct parley_image *image)
{
	srjson_doc_t doc;
	char *text;
	size_t len;

	srjson_InitDoc(&doc, NULL);
	doc.root = json_of_image(&doc, image, &dmq_bus.names);
	text = print(&doc);
	len = text ? strlen(text) : 0;
	if (!text)
		log_limited(LOG_CAUSE_DMQ, L_ERR,
			    "dmq: no memory for a message; start kamailio with "
			    "a larger -M\n");
	else if (len + 256 > BATCH_MAX)
		log_too_large(image, len);
	if (text && len + 256 <= BATCH_MAX) {
		if (batch->len + len > BATCH_FULL)
			batch_end(batch);
		if (batch->dialogs++ > 0)
			batch->text[batch->len++] = ',';
		memcpy(batch->text + batch->len, text, len);
		batch->len += (uint32_t)len;
	}
	print_done(&doc, text);
}

/* ------------------------------------------------ one by one, to stock */

static void stock_send(const struct node *to, const struct parley_image *image,
		       enum json_stock_action action)
{
	srjson_doc_t doc;
	char *text;

	srjson_InitDoc(&doc, NULL);
	doc.root =
		json_of_stock(&doc, image, action,
			      adapter.set.dmq_ka_iflags_sync, &dmq_bus.names);
	text = print(&doc);
	if (text && strlen(text) <= BATCH_MAX)
		send_to(to, text, (uint32_t)strlen(text), true);
	else if (text)
		log_too_large(image, strlen(text));
	print_done(&doc, text);
}

/* To all of them: an end as such, else everything. */
static void stock_tell(const struct parley_image *image)
{
	enum json_stock_action action =
		image->view.state == PARLEY_STATE_DELETED ? JSON_STOCK_STATE
							  : JSON_STOCK_UPDATE;

	for (uint32_t i = 0; i < sender.count; i++)
		if (sender.nodes[i].kind == NODE_STOCK && sender.nodes[i].alive)
			stock_send(&sender.nodes[i], image, action);
}

/* ------------------------------------------------ changes */

static bool anybody(enum node_kind kind)
{
	for (uint32_t i = 0; i < sender.count; i++)
		if (sender.nodes[i].kind == kind && sender.nodes[i].alive)
			return true;
	return false;
}

static void send_changes(void)
{
	bool ours = anybody(NODE_OURS), stock = anybody(NODE_STOCK);
	struct parley_image image;
	struct parley_id id;

	batch_begin(&sender.batch, NULL);
	for (int i = 0; i < ROUND_CHANGES && window_open() &&
			parley_changed(adapter.engine, &id);
	     i++) {
		if ((ours || stock) && dmq_export(id, &image) == 0) {
			if (ours)
				batch_add(&sender.batch, &image);
			if (stock)
				stock_tell(&image);
		}
		parley_changed_done(adapter.engine, id);
	}
	batch_end(&sender.batch);
}

static bool next_removed(struct parley_id *id)
{
	struct dmq_shared *shared = dmq_bus.shared;
	bool found;

	lock_get(&shared->removed_lock);
	found = shared->removed_count > 0;
	if (found) {
		*id = shared->removed[shared->removed_first];
		shared->removed_first =
			(shared->removed_first + 1) % DMQ_REMOVED_MAX;
		shared->removed_count--;
	}
	lock_release(&shared->removed_lock);
	return found;
}

static void send_removed(void)
{
	struct parley_image image = {.view.state = PARLEY_STATE_DELETED};

	if (!atomic_load(&dmq_bus.shared->stock))
		return;
	for (int i = 0;
	     i < ROUND_CHANGES && window_open() && next_removed(&image.view.id);
	     i++)
		for (uint32_t n = 0; n < sender.count; n++)
			if (sender.nodes[n].kind == NODE_STOCK)
				stock_send(&sender.nodes[n], &image,
					   JSON_STOCK_REMOVE);
}

/* ------------------------------------------------ all dialogs for one */

static struct node_list all_nodes(void)
{
	return (struct node_list){sender.nodes, sender.count,
				  dmq_bus.names.self, dmq_number()};
}

static void sync_start(uint32_t index)
{
	const struct parley_image nothing = {0};

	nodes_served(index);
	sender.nodes[index].wants = false;
	sender.service[index].syncing = true;
	sender.service[index].sync_at = (struct parley_id){0, 0};
	/* It tells of its own when it is asked. */
	if (sender.nodes[index].kind == NODE_STOCK)
		stock_send(&sender.nodes[index], &nothing, JSON_STOCK_SYNC);
}

static void sync_some(uint32_t index)
{
	struct service *service = &sender.service[index];
	const struct node *node = &sender.nodes[index];
	const struct node_list nodes = all_nodes();
	struct parley_image image;

	batch_begin(&sender.batch, node);
	for (int i = 0; i < ROUND_SYNC && window_open(); i++) {
		if (!parley_next(adapter.engine, &service->sync_at)) {
			service->syncing = false;
			break;
		}
		if (dmq_export(service->sync_at, &image) < 0 ||
		    !nodes_tell(&nodes, node, &image))
			continue;
		if (node->kind == NODE_OURS)
			batch_add(&sender.batch, &image);
		else
			stock_send(node, &image, JSON_STOCK_UPDATE);
	}
	batch_end(&sender.batch);
}

static void serve_nodes(void)
{
	for (uint32_t i = 0; i < sender.count; i++) {
		const struct node *node = &sender.nodes[i];

		if (!node->alive || node->kind == NODE_UNKNOWN)
			continue;
		if (node->wants)
			sync_start(i);
		if (sender.service[i].syncing)
			sync_some(i);
	}
}

/* ------------------------------------------------ nodes that are gone */

static bool is_alive(const struct node *node)
{
	str name = to_str((struct parley_str){node->name, node->len});
	const dmq_node_t *found = dmq_bus.api.find_dmq_node_uri(&name);

	return found && found->status == (DMQ_NODE_ACTIVE);
}

static void look_at_nodes(void)
{
	const struct node_list nodes = all_nodes();
	bool heir;

	for (uint32_t i = 0; i < sender.count; i++) {
		nodes_looked(i, is_alive(&sender.nodes[i]));
		(void)nodes_get(i, &sender.nodes[i]);
	}
	heir = nodes_heir(&nodes);
	for (uint32_t i = 0; i < sender.count; i++) {
		const struct node *node = &sender.nodes[i];
		struct service *service = &sender.service[i];

		if (!node_is_gone(node)) {
			service->adopting = false;
			continue;
		}
		if (node->gone == NODE_GONE)
			LM_WARN("dmq: node %.*s is gone; %s\n", (int)node->len,
				node->name,
				heir ? "its calls are this node's now"
				     : "another node has its calls now");
		if (!service->adopting && heir) {
			service->adopting = true;
			service->adopt_at = (struct parley_id){0, 0};
		}
	}
}

static void adopt_some(uint32_t index)
{
	struct service *service = &sender.service[index];
	const struct node *node = &sender.nodes[index];
	struct parley_str owner = {node->name, node->len};
	struct parley_actions actions;

	for (int i = 0; i < ROUND_DIALOGS; i++) {
		if (!parley_next(adapter.engine, &service->adopt_at)) {
			service->adopting = false;
			return;
		}
		if (parley_adopt(adapter.engine, host_now(), service->adopt_at,
				 owner, &actions) == 0)
			sip_run(NULL, &actions, NULL);
	}
}

/* ------------------------------------------------ the process */

static void say_hello(void)
{
	char text[64];
	str body = {text,
		    snprintf(text, sizeof(text), "{\"parley\":%d,\"boot\":%u}",
			     DMQ_VERSION, dmq_bus.boot)};

	/* To all that dmq knows; only it has the list. */
	dmq_resp_cback_t answer = {on_hello, NULL};

	dmq_bus.api.bcast_message(dmq_bus.peer, &body, NULL, &answer, 1,
				  &content_type);
}

static void tick(uint64_t now_ms)
{
	sender.count = 0;
	while (sender.count < NODES_MAX &&
	       nodes_get(sender.count, &sender.nodes[sender.count]))
		sender.count++;
	if (now_ms >= sender.look_ms + LOOK_MS) {
		sender.look_ms = now_ms;
		look_at_nodes();
	}
	if (now_ms >= sender.hello_ms + HELLO_MS ||
	    atomic_exchange(&dmq_bus.shared->joined, false)) {
		sender.hello_ms = now_ms;
		say_hello();
	}
	send_changes();
	send_removed();
	serve_nodes();
	for (uint32_t i = 0; i < sender.count; i++)
		if (sender.service[i].adopting)
			adopt_some(i);
}

void dmq_loop(void)
{
	for (;;) {
		sleep_us(TICK_US);
		cfg_update();
		tick(host_now().ms);
		/* What a route has set must not reach the next one. */
		ksr_msg_env_reset();
	}
}
