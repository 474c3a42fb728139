/* See capi.h. */
#include "core/fmsg.h"
#include "core/pvapi.h"
#include "core/ut.h"
#include "modules/dialog/dlg_hash.h"
#include "modules/dialog/dlg_load.h"

#include "capi.h"
#include "capi_common.h"
#include "capi_view.h"

/* What engine and C API call by different names is the same number. */
_Static_assert((int)DLGCB_LOADED == (int)PARLEY_NOTE_LOADED &&
		       (int)DLGCB_CREATED == (int)PARLEY_NOTE_CREATED &&
		       (int)DLGCB_FAILED == (int)PARLEY_NOTE_FAILED &&
		       (int)DLGCB_CONFIRMED_NA == (int)PARLEY_NOTE_ANSWERED &&
		       (int)DLGCB_CONFIRMED == (int)PARLEY_NOTE_CONFIRMED &&
		       (int)DLGCB_REQ_WITHIN ==
			       (int)PARLEY_NOTE_REQUEST_WITHIN &&
		       (int)DLGCB_TERMINATED == (int)PARLEY_NOTE_TERMINATED &&
		       (int)DLGCB_EXPIRED == (int)PARLEY_NOTE_EXPIRED &&
		       (int)DLGCB_EARLY == (int)PARLEY_NOTE_EARLY,
	       "the types of callbacks");
_Static_assert((int)DLGCB_RESPONSE_FWDED == (int)PARLEY_NOTE_REPLY_FORWARDED &&
		       (int)DLGCB_RESPONSE_WITHIN ==
			       (int)PARLEY_NOTE_REPLY_WITHIN &&
		       (int)DLGCB_RPC_CONTEXT == (int)PARLEY_NOTE_RPC_CONTEXT &&
		       (int)DLGCB_DESTROY == (int)PARLEY_NOTE_DESTROY &&
		       (int)DLGCB_SPIRALED == (int)PARLEY_NOTE_SPIRALED &&
		       (int)DLGCB_TERMINATED_CONFIRMED ==
			       (int)PARLEY_NOTE_BYE_REPLIED,
	       "the types of callbacks");
_Static_assert(DLG_DIR_DOWNSTREAM == (int)PARLEY_DIR_DOWNSTREAM &&
		       DLG_DIR_UPSTREAM == (int)PARLEY_DIR_UPSTREAM,
	       "the directions");

#define NOTES_OF_ONE                                                           \
	(DLGCB_FAILED | DLGCB_CONFIRMED_NA | DLGCB_CONFIRMED |                 \
	 DLGCB_REQ_WITHIN | DLGCB_TERMINATED | DLGCB_EXPIRED | DLGCB_EARLY |   \
	 DLGCB_RESPONSE_FWDED | DLGCB_RESPONSE_WITHIN | DLGCB_RPC_CONTEXT |    \
	 DLGCB_DESTROY | DLGCB_SPIRALED | DLGCB_TERMINATED_CONFIRMED)

/* A function pointer as the engine keeps it. */
union callback {
	void *kept;
	dialog_cb *function;
};

static struct parley_id id_of(const struct dlg_cell *dlg)
{
	return (struct parley_id){dlg->h_entry, dlg->h_id};
}

/* ------------------------------------------------ telling */

static struct sip_msg *real(struct sip_msg *rpl)
{
	return rpl == FAKED_REPLY ? NULL : rpl;
}

/* A request for those who would lose their record without one: acc writes it
 * when the BYE was answered, also if that BYE was ours. True: it is not the
 * message in hand. */
static bool lend_request(const struct parley_told *told,
			 const struct adapter_message *message,
			 struct dlg_cb_params *params)
{
	if (params->req || (told->type == PARLEY_NOTE_FAILED && params->rpl) ||
	    (told->type != PARLEY_NOTE_FAILED &&
	     told->type != PARLEY_NOTE_BYE_REPLIED))
		return false;
	params->req = message && message->own_bye ? message->own_bye
						  : faked_msg_get_next();
	return true;
}

/* False: there is nothing that the callback could look at. */
static bool fill_messages(const struct parley_told *told,
			  const struct adapter_message *message,
			  struct dlg_cb_params *params)
{
	params->req = message ? message->req : NULL;
	params->rpl = message ? message->rpl : NULL;
	switch (told->type) {
	case PARLEY_NOTE_REQUEST_WITHIN:
		return params->req != NULL;
	case PARLEY_NOTE_EARLY:
	case PARLEY_NOTE_REPLY_FORWARDED:
		return real(params->rpl) != NULL;
	case PARLEY_NOTE_REPLY_WITHIN:
		/* The engine says where the request came from. */
		params->direction = told->dir == PARLEY_DIR_UPSTREAM
					    ? DLG_DIR_DOWNSTREAM
					    : DLG_DIR_UPSTREAM;
		return real(params->rpl) != NULL;
	case PARLEY_NOTE_TERMINATED:
		if (!params->req)
			params->direction = DLG_DIR_NONE;
		break;
	case PARLEY_NOTE_BYE_REPLIED:
		/* Whoever sent the BYE, as the packaged module has it. */
		params->direction =
			params->req ? DLG_DIR_UPSTREAM : DLG_DIR_NONE;
		if (!params->req && message)
			params->rpl = message->own_reply;
		break;
	case PARLEY_NOTE_EXPIRED:
		params->req = NULL;
		params->rpl = NULL;
		params->direction = DLG_DIR_NONE;
		if (told->old_state == PARLEY_STATE_CONFIRMED)
			params->dlg_data = (void *)(long)CONFIRMED_DIALOG_STATE;
		break;
	default:
		break;
	}
	return true;
}

/* @slot: where the parameter of the registration is kept. */
static void tell(const struct parley_told *told, dialog_cb *function,
		 void **slot)
{
	struct dlg_cb_params params = {
		.direction = (unsigned int)told->dir,
		.param = slot,
	};
	struct ctx saved;

	if (!told->area || !function)
		return; /* older than the first load_dlg() */
	if (told->type == PARLEY_NOTE_RPC_CONTEXT) {
		params.dlg_data = told->message;
	} else if (!fill_messages(told, told->message, &params)) {
		return;
	} else if (lend_request(told, told->message, &params)) {
		/* Nobody has named a dialog for that message. */
		ctx_push(&saved, params.req, told->id);
		function(told->area, (int)told->type, &params);
		ctx_pop(&saved);
		return;
	}
	function(told->area, (int)told->type, &params);
}

/* The parameter is passed by address: a callback may change it. */
static void on_told(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	const union callback callback = {.kept = told->self};

	(void)engine;
	(void)param;
	tell(told, callback.function, told->slot);
}

/* ------------------------------------------------ registering */

/* For all dialogs: CREATED and LOADED. In shared memory, as the packaged module
 * has them, and there until the end. */
struct registration {
	struct capi_subscription head; /* first */
	dialog_cb *function;
	void *param;
};

static void on_told_all(struct parley *engine, void *param,
			const struct parley_told *told)
{
	struct registration *registration = param;

	(void)engine;
	tell(told, registration->function, &registration->param);
}

static int register_all(int type, dialog_cb *function, void *param)
{
	struct registration *registration = shm_malloc(sizeof(*registration));

	if (!registration) {
		LM_ERR("no shared memory left; start kamailio with a larger "
		       "-m\n");
		return -1;
	}
	*registration = (struct registration){
		.head = {.types = (uint32_t)type, .function = on_told_all},
		.function = function,
		.param = param,
	};
	return capi_subscribe(&registration->head) < 0 ? -1 : 0;
}

static int register_one(struct dlg_cell *dlg, int types, dialog_cb *function,
			void *param, param_free_cb *release)
{
	const union callback callback = {.function = function};
	const struct parley_handler handler = {
		.function = on_told,
		.self = callback.kept,
		.release = release,
	};
	uint32_t known = (uint32_t)types & NOTES_OF_ONE;
	int rc;

	if (!dlg || !adapter.engine) {
		LM_ERR("callback types %#x need a dialog\n", (unsigned)types);
		return -1;
	}
	if (!known)
		return 0; /* it would never be called */
	rc = parley_subscribe_handler(adapter.engine, id_of(dlg), known,
				      &handler, param);
	if (rc < 0)
		log_limited(LOG_CAUSE_MODULE, L_ERR,
			    "dialog %u.%u: callback not registered: %s\n",
			    dlg->h_entry, dlg->h_id, parley_error_text(rc));
	return rc < 0 ? -1 : 0;
}

static int api_register(struct dlg_cell *dlg, int types, dialog_cb function,
			void *param, param_free_cb release)
{
	if (!function)
		return -1;
	if (types & (DLGCB_LOADED | DLGCB_CREATED)) {
		if (types != DLGCB_LOADED && types != DLGCB_CREATED) {
			LM_ERR("DLGCB_LOADED and DLGCB_CREATED must be "
			       "registered alone, not as %#x\n",
			       (unsigned)types);
			return -1;
		}
		return register_all(types, function, param);
	}
	return register_one(dlg, types, function, param, release);
}

/* ------------------------------------------------ dialogs */

static struct dlg_cell *api_get(struct sip_msg *msg)
{
	struct parley_id id;
	void *area;

	if (!adapter.engine || !msg || !capi_find(msg, &id) ||
	    parley_pin(adapter.engine, id, &area) < 0)
		return NULL;
	return area;
}

static void api_release(struct dlg_cell *dlg)
{
	/* One that is released too often is not pinned, or gone: no harm. */
	if (dlg && adapter.engine)
		(void)!parley_unpin(adapter.engine, id_of(dlg), dlg);
}

static int api_terminate(struct dlg_cell *dlg, str *hdrs)
{
	if (!dlg || !adapter.engine)
		return -1;
	return capi_end(id_of(dlg), hdrs, NULL) < 0 ? -1 : 0;
}

/* ------------------------------------------------ variables */

static bool asked_well(const struct dlg_cell *dlg, const str *key)
{
	return dlg && key && key->s && key->len > 0 && adapter.engine;
}

static int api_set_var(struct dlg_cell *dlg, str *key, str *value)
{
	struct parley_str text = {0};
	int rc;

	if (!asked_well(dlg, key))
		return -1;
	if (value)
		text = value->s && value->len > 0 ? to_parley(value)
						  : (struct parley_str){"", 0};
	rc = parley_var_set(adapter.engine, id_of(dlg), to_parley(key), text);
	/* Deleting what is not there is no error for a module. */
	return rc == 0 || (!value && rc == PARLEY_E_ABSENT) ? 0 : -1;
}

static bool copy_var(const struct dlg_cell *dlg, const str *key, str *copy)
{
	*copy = (str){0};
	return asked_well(dlg, key) &&
	       capi_copy_var(id_of(dlg), key, copy) == 0;
}

static int api_dup_var(struct dlg_cell *dlg, str *key, str *value)
{
	return copy_var(dlg, key, value) ? 0 : -2;
}

/* The packaged module returns a pointer into the dialog, without its lock. This
 * one points to a copy that the eighth next one of this process replaces. */
static str *api_ref_var(struct dlg_cell *dlg, str *key)
{
	enum { COPIES = 8 };
	static str copies[COPIES];
	static unsigned int next;
	str copy;

	if (!copy_var(dlg, key, &copy))
		return NULL;
	next = (next + 1) % COPIES;
	if (copies[next].s)
		pkg_free(copies[next].s);
	copies[next] = copy;
	return &copies[next];
}

static int api_get_var(struct dlg_cell *dlg, str *key, str *value)
{
	size_t size = (size_t)pv_get_buffer_size() - 1;
	uint32_t len;
	int rc;

	*value = (str){0};
	if (!asked_well(dlg, key))
		return -1;
	/* Asked for its length first: one that is not there must not use up
	 * one of the few buffers. */
	rc = parley_var_get(adapter.engine, id_of(dlg), to_parley(key), NULL, 0,
			    &len);
	if (rc < 0 && rc != PARLEY_E_SPACE)
		return -2;
	value->s = pv_get_buffer();
	if (parley_var_get(adapter.engine, id_of(dlg), to_parley(key), value->s,
			   size, &len) < 0) {
		value->s = NULL;
		return -2;
	}
	value->s[len] = '\0';
	value->len = (int)len;
	return 0;
}

static int api_has_var(struct dlg_cell *dlg, str *key)
{
	uint32_t len;
	int rc;

	if (!asked_well(dlg, key))
		return 0;
	rc = parley_var_get(adapter.engine, id_of(dlg), to_parley(key), NULL, 0,
			    &len);
	return rc == 0 || rc == PARLEY_E_SPACE ? 1 : 0;
}

/* ------------------------------------------------ what tm tells */

void capi_reply_forwarded(struct parley_id id, struct sip_msg *req,
			  struct sip_msg *rpl)
{
	struct adapter_message message = {.req = req, .rpl = rpl};

	parley_notify(adapter.engine, id, PARLEY_NOTE_REPLY_FORWARDED,
		      PARLEY_DIR_UPSTREAM, &message);
}

void capi_reply_within(struct parley_id id, enum parley_direction dir,
		       struct sip_msg *req, struct sip_msg *rpl)
{
	struct adapter_message message = {.req = req, .rpl = rpl};

	parley_notify(adapter.engine, id, PARLEY_NOTE_REPLY_WITHIN, dir,
		      &message);
}

/* ------------------------------------------------ start */

/* Dialogs need a struct dlg_cell: a module has called load_dlg(). */
static bool has_cells;

static int enable(void)
{
	if (parley_set_area(adapter.engine, CAPI_AREA_BYTES) < 0) {
		LM_ERR("a struct dlg_cell of %zu bytes is too large\n",
		       (size_t)CAPI_AREA_BYTES);
		return -1;
	}
	return 0;
}

int capi_load(struct dlg_binds *binds)
{
	*binds = (struct dlg_binds){
		.register_dlgcb = api_register,
		.terminate_dlg = api_terminate,
		.set_dlg_var = api_set_var,
		.get_dlg_varref = api_ref_var,
		.get_dlg_varval = api_get_var,
		.get_dlg_vardup = api_dup_var,
		.get_dlg_varstatus = api_has_var,
		.get_dlg = api_get,
		.release_dlg = api_release,
	};
	if (has_cells)
		return 1;
	has_cells = true;
	capi_want();
	return adapter.engine && enable() < 0 ? -1 : 1;
}

int capi_init(void)
{
	if (capi_subscribe_early() < 0)
		return -1;
	return has_cells ? enable() : 0;
}
