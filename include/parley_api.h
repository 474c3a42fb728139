/*
 * parley_api.h - for modules of your own: follow and end calls
 *
 * What:    six functions in a struct that load_parley() fills, and the types of
 *          callbacks. Needs no other header of Parley, and nothing of Kamailio
 *          but what a module has anyway; may stand before or after the host's
 *          dlg_load.h. docs/c-api.md has an example, examples/module/ another.
 * Owns:    a dialog is named by a number of two parts, by value: copy it, keep
 *          it as long as you like, give nothing back. Texts passed in are
 *          copied. What a function hands out is said below it.
 * Where:   every process of Kamailio that was forked after load_parley() may
 *          call every function, also inside a callback. It does not have to be
 *          the process that made the dialog.
 * Locking: none is held when a callback runs; it may do what it likes, end its
 *          own dialog included. Other callbacks of the dialog wait for it, up
 *          to a fifth of a second, so a slow one makes calls slow.
 * Gone:    a dialog is over before it is gone. Over, it is still there for late
 *          messages: variables can be read and written. Gone, every function
 *          that is given its name returns PARLEY_API_E_GONE and does nothing.
 *          The name is not given to another dialog soon: it is random.
 * Errors:  0 or a negative PARLEY_API_E_ code. A mistake of the caller's is
 *          logged as well, with what is allowed.
 */
#ifndef PARLEY_API_H
#define PARLEY_API_H

struct sip_msg; /* Kamailio's */
struct _str;	/* Kamailio's str */

/* Grows when something changes that was there before. What is new without that
 * comes at the end of struct parley_api, and shows in its size. */
#define PARLEY_API_VERSION 1

enum parley_api_error {
	PARLEY_API_E_ARGUMENT = -1, /* NULL, empty, too long, not allowed */
	PARLEY_API_E_VERSION = -2,  /* load_parley(): size or version */
	PARLEY_API_E_TYPE = -3,	    /* an unknown type of callback, or two
				     * that do not go together */
	PARLEY_API_E_LATE = -4,	    /* only before Kamailio forks */
	PARLEY_API_E_GONE = -5,	    /* there is no such dialog */
	PARLEY_API_E_STATE = -6,    /* the dialog is over, or cannot be ended
				     * in the state it has */
	PARLEY_API_E_ABSENT = -7,   /* there is no such variable */
	PARLEY_API_E_MEMORY = -8,   /* no memory, or no room for more */
};

/* Names a dialog, as dlg.list and $dlg(h_entry), $dlg(h_id) show it. */
struct parley_dlg {
	unsigned int h_entry, h_id; /* h_id 0: none */
};

/* ------------------------------------------------------------- callbacks */

/* What happened. One function can be registered for several: PARLEY_CB_EARLY |
 * PARLEY_CB_FAILED. req, rpl: whether params has a request and a reply. */
enum parley_api_type {
	/* For all dialogs; each is registered alone, with dlg NULL. */
	PARLEY_CB_LOADED = 1 << 0,  /* one came from another proxy or from a
				     * database; no req */
	PARLEY_CB_CREATED = 1 << 1, /* there is a new one; req: INVITE */

	/* For one dialog. Exactly one of FAILED, TERMINATED, EXPIRED, once. */
	PARLEY_CB_FAILED = 1 << 2,	 /* no 2xx came, or it was ended before;
					  * perhaps req: INVITE, perhaps rpl */
	PARLEY_CB_CONFIRMED_NA = 1 << 3, /* the first 2xx; req: INVITE, rpl, or
					  * neither if the proxy answers */
	PARLEY_CB_CONFIRMED = 1 << 4,	 /* its ACK; req: ACK */
	PARLEY_CB_REQ_WITHIN = 1 << 5,	 /* any other request in the dialog,
					  * before it is relayed: it can be
					  * changed; req */
	PARLEY_CB_TERMINATED = 1 << 6,	 /* BYE, or ended by us; req: BYE if it
					  * is a party's */
	PARLEY_CB_EXPIRED = 1 << 7, /* the lifetime is over, no BYE is sent */
	PARLEY_CB_EARLY = 1 << 8,   /* each 1xx; req: INVITE, rpl */
	PARLEY_CB_RESPONSE_FWDED = 1 << 9,   /* a 1xx or 2xx to the INVITE is
					      * about to be relayed: it can be
					      * changed; req, rpl */
	PARLEY_CB_RESPONSE_WITHIN = 1 << 10, /* the same to another request */
	PARLEY_CB_RPC_CONTEXT = 1 << 12,     /* dlg.list_ctx and its like; see
					      * params.rpc */
	PARLEY_CB_DESTROY = 1 << 13,  /* last; it is gone after this one */
	PARLEY_CB_SPIRALED = 1 << 14, /* the INVITE came again; req */
	PARLEY_CB_TERMINATED_CONFIRMED = 1 << 15, /* the BYE was answered, also
						   * ours; req: BYE; perhaps
						   * rpl */
	PARLEY_CB_SAVED = 1 << 16, /* a commit has stored it, until it is over;
				    * db_mode 1 and 2 */
};

enum parley_api_direction { /* where a message comes from */
			    PARLEY_FROM_NOBODY = 0,
			    PARLEY_FROM_CALLER = 1,
			    PARLEY_FROM_CALLEE = 2,
};

/* Belongs to one call of one callback. Messages are valid during it only. */
struct parley_params {
	struct sip_msg *req, *rpl; /* NULL: none */
	unsigned int direction;	   /* enum parley_api_direction; of rpl if it
				    * is about a reply */
	unsigned int old_state;	   /* before and after: 1 unconfirmed to 5 */
	unsigned int new_state;	   /* ended, as dlg.list; 0: not made yet */
	/* RPC_CONTEXT: rpc_t and its context, for rpl_printf(), struct_add() */
	void *rpc, *rpc_ctx;
	/* Where what was registered is kept. *param may be changed; with NULL
	 * the function that frees it is not called. */
	void **param;
};

/* @dlg: the dialog; copy it if you need it later. @type: one bit. */
typedef void (*parley_dialog_cb)(const struct parley_dlg *dlg, int type,
				 struct parley_params *params);
typedef void (*parley_param_free)(void *param);

/* ------------------------------------------------------------- functions */

struct parley_api {
	/* Set by whoever asks, before load_parley(). */
	unsigned int size;    /* sizeof(struct parley_api) */
	unsigned int version; /* PARLEY_API_VERSION */

	/*
	 * Calls @cb whenever one of @types happens to @dlg. CREATED or LOADED:
	 * alone, @dlg NULL, and before Kamailio forks. Those who registered
	 * last are called first, after the script's event routes.
	 * Owns: on success @param is the dialog's, and @free_param (or NULL)
	 * gets it after DESTROY, in any process: it must be in shared memory.
	 * On an error it stays yours. For CREATED and LOADED @param stays yours
	 * always; @free_param must be NULL.
	 * Gone: E_GONE. Over: 0; what is still to come is told.
	 */
	int (*register_dlgcb)(const struct parley_dlg *dlg, int types,
			      parley_dialog_cb cb, void *param,
			      parley_param_free free_param);

	/*
	 * Ends the call with these tags, in whatever order, on all sides. @ttag
	 * NULL or empty: the caller's tag is enough, for a call that is not
	 * over. Unanswered: the caller gets a final reply, each branch a
	 * CANCEL. Answered: BYE to all. @hdrs (or NULL): whole header lines for
	 * the BYEs, each ending in CRLF. @reason (or NULL): a text for the
	 * Reason header (RFC 3326), and the phrase of the final reply.
	 * Its callbacks run before it returns, or right after running ones.
	 * Returns 0 if the call is over now or on its way: BYEs need not be
	 * answered yet. E_STATE: over already, or an INVITE that this process
	 * cannot answer. E_ARGUMENT: nothing was sent.
	 */
	int (*terminate_dlg)(const struct _str *callid, const struct _str *ftag,
			     const struct _str *ttag, const struct _str *hdrs,
			     const struct _str *reason);

	/* The same for a dialog whose name is known. */
	int (*lookup_terminate_dlg)(unsigned int h_entry, unsigned int h_id,
				    const struct _str *hdrs,
				    const struct _str *reason);

	/*
	 * Sets the variable that the script knows as $dlg_var(key). Both texts
	 * are copied. @value NULL deletes it; that it was not there is no
	 * error. At most 4096 bytes of key and 65535 of value.
	 */
	int (*set_dlg_var)(const struct parley_dlg *dlg, const struct _str *key,
			   const struct _str *value);

	/*
	 * A copy of it in private memory, with a 0 behind it. Owns: it is
	 * yours; pkg_free(value->s). E_ABSENT: not set. On any error @value is
	 * empty and there is nothing to free.
	 */
	int (*get_dlg_var)(const struct parley_dlg *dlg, const struct _str *key,
			   struct _str *value);

	/*
	 * The dialog of a message, as $dlg(...) has it: in a script function or
	 * a callback of tm its own message; also one that is nobody's and has
	 * only Call-ID and tags. @msg NULL: the dialog whose callback this
	 * process runs. E_GONE: none; *dlg is {0, 0} then.
	 */
	int (*get_current_dialog)(struct sip_msg *msg, struct parley_dlg *dlg);
};

typedef int (*load_parley_f)(struct parley_api *api);

/*
 * Fills *@api; in mod_init, wherever the loadmodule lines stand. 0, or
 * PARLEY_API_E_ABSENT: Parley is not loaded, or what load_parley() returns. The
 * struct is yours. Wants core/sr_module.h.
 */
#define parley_api_load(api)                                                   \
	parley_api_bind((load_parley_f)(void (*)(void))find_export(            \
				(char *)"load_parley", 0, 0),                  \
			(api), (unsigned int)sizeof(*(api)))

static inline int parley_api_bind(load_parley_f load, struct parley_api *api,
				  unsigned int size)
{
	if (!load)
		return PARLEY_API_E_ABSENT;
	api->size = size;
	api->version = PARLEY_API_VERSION;
	return load(api);
}

/* ------------------------------------------------------------- other names */

/*
 * As the documents of dialog, ims_dialog and dialog_ng write the types. The
 * numbers are those of dialog's dlg_load.h, word for word, so that both headers
 * go together. ims_dialog's has another TERMINATED_CONFIRMED (it is SPIRALED
 * there): beside that one, define PARLEY_API_OWN_NAMES and write PARLEY_CB_.
 */
#ifndef PARLEY_API_OWN_NAMES
#if defined(DLGCB_TERMINATED_CONFIRMED) &&                                     \
	DLGCB_TERMINATED_CONFIRMED != (1 << 15)
#error "the DLGCB_ names are those of ims_dialog: define PARLEY_API_OWN_NAMES"
#endif
/* clang-format off */
#define DLGCB_LOADED          (1<<0)
#define DLGCB_CREATED         (1<<1)
#define DLGCB_FAILED          (1<<2)
#define DLGCB_CONFIRMED_NA    (1<<3)
#define DLGCB_CONFIRMED       (1<<4)
#define DLGCB_REQ_WITHIN      (1<<5)
#define DLGCB_TERMINATED      (1<<6)
#define DLGCB_EXPIRED         (1<<7)
#define DLGCB_EARLY           (1<<8)
#define DLGCB_RESPONSE_FWDED  (1<<9)
#define DLGCB_RESPONSE_WITHIN (1<<10)
#define DLGCB_RPC_CONTEXT     (1<<12)
#define DLGCB_DESTROY         (1<<13)
#define DLGCB_SPIRALED        (1<<14)
#define DLGCB_TERMINATED_CONFIRMED (1<<15)
/* clang-format on */
#define DLGCB_MI_CONTEXT PARLEY_CB_RPC_CONTEXT
#define DLGCB_SAVED PARLEY_CB_SAVED

/* As OpenSIPS' document writes some of them. There CONFIRMED is the 2xx. */
#define DLG_CREATED PARLEY_CB_CREATED
#define DLG_FAILED PARLEY_CB_FAILED
#define DLG_REQ_WITHIN PARLEY_CB_REQ_WITHIN
#define DLG_TERMINATED PARLEY_CB_TERMINATED
#define DLG_EXPIRED PARLEY_CB_EXPIRED
/* Kamailio's tm has a DLG_CONFIRMED of its own, a state, so this name has to be
 * asked for, and tm's header to come first. */
#ifdef PARLEY_API_DLG_CONFIRMED
#define DLG_CONFIRMED PARLEY_CB_CONFIRMED_NA
#endif
#endif

#endif
