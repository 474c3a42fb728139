/* See api.h and include/parley_api.h. */
#include "core/globals.h"
#include "modules/dialog/dlg_load.h"
#include "modules/dialog/dlg_hash.h"

#include "parley_api.h"
#include "api.h"
#include "capi_common.h"
#include "own_var.h"

/* What the engine, the host and we call by different names is one number. */
_Static_assert(
	(int)PARLEY_CB_LOADED == (int)PARLEY_NOTE_LOADED &&
		(int)PARLEY_CB_CREATED == (int)PARLEY_NOTE_CREATED &&
		(int)PARLEY_CB_FAILED == (int)PARLEY_NOTE_FAILED &&
		(int)PARLEY_CB_CONFIRMED_NA == (int)PARLEY_NOTE_ANSWERED &&
		(int)PARLEY_CB_CONFIRMED == (int)PARLEY_NOTE_CONFIRMED &&
		(int)PARLEY_CB_REQ_WITHIN == (int)PARLEY_NOTE_REQUEST_WITHIN &&
		(int)PARLEY_CB_TERMINATED == (int)PARLEY_NOTE_TERMINATED &&
		(int)PARLEY_CB_EXPIRED == (int)PARLEY_NOTE_EXPIRED,
	"the types of callbacks");
_Static_assert((int)PARLEY_CB_EARLY == (int)PARLEY_NOTE_EARLY &&
		       (int)PARLEY_CB_RESPONSE_FWDED ==
			       (int)PARLEY_NOTE_REPLY_FORWARDED &&
		       (int)PARLEY_CB_RESPONSE_WITHIN ==
			       (int)PARLEY_NOTE_REPLY_WITHIN &&
		       (int)PARLEY_CB_RPC_CONTEXT ==
			       (int)PARLEY_NOTE_RPC_CONTEXT &&
		       (int)PARLEY_CB_DESTROY == (int)PARLEY_NOTE_DESTROY &&
		       (int)PARLEY_CB_SPIRALED == (int)PARLEY_NOTE_SPIRALED &&
		       (int)PARLEY_CB_TERMINATED_CONFIRMED ==
			       (int)PARLEY_NOTE_BYE_REPLIED &&
		       (int)PARLEY_CB_SAVED == (int)PARLEY_NOTE_SAVED,
	       "the types of callbacks");
_Static_assert((int)PARLEY_FROM_CALLER == (int)PARLEY_DIR_DOWNSTREAM &&
		       (int)PARLEY_FROM_CALLEE == (int)PARLEY_DIR_UPSTREAM,
	       "the directions");

#define TYPES_OF_ALL (PARLEY_CB_LOADED | PARLEY_CB_CREATED)
#define TYPES_OF_ONE                                                           \
	(PARLEY_CB_FAILED | PARLEY_CB_CONFIRMED_NA | PARLEY_CB_CONFIRMED |     \
	 PARLEY_CB_REQ_WITHIN | PARLEY_CB_TERMINATED | PARLEY_CB_EXPIRED |     \
	 PARLEY_CB_EARLY | PARLEY_CB_RESPONSE_FWDED |                          \
	 PARLEY_CB_RESPONSE_WITHIN | PARLEY_CB_RPC_CONTEXT |                   \
	 PARLEY_CB_DESTROY | PARLEY_CB_SPIRALED |                              \
	 PARLEY_CB_TERMINATED_CONFIRMED | PARLEY_CB_SAVED)

/* The dialog whose callback runs in this process; NULL: none does. */
static const struct parley_dlg *told_of;

/* A function pointer as the engine keeps it. */
union callback {
	void *kept;
	parley_dialog_cb function;
};

/* A mistake of a module, and what it gets. */
#define refuse(code, ...)                                                      \
	(log_limited(LOG_CAUSE_MODULE, L_ERR, __VA_ARGS__), (code))

static int code_of(int rc)
{
	switch (rc) {
	case PARLEY_OK:
		return 0;
	case PARLEY_E_NO_DIALOG:
	case PARLEY_E_NO_LEG:
		return PARLEY_API_E_GONE;
	case PARLEY_E_STATE:
		return PARLEY_API_E_STATE;
	case PARLEY_E_ABSENT:
		return PARLEY_API_E_ABSENT;
	case PARLEY_E_MEMORY:
	case PARLEY_E_FULL:
		return PARLEY_API_E_MEMORY;
	default:
		return PARLEY_API_E_ARGUMENT;
	}
}

static struct parley_id id_of(const struct parley_dlg *dlg)
{
	return (struct parley_id){dlg->h_entry, dlg->h_id};
}

/* ------------------------------------------------ telling */

static struct sip_msg *real(struct sip_msg *rpl)
{
	return rpl == FAKED_REPLY ? NULL : rpl;
}

/* Where the reply comes from, when the engine says where the request did. */
static unsigned int direction_of_reply(enum parley_direction dir)
{
	switch (dir) {
	case PARLEY_DIR_DOWNSTREAM:
		return PARLEY_FROM_CALLEE;
	case PARLEY_DIR_UPSTREAM:
		return PARLEY_FROM_CALLER;
	case PARLEY_DIR_NONE:
		break;
	}
	return PARLEY_FROM_NOBODY;
}

/* False: the message that it is about is not there to be looked at. */
static bool fill_messages(const struct parley_told *told,
			  struct parley_params *params)
{
	const struct adapter_message *message = told->message;

	if (message && told->type != PARLEY_NOTE_EXPIRED) {
		params->req = message->req ? message->req : message->own_bye;
		params->rpl =
			message->req ? real(message->rpl) : message->own_reply;
	}
	switch (told->type) {
	case PARLEY_NOTE_REQUEST_WITHIN:
		return params->req != NULL;
	case PARLEY_NOTE_BYE_REPLIED:
		params->direction = direction_of_reply(told->dir);
		return true;
	case PARLEY_NOTE_REPLY_WITHIN:
		params->direction = direction_of_reply(told->dir);
		return params->rpl != NULL;
	case PARLEY_NOTE_EARLY:
	case PARLEY_NOTE_REPLY_FORWARDED:
		return params->rpl != NULL;
	default:
		return true;
	}
}

/* @slot: where the parameter of the registration is kept. */
static void tell(const struct parley_told *told, parley_dialog_cb function,
		 void **slot)
{
	const struct parley_dlg *before = told_of;
	const struct parley_dlg dlg = {told->id.entry, told->id.id};
	struct parley_params params = {
		.direction = (unsigned int)told->dir,
		.old_state = told->old_state,
		.new_state = told->new_state,
		.param = slot,
	};

	if (!function)
		return; /* register_dlgcb() takes none such */
	if (told->type == PARLEY_NOTE_RPC_CONTEXT) {
		const rpc_cb_ctx_t *reply = told->message;

		params.rpc = reply->rpc;
		params.rpc_ctx = reply->c;
	} else if (!fill_messages(told, &params)) {
		return;
	}
	told_of = &dlg;
	function(&dlg, (int)told->type, &params);
	told_of = before;
}

static void on_told(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	const union callback callback = {.kept = told->self};

	(void)engine;
	(void)param;
	tell(told, callback.function, told->slot);
}

/* ------------------------------------------------ registering */

/* For all dialogs. All processes see what becomes of the parameter. */
struct registration {
	struct capi_subscription head; /* first */
	parley_dialog_cb function;
	void *param;
};

static void on_told_all(struct parley *engine, void *param,
			const struct parley_told *told)
{
	struct registration *registration = param;

	(void)engine;
	tell(told, registration->function, &registration->param);
}

static int register_all(int type, parley_dialog_cb function, void *param)
{
	struct registration *registration;

	if (!_ksr_is_main)
		return refuse(
			PARLEY_API_E_LATE,
			"register_dlgcb(): CREATED and LOADED must be "
			"registered before Kamailio forks, in mod_init\n");
	registration = shm_malloc(sizeof(*registration));
	if (!registration)
		return refuse(PARLEY_API_E_MEMORY,
			      "register_dlgcb(): no shared memory left; start "
			      "kamailio with a larger -m\n");
	*registration = (struct registration){
		.head = {.types = (uint32_t)type, .function = on_told_all},
		.function = function,
		.param = param,
	};
	return code_of(capi_subscribe(&registration->head));
}

static int register_one(const struct parley_dlg *dlg, int types,
			parley_dialog_cb function, void *param,
			parley_param_free free_param)
{
	const union callback callback = {.function = function};
	const struct parley_handler handler = {
		.function = on_told,
		.self = callback.kept,
		.release = free_param,
	};
	int rc = parley_subscribe_handler(adapter.engine, id_of(dlg),
					  (uint32_t)types, &handler, param);

	if (rc < 0 && rc != PARLEY_E_NO_DIALOG)
		return refuse(code_of(rc),
			      "register_dlgcb(): dialog %u.%u: %s\n",
			      dlg->h_entry, dlg->h_id, parley_error_text(rc));
	return code_of(rc);
}

static int check_all(const struct parley_dlg *dlg, int types,
		     parley_param_free free_param)
{
	if (types != PARLEY_CB_LOADED && types != PARLEY_CB_CREATED)
		return refuse(PARLEY_API_E_TYPE,
			      "register_dlgcb(): CREATED and LOADED are "
			      "registered alone, not as types %#x\n",
			      (unsigned int)types);
	if (dlg)
		return refuse(
			PARLEY_API_E_TYPE,
			"register_dlgcb(): CREATED and LOADED are for all "
			"dialogs, so dlg must be NULL, not %u.%u (tm's "
			"DLG_CONFIRMED has the number of CREATED)\n",
			dlg->h_entry, dlg->h_id);
	if (free_param)
		return refuse(PARLEY_API_E_ARGUMENT,
			      "register_dlgcb(): param of CREATED and LOADED "
			      "stays the caller's, free_param must be NULL\n");
	return 0;
}

static int api_register(const struct parley_dlg *dlg, int types,
			parley_dialog_cb cb, void *param,
			parley_param_free free_param)
{
	const int known = TYPES_OF_ALL | TYPES_OF_ONE;
	int rc;

	if (!cb)
		return refuse(PARLEY_API_E_ARGUMENT,
			      "register_dlgcb(): the callback is NULL\n");
	if (types == 0 || (types & ~known) != 0)
		return refuse(PARLEY_API_E_TYPE,
			      "register_dlgcb(): types %#x: %#x is no type of "
			      "parley_api.h, %#x are\n",
			      (unsigned int)types,
			      (unsigned int)(types & ~known),
			      (unsigned int)known);
	if (types & TYPES_OF_ALL) {
		rc = check_all(dlg, types, free_param);
		return rc < 0 ? rc : register_all(types, cb, param);
	}
	if (!dlg)
		return refuse(PARLEY_API_E_ARGUMENT,
			      "register_dlgcb(): types %#x belong to a dialog, "
			      "dlg is NULL\n",
			      (unsigned int)types);
	if (!adapter.engine)
		return PARLEY_API_E_GONE; /* none was made yet */
	return register_one(dlg, types, cb, param, free_param);
}

/* ------------------------------------------------ dialogs */

static bool is_text(const struct _str *text)
{
	return text && text->s && text->len > 0;
}

static int api_lookup_terminate(unsigned int h_entry, unsigned int h_id,
				const struct _str *hdrs,
				const struct _str *reason)
{
	const struct parley_id id = {h_entry, h_id};

	if (!adapter.engine)
		return PARLEY_API_E_GONE;
	return code_of(capi_end(id, hdrs, reason));
}

static int api_terminate(const struct _str *callid, const struct _str *ftag,
			 const struct _str *ttag, const struct _str *hdrs,
			 const struct _str *reason)
{
	const struct parley_str none = {0};
	struct parley_match match;

	if (!is_text(callid) || !is_text(ftag))
		return refuse(PARLEY_API_E_ARGUMENT,
			      "terminate_dlg(): %s is NULL or empty\n",
			      is_text(callid) ? "ftag" : "callid");
	if (!adapter.engine ||
	    parley_find_call(adapter.engine, to_parley(callid), to_parley(ftag),
			     is_text(ttag) ? to_parley(ttag) : none,
			     &match) < 0)
		return PARLEY_API_E_GONE;
	return code_of(capi_end(match.id, hdrs, reason));
}

static int api_current(struct sip_msg *msg, struct parley_dlg *dlg)
{
	struct parley_id id;

	if (!dlg)
		return refuse(PARLEY_API_E_ARGUMENT,
			      "get_current_dialog(): dlg is NULL\n");
	*dlg = (struct parley_dlg){0};
	if (!msg && told_of)
		*dlg = *told_of;
	else if (msg && adapter.engine && capi_find(msg, &id))
		*dlg = (struct parley_dlg){id.entry, id.id};
	return dlg->h_id != 0 ? 0 : PARLEY_API_E_GONE;
}

/* ------------------------------------------------ variables */

static int check_var(const char *function, const struct parley_dlg *dlg,
		     const struct _str *key)
{
	if (!dlg || !is_text(key))
		return refuse(PARLEY_API_E_ARGUMENT, "%s(): %s\n", function,
			      dlg ? "key is NULL or empty" : "dlg is NULL");
	if (own_var_is(to_parley(key)))
		return refuse(PARLEY_API_E_ARGUMENT,
			      "%s(): names with " OWN_VAR
			      " are the module's own\n",
			      function);
	return adapter.engine ? 0 : PARLEY_API_E_GONE;
}

static int api_set_var(const struct parley_dlg *dlg, const struct _str *key,
		       const struct _str *value)
{
	struct parley_str text = {0};
	int rc = check_var("set_dlg_var", dlg, key);

	if (rc < 0)
		return rc;
	if (value)
		text = is_text(value) ? to_parley(value)
				      : (struct parley_str){"", 0};
	rc = parley_var_set(adapter.engine, id_of(dlg), to_parley(key), text);
	if (rc == PARLEY_E_ARGUMENT)
		return refuse(
			PARLEY_API_E_ARGUMENT,
			"set_dlg_var(): key has %d bytes, value %d; %d and "
			"%d are allowed\n",
			key->len, value ? value->len : 0, PARLEY_VALUE_MAX,
			PARLEY_STR_MAX);
	return !value && rc == PARLEY_E_ABSENT ? 0 : code_of(rc);
}

static int api_get_var(const struct parley_dlg *dlg, const struct _str *key,
		       struct _str *value)
{
	int rc;

	if (!value)
		return refuse(PARLEY_API_E_ARGUMENT,
			      "get_dlg_var(): value is NULL\n");
	*value = (str){0};
	rc = check_var("get_dlg_var", dlg, key);
	return rc < 0 ? rc : code_of(capi_copy_var(id_of(dlg), key, value));
}

/* ------------------------------------------------ start */

int api_load(struct parley_api *api)
{
	if (!api) {
		LM_ERR("load_parley(): the struct is NULL\n");
		return PARLEY_API_E_ARGUMENT;
	}
	if (api->version != PARLEY_API_VERSION ||
	    api->size != sizeof(struct parley_api)) {
		LM_ERR("load_parley(): a module wants version %u of "
		       "parley_api.h with %u bytes; this is version %u with "
		       "%zu: build the module with the header that was "
		       "installed with %s.so\n",
		       api->version, api->size, PARLEY_API_VERSION,
		       sizeof(struct parley_api),
		       adapter.name ? adapter.name : "dialog");
		return PARLEY_API_E_VERSION;
	}
	if (!_ksr_is_main) {
		LM_ERR("load_parley(): only before Kamailio forks, in "
		       "mod_init\n");
		return PARLEY_API_E_LATE;
	}
	*api = (struct parley_api){
		.size = sizeof(*api),
		.version = PARLEY_API_VERSION,
		.register_dlgcb = api_register,
		.terminate_dlg = api_terminate,
		.lookup_terminate_dlg = api_lookup_terminate,
		.set_dlg_var = api_set_var,
		.get_dlg_var = api_get_var,
		.get_current_dialog = api_current,
	};
	capi_want();
	return 0;
}
