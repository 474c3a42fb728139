/* See capi.h. */
#include "core/pvapi.h"
#include "core/ut.h"
#include "modules/dialog/dlg_hash.h"
#include "modules/dialog/dlg_load.h"

#include "capi.h"
#include "capi_area.h"
#include "capi_names.h"
#include "capi_view.h"
#include "own_var.h"

_Static_assert((int)DLGCB_TERMINATED_CONFIRMED == (int)PARLEY_NOTE_BYE_REPLIED,
	       "the types of callbacks");

/* A function pointer as the engine keeps it. */
union callback {
	void *kept;
	dialog_cb *function;
};

/* ------------------------------------------------ telling */

static void tell(const struct parley_told *told, dialog_cb *function,
		 void **slot)
{
	struct dlg_cell *cell = capi_area_part(told->area, CAPI_DIALOG);
	struct dlg_cb_params params;
	struct capi_told as;
	struct ctx saved;

	/* It may be older than the first load_dlg(). */
	if (!cell || !function || !capi_told(told, &as))
		return;
	params = params_of(&as, slot);
	if (told->type == PARLEY_NOTE_EXPIRED &&
	    told->old_state == PARLEY_STATE_CONFIRMED)
		params.dlg_data = (void *)(long)CONFIRMED_DIALOG_STATE;
	/* Nobody has named a dialog for a message that is lent. */
	if (as.lent)
		ctx_push(&saved, as.req, told->id);
	function(cell, (int)told->type, &params);
	if (as.lent)
		ctx_pop(&saved);
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
	uint32_t known = (uint32_t)types & CAPI_OF_ONE;
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
	return capi_area_part(area, CAPI_DIALOG);
}

static void api_release(struct dlg_cell *dlg)
{
	/* One that is released too often is not pinned, or gone: no harm. */
	if (dlg && adapter.engine)
		(void)!parley_unpin(adapter.engine, id_of(dlg),
				    capi_area_of(dlg, CAPI_DIALOG));
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
	return dlg && key && key->s && key->len > 0 && adapter.engine &&
	       !own_var_is(to_parley(key));
}

static int api_set_var(struct dlg_cell *dlg, str *key, str *value)
{
	return asked_well(dlg, key) ? capi_set_var(id_of(dlg), key, value) : -1;
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

static str *api_ref_var(struct dlg_cell *dlg, str *key)
{
	return asked_well(dlg, key) ? capi_ref_var(id_of(dlg), key) : NULL;
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
	capi_want();
	return capi_area_reserve(CAPI_DIALOG, sizeof(struct capi_view), 0) < 0
		       ? -1
		       : 1;
}

int capi_init(void)
{
	return capi_subscribe_early() < 0 ? -1 : capi_area_init();
}
