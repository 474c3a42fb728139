/*
 * rpc_context.c - what other modules add to a dialog in dlg.list_ctx
 *
 * sst and qos call rpc->rpl_printf() with the context they are given. The
 * packaged module gives them the struct of the dialog, for which that function
 * is not made: with ctl the server dies. With the command's own context their
 * lines would stand beside the dialog, not in it, and in dlg.dlg_list_ctx over
 * JSON-RPC each line would replace the reply. So they get a context of ours,
 * whose functions put what comes into a list in the dialog. A module that takes
 * the context for the dialog's struct, as it was one, is served as well.
 */
#include <stdarg.h>
#include <stdio.h>

#include "capi.h"
#include "reader.h"

enum { LINE_BYTES = 2048 };

/* Its address is what modules are given; a process runs one command. */
static struct {
	rpc_t *rpc; /* the transport's */
	void *c;
	void *h;    /* the struct of the dialog */
	void *list; /* `context` in it; NULL: nothing has come yet */
} now;

/* The list, made when the first entry comes; NULL: there is no room. */
static void *list(void)
{
	if (!now.list &&
	    now.rpc->struct_add(now.h, "[", "context", &now.list) < 0)
		now.list = NULL;
	return now.list;
}

/* ------------------------------------------------ values */

/* Passes one value on, under @name or, with NULL, without a name. */
static int pass_value(rpc_add_f add, void *to, char *name, char type,
		      va_list *args)
{
	char format[2] = {type, '\0'};

#define PASS(kind)                                                             \
	(name ? add(to, format, name, va_arg(*args, kind))                     \
	      : add(to, format, va_arg(*args, kind)))
	switch (type) {
	/* NOLINTNEXTLINE(bugprone-branch-clone): the types differ. */
	case 's':
	case 'S':
	case '{':
	case '[':
		return PASS(void *);
	case 'f':
		return PASS(double);
	case 'l':
	case 'j':
		return PASS(long);
	case 'L':
	case 'J':
		return PASS(long long);
	default:
		return PASS(int);
	}
#undef PASS
}

static int context_add(void *c, char *format, ...)
{
	void *to = c == &now ? list() : c;
	va_list args;
	int rc = 0;

	if (!to)
		return -1;
	va_start(args, format);
	for (; *format && rc >= 0; format++)
		rc = pass_value(now.rpc->array_add, to, NULL, *format, &args);
	va_end(args);
	return rc;
}

static int context_struct_add(void *h, char *format, ...)
{
	void *to = h == &now ? now.h : h;
	va_list args;
	int rc = 0;

	va_start(args, format);
	for (; *format && rc >= 0; format++) {
		char *name = va_arg(args, char *);

		rc = pass_value(now.rpc->struct_add, to, name, *format, &args);
	}
	va_end(args);
	return rc;
}

/* ------------------------------------------------ lines */

static str print_line(char *line, const char *format, va_list args)
{
	int len = vsnprintf(line, LINE_BYTES, format, args);

	if (len >= LINE_BYTES)
		len = LINE_BYTES - 1;
	return (str){line, len < 0 ? 0 : len};
}

__attribute__((format(printf, 2, 3))) static int
context_printf(void *c, char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	str text;

	(void)c;
	va_start(args, format);
	text = print_line(line, format, args);
	va_end(args);
	return list() ? now.rpc->array_add(now.list, "S", &text) : -1;
}

__attribute__((format(printf, 3, 4))) static int
context_struct_printf(void *h, char *name, char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;
	str text;

	va_start(args, format);
	text = print_line(line, format, args);
	va_end(args);
	return now.rpc->struct_add(h == &now ? now.h : h, "S", name, &text);
}

__attribute__((format(printf, 3, 4))) static void
context_fault(void *c, int code, char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	(void)c;
	va_start(args, format);
	print_line(line, format, args);
	va_end(args);
	now.rpc->fault(now.c, code, "%s", line);
}

/* ------------------------------------------------ the rest */

/* The parameters and the reply are the command's. */
static int context_none(void *c, char *format, ...)
{
	(void)c;
	(void)format;
	return 0;
}

static int context_send(void *c)
{
	(void)c;
	return 0;
}

static rpc_capabilities_t context_capabilities(void *c)
{
	(void)c;
	return 0;
}

static struct rpc_delayed_ctx *context_delayed_new(void *c)
{
	(void)c;
	return NULL;
}

static void context_delayed_close(struct rpc_delayed_ctx *delayed)
{
	(void)delayed;
}

void capi_rpc_context(rpc_t *rpc, void *c, void *h, struct parley_id id)
{
	static rpc_t ours = {
		.fault = context_fault,
		.send = context_send,
		.add = context_add,
		.scan = context_none,
		.rpl_printf = context_printf,
		.struct_add = context_struct_add,
		.array_add = context_add,
		.struct_scan = context_none,
		.struct_printf = context_struct_printf,
		.capabilities = context_capabilities,
		.delayed_ctx_new = context_delayed_new,
		.delayed_ctx_close = context_delayed_close,
	};
	rpc_cb_ctx_t told = {.rpc = &ours, .c = &now};

	now.rpc = rpc;
	now.c = c;
	now.h = h;
	now.list = NULL;
	parley_notify(adapter.engine, id, PARLEY_NOTE_RPC_CONTEXT,
		      PARLEY_DIR_NONE, &told);
}
