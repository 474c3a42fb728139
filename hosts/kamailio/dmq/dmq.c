/*
 * dmq.c - replication: start, and what other nodes say
 *
 * Messages are taken in by the processes of dmq itself. One that cannot be read
 * or is not allowed is answered 400, 403 or 500 and logged; dialogs of a
 * message that are right are taken whatever is wrong with others.
 */
#include <stdio.h>
#include <sys/random.h>

#include "core/hashes.h"
#include "core/locking.h"
#include "core/parser/parse_content.h"
#include "core/parser/parse_uri.h"
#include "core/ut.h"

#include "dmq.h"
#include "dmq_bus.h"
#include "names.h"
#include "reader.h"
#include "text.h"

enum { BODY_MAX = 1 << 20, PEER_NAME_MAX = 64 };

struct dmq_bus dmq_bus;

static char self_name[NODE_NAME_MAX];

/* ------------------------------------------------ taking in */

int dmq_export(struct parley_id id, struct parley_image *image)
{
	static struct reader reader;
	size_t needed = 2048;
	int rc = PARLEY_E_SPACE;

	while (rc == PARLEY_E_SPACE) {
		if (!reader_reserve(&reader, needed))
			return PARLEY_E_MEMORY;
		rc = parley_export(adapter.engine, host_now(), id, image,
				   reader.buffer, reader.size, &needed);
	}
	if (rc == 0 && !adapter.set.dmq_ka_iflags_sync)
		image->view.options &= ~(uint32_t)(PARLEY_OPT_KA_CALLER |
						   PARLEY_OPT_KA_CALLEE);
	return rc;
}

/* A message that is being taken in. */
struct incoming {
	srjson_doc_t doc;
	char name[NODE_NAME_MAX]; /* of the node it comes from */
	struct parley_str from;
	char *text; /* the body, with a zero byte at its end */
	int code;   /* of the answer */
};

static void complain(const struct incoming *in, const char *what,
		     const char *detail)
{
	log_limited(LOG_CAUSE_DMQ, L_ERR, "dmq: node %.*s: %s%s%s\n",
		    (int)in->from.len, in->from.s, what, detail ? ": " : "",
		    detail ? detail : "");
}

/* Why the engine did not want it. */
static const char *refusal(const struct parley_view *view, int rc)
{
	uint32_t mask = (uint32_t)(adapter.set.hash_size - 1) & 63;
	str callid = to_str(view->callid);

	/* See parley_import(). */
	if (callid.len > 0 &&
	    ((core_hash(&callid, NULL, 0) ^ view->id.entry) & mask) != 0)
		return "its h_entry does not belong to its Call-ID; give "
		       "hash_size the same value on all nodes, or 64 at least";
	return parley_error_text(rc);
}

static void take_image(struct incoming *in, struct json_image *read)
{
	struct parley_actions actions;
	int rc;

	read->image.tell_loaded = adapter.set.dmq_load_callbacks;
	if (read->unknown_profiles > 0)
		complain(in, "a dialog is in profiles that are unknown here",
			 "name the same in profiles_with_value and "
			 "profiles_no_value on all nodes");
	rc = parley_import(adapter.engine, host_now(), &read->image, &actions);
	if (actions.count > 0 || actions.note.types != 0)
		sip_run(NULL, &actions, NULL);
	if (rc == PARLEY_E_MEMORY)
		in->code = 500;
	if (rc == PARLEY_E_ARGUMENT || rc == PARLEY_E_CONFLICT) {
		complain(in, "a dialog is refused",
			 refusal(&read->image.view, rc));
		in->code = 400;
	}
}

static void take_dialogs(struct incoming *in, const srjson_t *list)
{
	/* Too large for the stack of a process that others share. */
	static struct json_image read;

	if (list && list->type != srjson_Array) {
		complain(in, "a message is refused", "dialogs is no list");
		in->code = 400;
		return;
	}
	for (const srjson_t *item = list ? list->child : NULL; item;
	     item = item->next) {
		const char *fault =
			json_to_image(&in->doc, item, &dmq_bus.names, &read);

		if (fault) {
			complain(in, "a dialog is refused, it has a bad field",
				 fault);
			in->code = 400;
		} else {
			/* Of a node of an older kind it may be its own. */
			take_image(in, &read);
		}
		json_image_fini(&in->doc, &read);
	}
}

static void take_ours(struct incoming *in)
{
	const srjson_t *root = in->doc.root;
	bool ok = true;
	uint64_t version = json_get_number(root, "parley", UINT32_MAX, &ok);
	uint32_t boot =
		(uint32_t)json_get_number(root, "boot", UINT32_MAX, &ok);

	if (!ok || version == 0) {
		complain(in, "a message is refused", "it is none of Parley's");
		in->code = 400;
		return;
	}
	if (version > DMQ_VERSION) {
		complain(in, "a message is refused",
			 "it is of a later version; its node is to be told "
			 "dmq_peer_id of its own until this one is updated");
		in->code = 400;
		return;
	}
	nodes_heard(in->from, NODE_OURS, boot);
	take_dialogs(in, json_member(root, "dialogs"));
}

/* What is known here, as far as a stock node may change it. False: it may
 * not. */
static bool stock_base(struct incoming *in, struct parley_id id,
		       enum json_stock_action action, struct json_image *read)
{
	struct parley_image *image = &read->image;
	const struct parley_view *view = &image->view;

	*read = (struct json_image){0};
	if (dmq_export(id, image) == 0) {
		image->version++;
		/* Of a call that is not its own it knows that it is over. */
		return text_equal(view->owner, in->from) ||
		       action == JSON_STOCK_STATE;
	}
	image->view.id = id;
	image->view.owner = in->from;
	image->version = 1;
	image->view.state = PARLEY_STATE_UNCONFIRMED;
	image->view.lifetime_s = (uint32_t)adapter.set.default_timeout;
	image->lifetime_left_ms = UINT64_MAX;
	image->state_left_ms = (uint64_t)adapter.set.early_timeout * 1000;
	return action == JSON_STOCK_UPDATE;
}

static void take_stock_dialog(struct incoming *in,
			      enum json_stock_action action)
{
	static struct json_image read;
	const srjson_t *root = in->doc.root;
	bool ok = true;
	struct parley_id id = {
		(uint32_t)json_get_number(root, "h_entry", UINT32_MAX, &ok),
		(uint32_t)json_get_number(root, "h_id", UINT32_MAX, &ok),
	};
	const char *fault = ok ? NULL : "h_entry or h_id";
	struct parley_view *view = &read.image.view;
	bool owned;

	if (!fault && !stock_base(in, id, action, &read))
		return;
	owned = view->owner.len == 0;
	if (!fault)
		fault = json_to_stock(&in->doc, root, &dmq_bus.names, &read);
	/* Its own removal means that the call is over; what it says of a call
	 * of ours, nothing but that it has ended. */
	if (action == JSON_STOCK_REMOVE)
		view->state = PARLEY_STATE_DELETED;
	if (!fault && !(owned && view->state != PARLEY_STATE_DELETED)) {
		if (view->state >= PARLEY_STATE_ANSWERED &&
		    read.image.lifetime_left_ms == UINT64_MAX)
			read.image.lifetime_left_ms =
				(uint64_t)view->lifetime_s * 1000;
		take_image(in, &read);
	}
	json_image_fini(&in->doc, &read);
	if (fault) {
		complain(in, "a dialog is refused, it has a bad field", fault);
		in->code = 400;
	}
}

static void take_stock(struct incoming *in)
{
	bool ok = true;
	uint64_t action =
		json_get_number(in->doc.root, "action", UINT8_MAX, &ok);

	atomic_store(&dmq_bus.shared->stock, true);
	nodes_heard(in->from, NODE_STOCK, 0);
	if (ok && action == JSON_STOCK_SYNC) {
		nodes_wants(in->from);
	} else if (ok && action >= JSON_STOCK_UPDATE &&
		   action <= JSON_STOCK_REMOVE) {
		take_stock_dialog(in, (enum json_stock_action)action);
	} else {
		complain(in, "a message is refused",
			 "action must be from 1 to 4");
		in->code = 400;
	}
}

/* ------------------------------------------------ the messages of dmq */

static const char *read_body(struct incoming *in, struct sip_msg *msg)
{
	long len = msg->content_length ? get_content_length(msg) : 0;
	const char *body = len > 0 ? get_body(msg) : NULL;

	if (!body)
		return "it has no body";
	if (len > BODY_MAX)
		return "it is larger than 1 MB";
	if (body + len > msg->buf + msg->len)
		return "its body is shorter than it says";
	in->text = pkg_malloc((size_t)len + 1);
	if (!in->text)
		return "no memory for it; start kamailio with a larger -M";
	memcpy(in->text, body, (size_t)len);
	in->text[len] = '\0';
	if (!json_parse(&in->doc, in->text))
		return "it is no JSON, or lists in lists too deep";
	return in->doc.root->type == srjson_Object ? NULL
						   : "it is no JSON object";
}

static void finish(const struct incoming *in, peer_reponse_t *response)
{
	static str ok = STR_STATIC_INIT("OK");
	static str bad = STR_STATIC_INIT("Bad Request");
	static str foreign = STR_STATIC_INIT("Forbidden");
	static str failed = STR_STATIC_INIT("Server Internal Error");

	response->resp_code = in->code;
	response->reason = in->code == 200   ? ok
			   : in->code == 403 ? foreign
			   : in->code == 500 ? failed
					     : bad;
}

static int take(struct sip_msg *msg, peer_reponse_t *response, dmq_node_t *node,
		void (*reader)(struct incoming *))
{
	struct incoming in = {.code = 200};
	const char *fault;

	srjson_InitDoc(&in.doc, NULL);
	if (node)
		in.from = (struct parley_str){in.name,
					      node_name(&node->uri, in.name)};
	if (in.from.len == 0) {
		/* Who it says that it is, is no node of the bus. */
		log_limited(LOG_CAUSE_DMQ, L_ERR,
			    "dmq: a message from %s is refused: its From is "
			    "no node of the bus\n",
			    ip_addr2a(&msg->rcv.src_ip));
		in.code = 403;
	} else {
		fault = read_body(&in, msg);
		if (fault) {
			complain(&in, "a message is refused", fault);
			in.code = 400;
		} else {
			reader(&in);
		}
	}
	srjson_DestroyDoc(&in.doc);
	if (in.text)
		pkg_free(in.text);
	finish(&in, response);
	return 0;
}

static int on_ours(struct sip_msg *msg, peer_reponse_t *response,
		   dmq_node_t *node)
{
	return take(msg, response, node, take_ours);
}

static int on_stock(struct sip_msg *msg, peer_reponse_t *response,
		    dmq_node_t *node)
{
	return take(msg, response, node, take_stock);
}

/* dmq has reached another node. */
static int on_joined(compat_dmq_joined_args)
{
	atomic_store(&dmq_bus.shared->joined, true);
	return 0;
}

/* ------------------------------------------------ start */

int dmq_bind(void)
{
	static char param[] = "server_address";
	struct sr_module *module;
	struct sip_uri uri;
	modparam_t type;
	uint32_t len = 0;
	str *address = NULL;

	if (!adapter.set.enable_dmq)
		return 0;
	module = find_module_by_name("dmq");
	if (!module || dmq_load_api(&dmq_bus.api) < 0) {
		LM_ERR("enable_dmq=1 needs the module dmq: write loadmodule "
		       "\"dmq.so\" above %s.so\n",
		       adapter.name);
		return -1;
	}
	address = find_param_export(module, param, PARAM_STR, &type);
	if (address && address->s &&
	    parse_uri(address->s, address->len, &uri) == 0)
		len = node_name(&uri, self_name);
	if (len == 0) {
		LM_ERR("enable_dmq=1 needs modparam(\"dmq\", "
		       "\"server_address\", \"sip:<address>:<port>\")\n");
		return -1;
	}
	dmq_bus.names = names_of_json((struct parley_str){self_name, len});
	return 0;
}

uint16_t dmq_number(void)
{
	str name = to_str(dmq_bus.names.self);
	uint32_t hash;

	if (!adapter.set.enable_dmq)
		return 0;
	hash = core_hash(&name, NULL, 0);
	return (uint16_t)(hash ^ hash >> 16);
}

static dmq_peer_t *add_channel(const char *end, peer_callback_t callback,
			       bool ours)
{
	str id = adapter.set.dmq_peer_id;
	char name[PEER_NAME_MAX];
	dmq_peer_t peer = {.callback = callback};

	if (id.len + (int)strlen(end) >= PEER_NAME_MAX) {
		LM_ERR("dmq_peer_id is longer than %d characters\n",
		       PEER_NAME_MAX - (int)strlen(end) - 1);
		return NULL;
	}
	peer.peer_id.s = name;
	peer.peer_id.len =
		snprintf(name, sizeof(name), "%.*s%s", id.len, id.s, end);
	peer.description = peer.peer_id;
	if (ours)
		peer.init_callback = on_joined;
	return dmq_bus.api.register_dmq_peer(&peer);
}

/* A dialog is gone: a stock node keeps it until it is told. */
static void on_destroy(struct parley *engine, void *param,
		       const struct parley_told *told)
{
	struct dmq_shared *shared = dmq_bus.shared;

	(void)engine;
	(void)param;
	if (!atomic_load_explicit(&shared->stock, memory_order_relaxed))
		return;
	lock_get(&shared->removed_lock);
	shared->removed[(shared->removed_first + shared->removed_count) %
			DMQ_REMOVED_MAX] = told->id;
	if (shared->removed_count < DMQ_REMOVED_MAX)
		shared->removed_count++;
	else
		shared->removed_first =
			(shared->removed_first + 1) % DMQ_REMOVED_MAX;
	lock_release(&shared->removed_lock);
}

int dmq_init(void)
{
	if (!adapter.set.enable_dmq)
		return 0;
	dmq_bus.shared = shm_malloc(sizeof(*dmq_bus.shared));
	if (!dmq_bus.shared || nodes_init() < 0) {
		LM_ERR("not enough shared memory for dmq: start kamailio with "
		       "a larger -m\n");
		return -1;
	}
	memset(dmq_bus.shared, 0, sizeof(*dmq_bus.shared));
	if (!lock_init(&dmq_bus.shared->removed_lock))
		return -1;
	/* The time would not do: one second is enough for two starts. */
	if (getrandom(&dmq_bus.boot, sizeof(dmq_bus.boot), 0) !=
	    sizeof(dmq_bus.boot))
		dmq_bus.boot = (uint32_t)host_now().ms;
	dmq_bus.boot |= 1; /* 0 is none */
	dmq_bus.stock = add_channel("", on_stock, false);
	dmq_bus.peer = add_channel(".parley", on_ours, true);
	if (!dmq_bus.stock || !dmq_bus.peer) {
		LM_ERR("dmq refuses the channel \"%.*s\": the module dmq must "
		       "be loaded above %s.so, and nobody else may use the "
		       "name\n",
		       adapter.set.dmq_peer_id.len, adapter.set.dmq_peer_id.s,
		       adapter.name);
		return -1;
	}
	if (parley_subscribe_all(adapter.engine, PARLEY_NOTE_DESTROY,
				 on_destroy, NULL) < 0)
		return -1;
	return 0;
}

void dmq_fini(void)
{
	if (dmq_bus.shared)
		shm_free(dmq_bus.shared);
	dmq_bus.shared = NULL;
	nodes_fini();
}

/* ------------------------------------------------ what others ask */

str dmq_owner(const struct parley_view *view)
{
	return to_str(view->owner.len > 0 ? view->owner : dmq_bus.names.self);
}

int op_remove_dialogs(struct sip_msg *msg, const str *text)
{
	struct parley_id id = {0, 0};
	char name[NODE_NAME_MAX];
	struct parley_str owner;
	struct sip_uri uri;
	bool removed = false;

	(void)msg;
	if (!text || !text->s || text->len <= 0 ||
	    parse_uri(text->s, text->len, &uri) < 0) {
		log_limited(LOG_CAUSE_SCRIPT, L_ERR,
			    "dlg_remove_dialogs_from_node(): \"%.*s\" must be "
			    "the SIP URI of a node\n",
			    text ? text->len : 0, text ? text->s : "");
		return -1;
	}
	owner = (struct parley_str){name, node_name(&uri, name)};
	while (parley_next(adapter.engine, &id))
		removed |= parley_forget(adapter.engine, host_now(), id,
					 owner) == 0;
	return removed ? 1 : -1;
}
