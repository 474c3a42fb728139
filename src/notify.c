/*
 * notify.c - subscribers, and the order in which they are told
 *
 * Every note of a dialog draws a ticket under the shard's lock, when the change
 * that it tells of is made: tickets are the order of the changes. Telling
 * follows that order as far as messages allow:
 *
 *   1. No lock is held while a subscriber runs, and who may not wait does not:
 *      its note is told at once, out of turn if need be.
 *   2. Others wait until all earlier tickets are done, at most
 *      callback_wait_ms; then they go on, and turns_missed counts it.
 *   3. A note without a message never waits. If it cannot be told now it is
 *      put away, and the process that leaves the last running subscriber tells
 *      it. Nothing is left behind: each ticket before it belongs to a process
 *      that has yet to enter and to leave, or to a note that is put away too.
 *   4. FAILED, TERMINATED, EXPIRED: the first one to be entered shuts the door
 *      for all but STATE, BYE_REPLIED, OWN_BYE, the REPLY_WITHIN of a BYE,
 *      and DESTROY. It
 *      waits for those inside as for its turn, if it may: who is told of the
 *      end frees what the others still work on.
 *   5. DESTROY comes last: each note holds a reference until it is told, and
 *      dialog_destroy() runs when there are none.
 *
 * The list of a dialog's subscriptions is walked without a lock. That is safe:
 * its head is read under the lock, and how many that has; new ones are only put
 * behind those, or in front of it; what is in the list is not changed and not
 * freed before note_fini(), which runs after the last note has dropped its
 * reference. The list of the engine does not change once several processes use
 * it (parley_subscribe_all()).
 */
#include "area.h"
#include "copy.h"

enum {
	TURNS_MAX = 64, /* tickets under way: bits of turns.done */
	NOTES_KNOWN = PARLEY_NOTE_LOADED | PARLEY_NOTE_CREATED |
		      PARLEY_NOTE_FAILED | PARLEY_NOTE_ANSWERED |
		      PARLEY_NOTE_CONFIRMED | PARLEY_NOTE_REQUEST_WITHIN |
		      PARLEY_NOTE_TERMINATED | PARLEY_NOTE_EXPIRED |
		      PARLEY_NOTE_EARLY | PARLEY_NOTE_REPLY_FORWARDED |
		      PARLEY_NOTE_REPLY_WITHIN | PARLEY_NOTE_RPC_CONTEXT |
		      PARLEY_NOTE_DESTROY | PARLEY_NOTE_SPIRALED |
		      PARLEY_NOTE_BYE_REPLIED | PARLEY_NOTE_OWN_BYE |
		      PARLEY_NOTE_SAVED | PARLEY_NOTE_STATE,
	NOTES_TERMINAL = PARLEY_NOTE_FAILED | PARLEY_NOTE_TERMINATED |
			 PARLEY_NOTE_EXPIRED,
	/* They belong to a BYE, whose TERMINATED comes before them. */
	NOTES_LATE = PARLEY_NOTE_REPLY_WITHIN | PARLEY_NOTE_BYE_REPLIED |
		     PARLEY_NOTE_OWN_BYE,
	NOTES_FIRST = NOTES_KNOWN &
		      ~(NOTES_TERMINAL | NOTES_LATE | PARLEY_NOTE_DESTROY),
};

static void lock_of(struct parley *engine, const struct dialog *dialog)
{
	shard_lock(engine, shard_of(engine, dialog->id.entry));
}

static void unlock_of(struct parley *engine, const struct dialog *dialog)
{
	shard_unlock(engine, shard_of(engine, dialog->id.entry));
}

/* ------------------------------------------------------- subscribing */

static bool types_valid(uint32_t types)
{
	return types != 0 && (types & ~(uint32_t)NOTES_KNOWN) == 0;
}

int parley_subscribe_all(struct parley *engine, uint32_t types,
			 parley_subscriber function, void *param)
{
	if (!types_valid(types) || function == NULL)
		return PARLEY_E_ARGUMENT;
	if (engine->global_count == PARLEY_SUBSCRIBERS_MAX)
		return PARLEY_E_FULL;
	engine->global[engine->global_count++] =
		(struct global_subscription){types, function, param};
	engine->global_types |= types;
	return 0;
}

static bool handler_equal(const struct parley_handler *a,
			  const struct parley_handler *b)
{
	return a->function == b->function && a->self == b->self &&
	       a->release == b->release;
}

/* Where @handler is between @from and @to; @to: it is not. */
static uint32_t handler_find(const struct handler_table *table,
			     const struct parley_handler *handler,
			     uint32_t from, uint32_t to)
{
	uint32_t at = from;

	while (at < to && !handler_equal(&table->list[at], handler))
		at++;
	return at;
}

/* Its number in the table, into which it is put if it is new; or
 * PARLEY_E_FULL. There are as many as the code has places that subscribe. */
static int handler_number(struct parley *engine,
			  const struct parley_handler *handler)
{
	struct handler_table *table = &engine->handlers;
	uint32_t known =
		atomic_load_explicit(&table->count, memory_order_acquire);
	uint32_t at = handler_find(table, handler, 0, known);

	if (at < known)
		return (int)at;
	engine->host.lock(engine->host.self, engine->mem.lock);
	known = atomic_load_explicit(&table->count, memory_order_relaxed);
	at = handler_find(table, handler, at, known);
	if (at == known && known < PARLEY_HANDLERS_MAX) {
		table->list[at] = *handler;
		atomic_store_explicit(&table->count, known + 1,
				      memory_order_release);
	}
	engine->host.unlock(engine->host.self, engine->mem.lock);
	return at < PARLEY_HANDLERS_MAX ? (int)at : PARLEY_E_FULL;
}

/* A block of the dialog's subscriptions with a free place, the first of its
 * list; NULL: no memory. */
static struct subscriptions *room_for_one(struct parley *engine,
					  struct dialog *dialog)
{
	struct subscriptions *block = dialog->subscriptions;

	if (block != NULL && block->count < SUBSCRIPTIONS)
		return block;
	block = mem_alloc(&engine->mem, sizeof(*block));
	if (block == NULL)
		return NULL;
	block->next = dialog->subscriptions;
	block->count = 0;
	dialog->subscriptions = block;
	return block;
}

static void subscription_put(struct subscriptions *block, uint32_t types,
			     int number, void *param)
{
	int saved = types & PARLEY_NOTE_SAVED ? HANDLER_SAVED : 0;

	block->types[block->count] = (uint16_t)types;
	block->handler[block->count] = (uint8_t)(number | saved);
	block->param[block->count] = param;
	block->count++;
}

static uint32_t subscription_types(const struct subscriptions *block, uint8_t i)
{
	return block->types[i] |
	       (block->handler[i] & HANDLER_SAVED ? PARLEY_NOTE_SAVED : 0U);
}

static const struct parley_handler *
subscription_handler(const struct parley *engine,
		     const struct subscriptions *block, uint8_t i)
{
	return &engine->handlers.list[block->handler[i] & ~HANDLER_SAVED];
}

int parley_subscribe_handler(struct parley *engine, struct parley_id id,
			     uint32_t types,
			     const struct parley_handler *handler, void *param)
{
	struct subscriptions *block;
	struct dialog *dialog;
	int number;

	if (!types_valid(types) || handler->function == NULL ||
	    (types & PARLEY_NOTE_STATE) != 0)
		return PARLEY_E_ARGUMENT;
	number = handler_number(engine, handler);
	if (number < 0)
		return number;
	dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	block = room_for_one(engine, dialog);
	if (block != NULL) {
		subscription_put(block, types, number, param);
		dialog->turns.types |= types;
		if (types & ~atomic_load(&engine->own_types))
			atomic_fetch_or(&engine->own_types, types);
	}
	dialog_unlock(engine, id);
	if (block == NULL) {
		count_one(&engine->count.no_memory);
		return PARLEY_E_MEMORY;
	}
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_subscribe(struct parley *engine, struct parley_id id, uint32_t types,
		     parley_subscriber function, void *param,
		     void (*release)(void *param))
{
	const struct parley_handler handler = {function, NULL, release};

	return parley_subscribe_handler(engine, id, types, &handler, param);
}

void note_fini(struct parley *engine, struct dialog *dialog)
{
	while (dialog->subscriptions != NULL) {
		struct subscriptions *block = dialog->subscriptions;

		while (block->count > 0) {
			uint8_t i = --block->count;
			const struct parley_handler *handler =
				subscription_handler(engine, block, i);

			if (handler->release != NULL && block->param[i] != NULL)
				handler->release(block->param[i]);
		}
		dialog->subscriptions = block->next;
		mem_free(&engine->mem, block, sizeof(*block));
	}
	mem_free(&engine->mem, dialog->deferred,
		 DIALOG_DEFERRED_MAX * sizeof(*dialog->deferred));
	dialog->deferred = NULL;
}

/* ------------------------------------------------------- turns */

void note_make_locked(struct parley *engine, struct dialog *dialog,
		      uint32_t types, struct parley_note *note)
{
	struct turns *turns = &dialog->turns;

	note->id = dialog->id;
	note->ticket = NOTE_NO_TICKET;
	note->types = types & (engine->global_types | dialog->turns.types);
	if (note->types == 0)
		return;
	dialog->refs++;
	if ((uint16_t)(turns->next - turns->serving) < TURNS_MAX)
		note->ticket = turns->next++;
}

/* All earlier notes are done. */
static bool turn_come(const struct turns *turns, const struct parley_note *note)
{
	return note->ticket == turns->serving;
}

static bool is_terminal(const struct parley_note *note)
{
	return (note->types & NOTES_TERMINAL) != 0;
}

/* Nothing stands in the way of @note. */
static bool turn_free(const struct turns *turns, const struct parley_note *note)
{
	if (is_terminal(note) && turns->running > 0)
		return false;
	return note->ticket == NOTE_NO_TICKET || turn_come(turns, note);
}

static void turn_done(struct turns *turns, const struct parley_note *note)
{
	if (note->ticket == NOTE_NO_TICKET)
		return;
	turns->done |= UINT64_C(1) << (uint16_t)(note->ticket - turns->serving);
	while ((turns->done & 1) != 0) {
		turns->done >>= 1;
		turns->serving++;
	}
}

/* Lets go of the lock while it waits. */
static void turn_wait_locked(struct parley *engine, struct dialog *dialog,
			     const struct parley_note *note)
{
	uint32_t tries = engine->config.callback_wait_ms;

	while (!turn_free(&dialog->turns, note) && tries > 0) {
		bool paused;

		unlock_of(engine, dialog);
		paused = engine->host.pause(engine->host.self);
		lock_of(engine, dialog);
		tries = paused ? tries - 1 : 0;
	}
}

/* Puts a note away for the process that leaves last. False: it is to be told
 * now, because it can be, or because there is no room to put it. */
static bool turn_defer_locked(struct parley *engine, struct dialog *dialog,
			      const struct parley_note *note)
{
	struct turns *turns = &dialog->turns;
	size_t size = DIALOG_DEFERRED_MAX * sizeof(*note);

	if (turns->running == 0 &&
	    (note->ticket == NOTE_NO_TICKET || turn_come(turns, note)))
		return false;
	if (dialog->deferred == NULL)
		dialog->deferred = mem_alloc(&engine->mem, size);
	if (dialog->deferred == NULL ||
	    turns->deferred_count == DIALOG_DEFERRED_MAX)
		return false;
	dialog->deferred[turns->deferred_count++] = *note;
	return true;
}

/* Takes back a note that was put away and can be told now. */
static bool turn_resume_locked(struct dialog *dialog, struct parley_note *note)
{
	struct turns *turns = &dialog->turns;

	for (uint8_t i = 0; turns->running == 0 && i < turns->deferred_count;
	     i++) {
		struct parley_note *at = &dialog->deferred[i];

		if (at->ticket != NOTE_NO_TICKET && !turn_come(turns, at))
			continue;
		*note = *at;
		turns->ending = turns->ending || is_terminal(note);
		turns->deferred_count--;
		memmove(at, at + 1,
			(size_t)(turns->deferred_count - i) * sizeof(*at));
		turns->running++;
		return true;
	}
	return false;
}

/* ------------------------------------------------------- telling */

/* What a note tells of comes in the order of the bits, except that a call has
 * ended only after all else that the message did. */
static uint32_t first_type(uint32_t types)
{
	static const uint32_t groups[] = {NOTES_FIRST, NOTES_TERMINAL,
					  NOTES_LATE, PARLEY_NOTE_DESTROY};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		uint32_t in = types & groups[i];

		if (in != 0)
			return in & (~in + 1);
	}
	return 0;
}

/* Rule 4, for what is not terminal. A REPLY_WITHIN that was made before the end
 * of the call is not that of its BYE. */
static bool may_start(const struct dialog *dialog,
		      const struct parley_told *told)
{
	if (told->type == PARLEY_NOTE_DESTROY ||
	    told->type == PARLEY_NOTE_BYE_REPLIED ||
	    told->type == PARLEY_NOTE_OWN_BYE ||
	    told->type == PARLEY_NOTE_STATE)
		return true;
	if (told->type == PARLEY_NOTE_REPLY_WITHIN &&
	    told->new_state == PARLEY_STATE_DELETED)
		return true;
	return !atomic_load(&dialog->turns.ended);
}

/* True: whoever comes next may still be told. */
static bool goes_on(const struct dialog *dialog, const struct parley_told *told)
{
	return ((uint32_t)told->type & NOTES_TERMINAL) != 0 ||
	       may_start(dialog, told);
}

/* Those of the engine, last come first. False: the call has ended. */
static bool tell_all(struct parley *engine, struct dialog *dialog,
		     const struct parley_told *told)
{
	for (uint32_t i = engine->global_count; i > 0; i--) {
		const struct global_subscription *all = &engine->global[i - 1];

		if ((all->types & (uint32_t)told->type) == 0)
			continue;
		if (!goes_on(dialog, told))
			return false;
		all->function(engine, all->param, told);
	}
	return true;
}

/* Those of the dialog, last come first; @count of them are in the first block.
 */
static void tell_own(struct parley *engine, struct dialog *dialog,
		     struct subscriptions *block, uint8_t count,
		     struct parley_told *told)
{
	for (; block != NULL; block = block->next, count = SUBSCRIPTIONS) {
		for (uint8_t i = count; i > 0; i--) {
			const struct parley_handler *handler =
				subscription_handler(engine, block, i - 1);

			if (!(subscription_types(block, i - 1) &
			      (uint32_t)told->type))
				continue;
			if (!goes_on(dialog, told))
				return;
			told->self = handler->self;
			told->slot = &block->param[i - 1];
			handler->function(engine, *told->slot, told);
		}
	}
	told->self = NULL;
	told->slot = NULL;
}

/* Runs the subscribers of one type. Those of the engine come first: the host's
 * event routes prepare what others then store. */
static void type_tell(struct parley *engine, struct dialog *dialog,
		      struct parley_told *told)
{
	bool terminal = ((uint32_t)told->type & NOTES_TERMINAL) != 0;
	struct subscriptions *own;
	uint8_t count;

	if (terminal && atomic_exchange(&dialog->turns.ended, true))
		return;
	lock_of(engine, dialog);
	told->area = area_show_locked(engine, dialog);
	own = dialog->subscriptions;
	count = own == NULL ? 0 : own->count;
	unlock_of(engine, dialog);
	if (tell_all(engine, dialog, told))
		tell_own(engine, dialog, own, count, told);
}

static void note_tell(struct parley *engine, struct dialog *dialog,
		      const struct parley_note *note, void *message)
{
	struct parley_told told = {
		.id = note->id,
		.dir = note->dir,
		.old_state = note->old_state,
		.new_state = note->new_state,
		.message = message,
	};
	uint32_t left = note->types;

	while (left != 0) {
		uint32_t type = first_type(left);

		left &= ~type;
		told.type = (enum parley_note_type)type;
		type_tell(engine, dialog, &told);
	}
}

/* Tells @note and then all that was put away meanwhile, and drops a reference
 * for each. running has been raised. The dialog may be gone afterwards. */
static void note_enter(struct parley *engine, struct dialog *dialog,
		       struct parley_note note, void *message)
{
	bool more, last;

	do {
		struct parley_note next;

		note_tell(engine, dialog, &note, message);
		lock_of(engine, dialog);
		dialog->turns.running--;
		turn_done(&dialog->turns, &note);
		/* If there is more it holds a reference of its own. */
		more = turn_resume_locked(dialog, &next);
		last = dialog_put_locked(engine, dialog);
		/* From here on the reference of the next note is what keeps
		 * the dialog; its id is in the note. */
		dialog_unlock(engine, note.id);
		if (more)
			note = next;
		message = NULL;
	} while (more);
	if (last)
		dialog_destroy(engine, dialog);
}

void parley_deliver(struct parley *engine, const struct parley_note *note,
		    void *message, bool may_wait)
{
	struct dialog *dialog;

	if (note->types == 0)
		return;
	/* The note's reference keeps it, so it is there. */
	dialog = dialog_find_lock(engine, note->id);
	if (dialog == NULL)
		return;
	if (message == NULL) {
		if (turn_defer_locked(engine, dialog, note)) {
			dialog_unlock(engine, note->id);
			return;
		}
	} else if (may_wait) {
		turn_wait_locked(engine, dialog, note);
	}
	if (is_terminal(note))
		dialog->turns.ending = true;
	if (!turn_come(&dialog->turns, note))
		count_one(&engine->count.turns_missed);
	dialog->turns.running++;
	dialog_unlock(engine, note->id);
	note_enter(engine, dialog, *note, message);
}

bool parley_wants(struct parley *engine, struct parley_id id,
		  enum parley_note_type type)
{
	uint32_t types = engine->global_types | atomic_load(&engine->own_types);
	struct dialog *dialog = NULL;
	bool wants;

	if (types & (uint32_t)type)
		dialog = dialog_find_lock(engine, id);
	if (dialog == NULL)
		return false;
	wants = (engine->global_types | dialog->turns.types) & (uint32_t)type;
	dialog_unlock(engine, id);
	return wants;
}

void parley_notify(struct parley *engine, struct parley_id id,
		   enum parley_note_type type, enum parley_direction dir,
		   void *message)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	struct parley_note note;

	if (dialog == NULL)
		return;
	/* No change, so no place among the changes: it is told at once. */
	note = (struct parley_note){
		.id = id,
		.types = (uint32_t)type &
			 (engine->global_types | dialog->turns.types),
		.ticket = NOTE_NO_TICKET,
		.dir = dir,
		.old_state = dialog->state,
		.new_state = dialog->state,
	};
	if (copy_replica(dialog) && type != PARLEY_NOTE_RPC_CONTEXT)
		note.types = 0; /* its owner tells it */
	if (dialog->turns.ending && (note.types & NOTES_LATE) == 0)
		note.types = 0;
	if (note.types != 0) {
		dialog->refs++;
		dialog->turns.running++;
	}
	dialog_unlock(engine, id);
	if (note.types != 0)
		note_enter(engine, dialog, note, message);
}

void note_destroy(struct parley *engine, struct dialog *dialog)
{
	struct parley_note note = {
		.id = dialog->id,
		.types = PARLEY_NOTE_DESTROY &
			 (engine->global_types | dialog->turns.types),
		.old_state = dialog->state,
		.new_state = dialog->state,
	};

	note_tell(engine, dialog, &note, NULL);
}

/* ------------------------------------------------------- checking */

const char *note_check(const struct dialog *dialog)
{
	const struct turns *turns = &dialog->turns;
	uint16_t out = (uint16_t)(turns->next - turns->serving);

	if (out > TURNS_MAX)
		return "notes: more tickets than bits";
	if ((turns->done & 1) != 0)
		return "notes: the ticket that is served is done";
	if (out < TURNS_MAX && turns->done >> out != 0)
		return "notes: a ticket is done that was not handed out";
	if (turns->deferred_count > 0 && dialog->deferred == NULL)
		return "notes: notes were put away nowhere";
	if (turns->deferred_count > DIALOG_DEFERRED_MAX)
		return "notes: too many were put away";
	if (turns->deferred_count + turns->running > dialog->refs)
		return "notes: one holds no reference";
	if (turns->deferred_count > 0 && turns->running == 0) {
		for (uint8_t i = 0; i < turns->deferred_count; i++)
			if (turn_come(turns, &dialog->deferred[i]))
				return "notes: one whose turn has come waits";
	}
	return NULL;
}
