/*
 * record.c - a dialog as bytes, and back; see record.h
 *
 * Numbers of fixed size, lowest byte first, with the lengths of all texts, and
 * then the texts: so most of a dialog is written in two strokes. Each change of
 * a call passes here.
 */
#include "record.h"
#include "copy.h"
#include "pack.h"

enum {
	VERSION = 1,
	WHOLE = 1, /* what a record says */
	GONE = 2,
	/* Bytes of numbers: what both begin with, and what follows. */
	BEGIN_BYTES = 12,
	HEAD_BYTES = BEGIN_BYTES + 96,
	LEG_BYTES = 41,
	VAR_BYTES = 4,
	PROFILE_BYTES = 3,
	BIT_ENDING = 1,
	BIT_END_UNTOLD = 2,
};

/* ------------------------------------------------ numbers */

static inline char *put_u8(char *at, uint32_t number)
{
	*at = (char)(number & 0xff);
	return at + 1;
}

static inline char *put_u16(char *at, uint32_t number)
{
	return put_u8(put_u8(at, number), number >> 8);
}

static inline char *put_u32(char *at, uint32_t number)
{
	return put_u16(put_u16(at, number), number >> 16);
}

static inline char *put_u64(char *at, uint64_t number)
{
	return put_u32(put_u32(at, (uint32_t)number), (uint32_t)(number >> 32));
}

/* The bytes that are left to be read; when there are too few, it is bad. */
struct reader {
	const char *at;
	size_t left;
	bool bad;
};

static const char *get(struct reader *reader, size_t size)
{
	const char *at = reader->at;

	if (reader->left < size) {
		reader->bad = true;
		reader->left = 0;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return at;
}

static uint64_t get_number(struct reader *reader, size_t size)
{
	const char *at = get(reader, size);
	uint64_t number = 0;

	for (size_t i = size; at != NULL && i > 0; i--)
		number = number << 8 | (unsigned char)at[i - 1];
	return number;
}

static uint8_t get_u8(struct reader *reader)
{
	return (uint8_t)get_number(reader, 1);
}

static uint16_t get_u16(struct reader *reader)
{
	return (uint16_t)get_number(reader, 2);
}

static uint32_t get_u32(struct reader *reader)
{
	return (uint32_t)get_number(reader, 4);
}

/* Where they are; they are copied later. */
static struct parley_str get_text(struct reader *reader, uint32_t len)
{
	const char *at = get(reader, len);

	return (struct parley_str){at, at != NULL ? len : 0};
}

/* ------------------------------------------------ writing */

static struct parley_str socket_text(const struct parley *engine, void *socket)
{
	return engine->host.socket_text(engine->host.self, socket);
}

static struct parley_str owner_of(const struct dialog *dialog)
{
	return dialog->copy ? text_str(&dialog->copy->owner)
			    : (struct parley_str){0};
}

static struct parley_str profile_text(const struct parley *engine,
				      const struct profile_value *value)
{
	const char *name = engine->profiles.list[value->profile].name;

	return (struct parley_str){name, (uint32_t)strlen(name)};
}

/* Those that were written when the dialog was made stand in one piece. */
static uint32_t fixed_texts(const struct dialog *dialog)
{
	return (uint32_t)dialog->callid_len + dialog->from_tag_len +
	       dialog->from_uri_len + dialog->to_uri_len + dialog->req_uri_len;
}

size_t record_bytes(const struct parley *engine, const struct dialog *dialog)
{
	size_t bytes = HEAD_BYTES + fixed_texts(dialog) + dialog->contact.len +
		       (size_t)dialog->route_set.len +
		       dialog->timeout_route_name.len + dialog->end_reason.len +
		       owner_of(dialog).len +
		       socket_text(engine, dialog->socket).len;

	for (const struct leg *leg = dialog->legs; leg; leg = leg->next)
		bytes += LEG_BYTES + (size_t)leg->tag_len + leg->contact.len +
			 leg->route_set.len +
			 socket_text(engine, leg->socket).len;
	for (const struct variable *var = dialog->vars; var; var = var->next)
		bytes += VAR_BYTES + (size_t)var->key_len + var->value_len;
	for (const struct parley_member *member = dialog->members; member;
	     member = member->next) {
		const struct profile_value *value = member_value(member);

		bytes += PROFILE_BYTES + profile_text(engine, value).len +
			 (size_t)value->len;
	}
	return bytes;
}

static void write_text(const struct record_sink *sink, struct parley_str text)
{
	if (text.len > 0)
		sink->write(sink->self, text.s, text.len);
}

static char *put_begin(char *at, uint8_t what, const struct dialog *dialog)
{
	at = put_u8(at, VERSION);
	at = put_u8(at, what);
	at = put_u16(at, dialog->callid_len);
	at = put_u32(at, dialog->id.entry);
	return put_u32(at, dialog->id.id);
}

/* As wall clock, in milliseconds; a time that is over is now. */
static uint64_t due_at(uint64_t due_ms, struct parley_now now)
{
	uint64_t wall = (uint64_t)now.unix_s * 1000;

	if (due_ms == UINT64_MAX)
		return UINT64_MAX;
	return due_ms > now.ms ? wall + (due_ms - now.ms) : wall;
}

static char *put_copy(char *at, const struct dialog *dialog)
{
	const struct copy *copy = dialog->copy;
	bool ending = dialog->ending;
	bool end_untold = copy && copy->end_untold;

	if (copy && copy->replica)
		ending |= copy->owner_ending;
	at = put_u8(at, (ending ? BIT_ENDING : 0) |
				(end_untold ? BIT_END_UNTOLD : 0));
	at = put_u16(at, copy ? copy->by : 0);
	at = put_u32(at, copy ? copy->epoch : 0);
	return put_u32(at, copy ? copy->version : 0);
}

static char *put_head(char *at, const struct dialog *dialog,
		      struct parley_now now)
{
	uint32_t vars = 0, profiles = 0;

	for (const struct variable *var = dialog->vars; var; var = var->next)
		vars++;
	for (const struct parley_member *member = dialog->members; member;
	     member = member->next)
		profiles++;
	at = put_u8(at, dialog->state);
	at = put_copy(at, dialog);
	at = put_u16(at, dialog->end_code);
	at = put_u16(at, dialog->leg_count);
	at = put_u32(at, vars);
	at = put_u32(at, profiles);
	at = put_u32(at, dialog->flags);
	at = put_u32(at, dialog->options);
	at = put_u32(at, dialog->lifetime_s);
	at = put_u32(at, dialog->init_s);
	at = put_u32(at, dialog->start_s);
	at = put_u32(at, dialog->end_s);
	at = put_u32(at, dialog->invite_cseq);
	at = put_u32(at, dialog->invite_shift);
	at = put_u32(at, dialog_caller(dialog).cseq);
	at = put_u64(at, due_at(dialog->due_lifetime_ms, now));
	return put_u64(at, due_at(dialog->due_state_ms, now));
}

static void write_leg(const struct parley *engine, const struct leg *leg,
		      const struct record_sink *sink)
{
	struct parley_str socket = socket_text(engine, leg->socket);
	char numbers[LEG_BYTES], *at = numbers;

	at = put_u32(at, leg->number);
	at = put_u8(at, leg->state);
	at = put_u32(at, leg->callee_cseq);
	at = put_u32(at, leg->caller_cseq);
	at = put_u32(at, leg->invite_cseq);
	at = put_u32(at, leg->from_caller.next);
	at = put_u32(at, leg->from_caller.invite);
	at = put_u32(at, leg->from_callee.next);
	at = put_u32(at, leg->from_callee.invite);
	at = put_u16(at, leg->tag_len);
	at = put_u16(at, leg->contact.len);
	at = put_u16(at, leg->route_set.len);
	(void)put_u16(at, socket.len);
	sink->write(sink->self, numbers, sizeof(numbers));
	write_text(sink, leg_tag(leg));
	write_text(sink, text_str(&leg->contact));
	write_text(sink, text_str(&leg->route_set));
	write_text(sink, socket);
}

static void write_lists(const struct parley *engine,
			const struct dialog *dialog,
			const struct record_sink *sink)
{
	for (const struct leg *leg = dialog->legs; leg; leg = leg->next)
		write_leg(engine, leg, sink);
	for (const struct variable *var = dialog->vars; var; var = var->next) {
		char numbers[VAR_BYTES];

		(void)put_u16(put_u16(numbers, var->key_len), var->value_len);
		sink->write(sink->self, numbers, sizeof(numbers));
		sink->write(sink->self, var->bytes,
			    (size_t)var->key_len + var->value_len);
	}
	for (const struct parley_member *member = dialog->members; member;
	     member = member->next) {
		const struct profile_value *value = member_value(member);
		struct parley_str name = profile_text(engine, value);
		char numbers[PROFILE_BYTES];

		(void)put_u16(put_u8(numbers, name.len), value->len);
		sink->write(sink->self, numbers, sizeof(numbers));
		write_text(sink, name);
		write_text(sink, (struct parley_str){value->bytes, value->len});
	}
}

void record_write(const struct parley *engine, const struct dialog *dialog,
		  struct parley_now now, const struct record_sink *sink)
{
	struct parley_str owner = owner_of(dialog);
	struct parley_str socket = socket_text(engine, dialog->socket);
	char numbers[HEAD_BYTES], *at = numbers;

	at = put_begin(at, WHOLE, dialog);
	at = put_head(at, dialog, now);
	at = put_u16(at, dialog->from_tag_len);
	at = put_u16(at, dialog->from_uri_len);
	at = put_u16(at, dialog->to_uri_len);
	at = put_u16(at, dialog->req_uri_len);
	at = put_u16(at, dialog->contact.len);
	at = put_u16(at, dialog->route_set.len);
	at = put_u16(at, dialog->timeout_route_name.len);
	at = put_u16(at, dialog->end_reason.len);
	at = put_u16(at, owner.len);
	(void)put_u16(at, socket.len);
	sink->write(sink->self, numbers, sizeof(numbers));
	sink->write(sink->self, dialog->bytes, fixed_texts(dialog));
	write_text(sink, text_str(&dialog->contact));
	write_text(sink, text_str(&dialog->route_set));
	write_text(sink, text_str(&dialog->timeout_route_name));
	write_text(sink, text_str(&dialog->end_reason));
	write_text(sink, owner);
	write_text(sink, socket);
	write_lists(engine, dialog, sink);
}

size_t record_gone_bytes(const struct dialog *dialog)
{
	return BEGIN_BYTES + (size_t)dialog->callid_len;
}

void record_write_gone(const struct dialog *dialog,
		       const struct record_sink *sink)
{
	char numbers[BEGIN_BYTES];

	(void)put_begin(numbers, GONE, dialog);
	sink->write(sink->self, numbers, sizeof(numbers));
	write_text(sink, dialog_callid(dialog));
}

/* ------------------------------------------------ reading */

/* One record being read. */
struct reading {
	struct parley *engine;
	struct parley_now now;
	struct reader in;
	struct packer out;
	struct parley_image *image;
};

static struct parley_str read_text(struct reading *reading, uint32_t len)
{
	return pack_text(&reading->out, get_text(&reading->in, len));
}

static void *read_socket(struct reading *reading, uint32_t len)
{
	const struct parley_host *host = &reading->engine->host;
	struct parley_str text = get_text(&reading->in, len);

	return text.len > 0 ? host->socket_find(host->self, text) : NULL;
}

static uint64_t read_left(struct reading *reading)
{
	uint64_t end = get_number(&reading->in, 8);
	uint64_t wall = (uint64_t)reading->now.unix_s * 1000;

	if (end == UINT64_MAX)
		return UINT64_MAX;
	return end > wall ? end - wall : 0;
}

static void read_times(struct reading *reading)
{
	struct parley_image *image = reading->image;

	image->lifetime_left_ms = read_left(reading);
	image->state_left_ms = read_left(reading);
	image->view.timer_armed = image->lifetime_left_ms != UINT64_MAX;
	if (image->view.timer_armed)
		image->view.left_s =
			(uint32_t)((image->lifetime_left_ms + 999) / 1000);
}

static void read_head(struct reading *reading)
{
	struct parley_image *image = reading->image;
	struct parley_view *view = &image->view;
	struct reader *in = &reading->in;
	uint8_t bits;

	view->state = get_u8(in);
	bits = get_u8(in);
	view->ending = (bits & BIT_ENDING) != 0;
	image->end_untold = (bits & BIT_END_UNTOLD) != 0;
	image->by = get_u16(in);
	image->epoch = get_u32(in);
	image->version = get_u32(in);
	view->end_code = get_u16(in);
	view->leg_count = get_u16(in);
	view->var_count = get_u32(in);
	view->profile_count = get_u32(in);
	view->flags = get_u32(in);
	view->options = get_u32(in);
	view->lifetime_s = get_u32(in);
	view->init_s = get_u32(in);
	view->start_s = get_u32(in);
	view->end_s = get_u32(in);
	image->invite_cseq = get_u32(in);
	image->invite_shift = get_u32(in);
	view->caller.cseq = get_u32(in);
	read_times(reading);
}

/* The arrays stand before all texts, where they are aligned. A record that has
 * not the bytes for its lists asks for no room. */
static void read_arrays(struct reading *reading)
{
	struct parley_view *view = &reading->image->view;
	struct reader *in = &reading->in;

	if ((uint64_t)view->leg_count * LEG_BYTES +
		    (uint64_t)view->var_count * VAR_BYTES +
		    (uint64_t)view->profile_count * PROFILE_BYTES >
	    in->left) {
		in->bad = true;
		return;
	}
	view->legs = pack_space(&reading->out,
				view->leg_count * sizeof(*view->legs));
	view->vars = pack_space(&reading->out,
				view->var_count * sizeof(*view->vars));
	view->profiles = pack_space(
		&reading->out, view->profile_count * sizeof(*view->profiles));
}

static void read_texts(struct reading *reading, uint16_t callid_len)
{
	const struct parley_host *host = &reading->engine->host;
	struct parley_view *view = &reading->image->view;
	uint16_t len[10];

	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++)
		len[i] = get_u16(&reading->in);
	read_arrays(reading);
	if (reading->in.bad)
		return;
	view->callid = read_text(reading, callid_len);
	view->caller.tag = read_text(reading, len[0]);
	view->from_uri = read_text(reading, len[1]);
	view->to_uri = read_text(reading, len[2]);
	view->req_uri = read_text(reading, len[3]);
	view->caller.contact = read_text(reading, len[4]);
	view->caller.route_set = read_text(reading, len[5]);
	view->timeout_route_name = read_text(reading, len[6]);
	view->end_reason = read_text(reading, len[7]);
	view->owner = read_text(reading, len[8]);
	view->replica = view->owner.len > 0;
	view->caller.socket = read_socket(reading, len[9]);
	if (view->timeout_route_name.s)
		view->timeout_route =
			host->route_find(host->self, view->timeout_route_name);
}

static void read_leg(struct reading *reading, struct parley_leg_view *leg)
{
	struct reader *in = &reading->in;
	uint16_t tag, contact, route_set, socket;

	leg->number = get_u32(in);
	leg->state = get_u8(in);
	leg->cseq = get_u32(in);
	leg->caller_cseq = get_u32(in);
	leg->invite_cseq = get_u32(in);
	leg->caller_shift = get_u32(in);
	leg->caller_invite_shift = get_u32(in);
	leg->callee_shift = get_u32(in);
	leg->callee_invite_shift = get_u32(in);
	tag = get_u16(in);
	contact = get_u16(in);
	route_set = get_u16(in);
	socket = get_u16(in);
	leg->tag = read_text(reading, tag);
	leg->contact = read_text(reading, contact);
	leg->route_set = read_text(reading, route_set);
	leg->socket = read_socket(reading, socket);
}

static void read_profiles(struct reading *reading)
{
	struct parley_view *view = &reading->image->view;
	struct reader *in = &reading->in;
	uint32_t known = 0;

	for (uint32_t i = 0; i < view->profile_count && !in->bad; i++) {
		uint8_t name_len = get_u8(in);
		uint16_t value_len = get_u16(in);
		struct parley_str name = get_text(in, name_len);
		struct parley_profile_view one = {
			.profile = parley_profile_find(reading->engine, name),
			.value = read_text(reading, value_len),
		};

		if (one.profile < 0)
			continue;
		if (view->profiles)
			view->profiles[known] = one;
		known++;
	}
	view->profile_count = known;
}

static void read_lists(struct reading *reading)
{
	struct parley_view *view = &reading->image->view;
	struct reader *in = &reading->in;

	for (uint32_t i = 0; i < view->leg_count && !in->bad; i++) {
		struct parley_leg_view leg = {0};

		read_leg(reading, &leg);
		if (view->legs)
			view->legs[i] = leg;
	}
	for (uint32_t i = 0; i < view->var_count && !in->bad; i++) {
		uint16_t key_len = get_u16(in);
		uint16_t value_len = get_u16(in);
		struct parley_pair pair;

		pair.key = read_text(reading, key_len);
		pair.value = read_text(reading, value_len);
		if (view->vars)
			view->vars[i] = pair;
	}
	read_profiles(reading);
}

static void read_record(struct reading *reading)
{
	struct reader *in = &reading->in;
	struct parley_view *view = &reading->image->view;
	uint8_t version = get_u8(in), what = get_u8(in);
	uint16_t callid_len = get_u16(in);

	view->id.entry = get_u32(in);
	view->id.id = get_u32(in);
	if (version != VERSION || (what != WHOLE && what != GONE))
		in->bad = true;
	if (in->bad)
		return;
	if (what == GONE) {
		view->callid = read_text(reading, callid_len);
	} else {
		read_head(reading);
		read_texts(reading, callid_len);
		if (!in->bad)
			read_lists(reading);
	}
	in->bad |= in->left > 0;
}

/* NOLINTNEXTLINE(readability-function-size): as parley_read(). */
int record_read(struct parley *engine, struct parley_now now,
		struct parley_str bytes, struct parley_image *image,
		void *buffer, size_t size, size_t *neededp)
{
	struct parley_image made = {0};
	struct reading reading = {
		.engine = engine,
		.now = now,
		.in = {bytes.s, bytes.len, false},
		.out = {buffer, size, 0},
		.image = &made,
	};

	read_record(&reading);
	if (reading.in.bad)
		return PARLEY_E_ARGUMENT;
	if (neededp)
		*neededp = reading.out.used;
	if (reading.out.used > size)
		return PARLEY_E_SPACE;
	*image = made;
	return 0;
}
