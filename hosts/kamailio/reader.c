/* See reader.h. */
#include "reader.h"

enum { READER_FIRST_SIZE = 4096 };

/* Numbers of the stock module (its dlg_hash.h). */
enum {
	DFLAG_HAS_BYE = 1 << 2,
	DFLAG_CALLER_BYE = 1 << 4,
	DFLAG_CALLEE_BYE = 1 << 5,
	DFLAG_TM = 1 << 9,
};

bool reader_reserve(struct reader *reader, size_t size)
{
	/* Half as much again, because the dialog may grow until the next
	 * attempt. */
	size_t wanted = size + size / 2;
	void *buffer;

	if (reader->size >= size)
		return true;
	buffer = pkg_malloc(wanted);
	if (!buffer)
		return false;
	if (reader->buffer)
		pkg_free(reader->buffer);
	reader->buffer = buffer;
	reader->size = wanted;
	return true;
}

int reader_read(struct reader *reader, struct parley_id id,
		struct parley_view *view)
{
	size_t needed = READER_FIRST_SIZE;
	int error = PARLEY_E_SPACE;

	while (error == PARLEY_E_SPACE) {
		if (!reader_reserve(reader, needed))
			return PARLEY_E_MEMORY;
		error = parley_read(adapter.engine, host_now(), id, view,
				    reader->buffer, reader->size, &needed);
		if (error == PARLEY_E_SPACE && needed <= reader->size)
			needed = reader->size + 1;
	}
	return error;
}

void reader_fini(struct reader *reader)
{
	if (reader->buffer)
		pkg_free(reader->buffer);
	*reader = (struct reader){0};
}

struct reader *reader_of_process(void)
{
	static struct reader reader;

	return &reader;
}

struct reader *reader_of_steps(void)
{
	static struct reader reader;

	return &reader;
}

str reader_text(struct parley_str text)
{
	static const struct parley_str empty = {"", 0};

	return to_str(text.len ? text : empty);
}

char *reader_name(const char *name)
{
	return to_str((struct parley_str){name, 0}).s;
}

str reader_socket(void *socket)
{
	struct socket_info *info = socket;

	return info ? info->sock_str : reader_text((struct parley_str){0});
}

str reader_cseq(const struct parley_leg_view *leg)
{
	str text = {0};

	text.s = int2str(leg->cseq, &text.len);
	return text;
}

const char *reader_leg_state(const struct parley_leg_view *leg)
{
	static const char *const states[] = {
		[0] = "none",
		[PARLEY_LEG_EARLY] = "early",
		[PARLEY_LEG_ANSWERED] = "answered",
		[PARLEY_LEG_CONFIRMED] = "confirmed",
		[PARLEY_LEG_ENDED] = "ended",
	};

	return leg->state <= PARLEY_LEG_ENDED ? states[leg->state] : states[0];
}

const struct parley_leg_view *reader_callee(const struct parley_view *view)
{
	return view->leg_count ? &view->legs[0] : NULL;
}

str reader_ended(const struct parley_view *view)
{
	static const char *const texts[] = {
		[PARLEY_ENDED_NOT] = "",
		[PARLEY_ENDED_BY_CALLER] = "Downstream BYE",
		[PARLEY_ENDED_BY_CALLEE] = "Upstream BYE",
		[PARLEY_ENDED_BY_HOST] = "MI Termination",
		[PARLEY_ENDED_LIFETIME] = "Lifetime Timeout",
		[PARLEY_ENDED_RACE] = "SIP Race Condition",
		[PARLEY_ENDED_CANCELLED] = "Cancelled",
		[PARLEY_ENDED_FAILED] = "",
		[PARLEY_ENDED_UNKNOWN] = "",
	};
	enum parley_ended ended = (enum parley_ended)view->ended;

	/* A party's own words about it are not the proxy's. */
	if (view->end_reason.len > 0 &&
	    (ended == PARLEY_ENDED_BY_HOST || ended == PARLEY_ENDED_LIFETIME))
		return to_str(view->end_reason);
	return to_str((struct parley_str){texts[ended],
					  (uint32_t)strlen(texts[ended])});
}

int reader_refs(const struct parley_view *view)
{
	return (int)view->refs + 1;
}

unsigned int reader_state_dflags(uint8_t state, bool answered, bool ending)
{
	unsigned int flags = 0;

	if (state == PARLEY_STATE_DELETED && answered)
		flags |= DFLAG_HAS_BYE;
	if (ending)
		flags |= DFLAG_CALLER_BYE | DFLAG_CALLEE_BYE;
	if (state > PARLEY_STATE_UNCONFIRMED)
		flags |= DFLAG_TM;
	return flags;
}

int reader_dflags(const struct parley_view *view)
{
	return (int)reader_state_dflags(view->state, view->start_s != 0,
					view->ending);
}
