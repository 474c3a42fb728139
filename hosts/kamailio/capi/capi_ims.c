/* See capi_ims.h. */
#include <time.h>

#include "modules/ims_dialog/dlg_hash.h"
#include "modules/ims_dialog/dlg_load.h"

#include "capi_ims.h"
#include "capi_ims_view.h"
#include "capi_names.h"
#include "log.h"
#include "own_var.h"

/* Two types share one number in the header. */
_Static_assert((int)DLGCB_TERMINATED_CONFIRMED == (int)PARLEY_NOTE_SPIRALED,
	       "the types of callbacks");

struct registration {
	struct capi_subscription head; /* first; for all dialogs */
	int types;
	dialog_cb *function;
	void *param;
	param_free_cb *release;
};

/* ------------------------------------------------ telling */

static void tell(struct registration *registration,
		 const struct parley_told *told, int type)
{
	struct dlg_cell *cell = capi_area_part(told->area, CAPI_IMS);
	struct dlg_cb_params params;
	struct capi_told as;
	struct ctx saved;

	if ((registration->types & type) == 0 || !capi_told(told, &as))
		return;
	params = params_of(&as, &registration->param);
	if (as.lent)
		ctx_push(&saved, as.req, told->id);
	registration->function(cell, type, &params);
	if (as.lent)
		ctx_pop(&saved);
}

/* load_ims_dlg() was called. Before the fork. */
static bool loaded;

/* The first to ask decides; the others of the dialog are told the same. */
static bool end_is(struct capi_ims_view *view, int from, int to)
{
	int now = from;

	return __atomic_compare_exchange_n(&view->end, &now, to, false,
					   __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE) ||
	       now == to;
}

/* The engine tells TERMINATED with the command that ends a call. These modules
 * expect it when a BYE was answered, and a call whose lifetime is over to be
 * EXPIRED whether BYEs are sent or not. */
static void tell_terminated(struct registration *registration,
			    const struct parley_told *told)
{
	struct capi_ims_view *view = capi_area_part(told->area, CAPI_IMS);
	const struct adapter_message *message = told->message;
	struct parley_told expired = *told;

	if (view->cell.dflags & DLG_FLAG_EXPIRED) {
		expired.type = PARLEY_NOTE_EXPIRED;
		tell(registration, &expired, DLGCB_EXPIRED);
	} else if (told->new_state != PARLEY_STATE_DELETED &&
		   !(message && message->req)) {
		(void)!end_is(view, IMS_END_NONE, IMS_END_AWAITED);
	} else {
		tell(registration, told, DLGCB_TERMINATED);
	}
}

static void on_told(struct parley *engine, void *param,
		    const struct parley_told *told)
{
	struct capi_ims_view *view = capi_area_part(told->area, CAPI_IMS);
	struct registration *registration = param;

	(void)engine;
	if (!view)
		return;
	switch (told->type) {
	case PARLEY_NOTE_TERMINATED:
		tell_terminated(registration, told);
		break;
	case PARLEY_NOTE_OWN_BYE:
		tell(registration, told, DLGCB_TERMINATED);
		break;
	case PARLEY_NOTE_BYE_REPLIED:
		if (end_is(view, IMS_END_AWAITED, IMS_END_BY_REPLIES))
			tell(registration, told, DLGCB_TERMINATED);
		tell(registration, told, DLGCB_TERMINATED_CONFIRMED);
		break;
	default:
		tell(registration, told, (int)told->type);
		break;
	}
}

void capi_ims_bye_done(struct parley_id id, struct sip_msg *bye,
		       struct sip_msg *reply)
{
	struct adapter_message message = {.own_bye = bye, .own_reply = reply};
	struct capi_ims_view *view;
	int awaited = IMS_END_AWAITED;
	void *area;

	if (!loaded || parley_pin(adapter.engine, id, &area) < 0)
		return;
	view = capi_area_part(area, CAPI_IMS);
	if (view && __atomic_compare_exchange_n(
			    &view->end, &awaited, IMS_END_BY_BYE, false,
			    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		parley_notify(adapter.engine, id, PARLEY_NOTE_OWN_BYE,
			      PARLEY_DIR_NONE, &message);
	(void)!parley_unpin(adapter.engine, id, area);
}

/* ------------------------------------------------ registering */

/* What the engine must tell for what was asked for. */
static uint32_t notes_of(int types)
{
	uint32_t notes = (uint32_t)types & CAPI_OF_ONE;

	if (types & DLGCB_TERMINATED)
		notes |= PARLEY_NOTE_OWN_BYE | PARLEY_NOTE_BYE_REPLIED;
	if (types & DLGCB_EXPIRED)
		notes |= PARLEY_NOTE_TERMINATED;
	if (types & DLGCB_TERMINATED_CONFIRMED)
		notes |= PARLEY_NOTE_BYE_REPLIED;
	return notes;
}

static void release(void *param)
{
	struct registration *registration = param;

	if (registration->param && registration->release)
		registration->release(registration->param);
	shm_free(registration);
}

static int subscribe(struct dlg_cell *dlg, struct registration *registration)
{
	const struct parley_handler handler = {
		.function = on_told,
		.release = release,
	};
	int rc;

	if (!dlg)
		return capi_subscribe(&registration->head);
	rc = parley_subscribe_handler(adapter.engine, id_of(dlg),
				      registration->head.types, &handler,
				      registration);
	if (rc < 0)
		log_limited(LOG_CAUSE_MODULE, L_ERR,
			    "dialog %u.%u: callback not registered: %s\n",
			    dlg->h_entry, dlg->h_id, parley_error_text(rc));
	return rc;
}

/* 0, or what is wrong with @types. */
static const char *fault_of(const struct dlg_cell *dlg, int types)
{
	if (types & (DLGCB_LOADED | DLGCB_CREATED))
		return types == DLGCB_LOADED || types == DLGCB_CREATED
			       ? NULL
			       : "LOADED and CREATED stand alone";
	return dlg && adapter.engine ? NULL : "they need a dialog";
}

static int api_register(struct dlg_cell *dlg, int types, dialog_cb function,
			void *param, param_free_cb free_cb)
{
	const char *fault = fault_of(dlg, types);
	bool all = (types & (DLGCB_LOADED | DLGCB_CREATED)) != 0;
	uint32_t notes = all ? (uint32_t)types : notes_of(types);
	struct registration *registration;

	if (fault)
		LM_ERR("callback types %#x: %s\n", (unsigned)types, fault);
	if (fault || !function)
		return -1;
	if (!notes)
		return 0; /* it would never be called */
	registration = shm_malloc(sizeof(*registration));
	if (!registration) {
		log_limited(LOG_CAUSE_MODULE, L_ERR,
			    "no shared memory left for a callback; start "
			    "kamailio with a larger -m\n");
		return -1;
	}
	*registration = (struct registration){
		.head = {.types = notes, .function = on_told},
		.types = types,
		.function = function,
		.param = param,
		.release = free_cb,
	};
	if (subscribe(all ? NULL : dlg, registration) == 0)
		return 0;
	shm_free(registration);
	return -1;
}

static void api_release(struct dlg_cell *dlg)
{
	/* One that is released too often is not pinned, or gone: no harm. */
	if (dlg && adapter.engine)
		(void)!parley_unpin(adapter.engine, id_of(dlg),
				    capi_area_of(dlg, CAPI_IMS));
}

/* Takes the reference that get_dlg() gave, whatever it returns. */
static int api_register_nodlg(struct dlg_cell *dlg, int types,
			      dialog_cb function, void *param,
			      param_free_cb free_cb)
{
	int rc;

	if (!dlg)
		return -1;
	rc = api_register(dlg, types, function, param, free_cb);
	api_release(dlg);
	return rc;
}

/* ------------------------------------------------ dialogs */

static struct parley_str text_of(const str *text)
{
	return text && text->s ? to_parley(text) : (struct parley_str){0};
}

static bool find(const str *callid, const str *ftag, const str *ttag,
		 struct parley_id *id)
{
	struct parley_match match;

	if (!adapter.engine ||
	    parley_find_early(adapter.engine, text_of(callid), text_of(ftag),
			      text_of(ttag), &match) < 0)
		return false;
	*id = match.id;
	return true;
}

static struct dlg_cell *api_get(struct sip_msg *msg)
{
	struct parley_id id;
	void *area;

	if (!adapter.engine || !msg || !capi_find(msg, &id) ||
	    parley_pin(adapter.engine, id, &area) < 0)
		return NULL;
	return capi_area_part(area, CAPI_IMS);
}

static int api_terminate(str *callid, str *ftag, str *ttag, str *hdrs,
			 str *reason)
{
	struct parley_id id;

	if (!find(callid, ftag, ttag, &id))
		return -1;
	return capi_end(id, hdrs, reason) < 0 ? -1 : 1;
}

static int api_lookup_terminate(unsigned int h_entry, unsigned int h_id,
				str *hdrs)
{
	if (!adapter.engine)
		return -1;
	return capi_end((struct parley_id){h_entry, h_id}, hdrs, NULL) < 0 ? -1
									   : 1;
}

/* When the lifetime is over; a call without ACK has all of it before it. */
static time_t api_expires(str *callid, str *ftag, str *ttag)
{
	const struct dlg_cell *cell;
	struct parley_id id;
	time_t expires;
	void *area;

	if (!callid || !ftag || !ttag || !find(callid, ftag, ttag, &id) ||
	    parley_pin(adapter.engine, id, &area) < 0)
		return 0;
	cell = capi_area_part(area, CAPI_IMS);
	expires = cell->state == DLG_STATE_CONFIRMED && cell->start_ts
			  ? (time_t)cell->start_ts
			  : time(NULL);
	expires += (time_t)cell->lifetime;
	(void)!parley_unpin(adapter.engine, id, area);
	return expires;
}

/* ------------------------------------------------ variables */

static bool named(const str *key)
{
	return key && key->s && key->len > 0 && !own_var_is(to_parley(key));
}

static int api_set_var(str *callid, str *ftag, str *ttag, str *key, str *value)
{
	struct parley_id id;

	if (!named(key) || !find(callid, ftag, ttag, &id))
		return -1;
	return capi_set_var(id, key, value);
}

static str *api_get_var(str *callid, str *ftag, str *ttag, str *key)
{
	struct parley_id id;

	return named(key) && find(callid, ftag, ttag, &id)
		       ? capi_ref_var(id, key)
		       : NULL;
}

/* ------------------------------------------------ start */

int capi_ims_load(struct ims_dlg_binds *binds)
{
	*binds = (struct ims_dlg_binds){
		.register_dlgcb = api_register,
		.register_dlgcb_nodlg = api_register_nodlg,
		.terminate_dlg = api_terminate,
		.lookup_terminate_dlg = api_lookup_terminate,
		.set_dlg_var = api_set_var,
		.get_dlg_var = api_get_var,
		.get_dlg_expires = api_expires,
		.get_dlg = api_get,
		.release_dlg = api_release,
	};
	capi_want();
	loaded = true;
	return capi_area_reserve(CAPI_IMS, sizeof(struct capi_ims_view),
				 sizeof(struct capi_ims_leg)) < 0
		       ? -1
		       : 1;
}
