/* See fifo_run.h. */
#include <stdarg.h>
#include <stdio.h>

#include "core/ut.h"

#include "adapter.h"
#include "exports.h"
#include "fifo_run.h"
#include "text.h"

enum { DEPTH_MAX = 16, LINE_BYTES = 2048 };

struct run;

/* A handle of struct or array: how far its lines are moved to the right. What a
 * command adds comes in the order in which it is shown, so no tree is kept. */
struct node {
	struct run *run;
	unsigned int depth;
};

struct run {
	struct fifo_reply *reply;
	struct parley_str params; /* not scanned yet */
	const char *item;	  /* name of each struct of an array; or NULL */
	int code;
	char reason[FIFO_REASON_MAX];
	struct node nodes[DEPTH_MAX];
};

/* ------------------------------------------------ lines */

static struct parley_str named(const char *name)
{
	return (struct parley_str){name, name ? (uint32_t)strlen(name) : 0};
}

/* A struct or an array begins: its line, if it has a name, then its handle. */
static int begin(struct run *run, unsigned int depth, const char *name,
		 void *handlep)
{
	if (name && !fifo_reply_line(run->reply, depth++, named(name), NULL))
		return -1;
	if (depth >= DEPTH_MAX)
		return -1;
	*(struct node **)handlep = &run->nodes[depth];
	return 0;
}

/* A number as text; 0 or -1. */
static int print_number(char *text, size_t size, char type, va_list *args)
{
	int len;

	switch (type) {
	case 'b':
	case 'd':
		len = snprintf(text, size, "%d", va_arg(*args, int));
		break;
	case 'u':
		len = snprintf(text, size, "%u", va_arg(*args, unsigned int));
		break;
	case 'l':
		len = snprintf(text, size, "%ld", va_arg(*args, long));
		break;
	case 'j':
		len = snprintf(text, size, "%lu", va_arg(*args, unsigned long));
		break;
	case 'L':
		len = snprintf(text, size, "%lld", va_arg(*args, long long));
		break;
	case 'J':
		len = snprintf(text, size, "%llu",
			       va_arg(*args, unsigned long long));
		break;
	case 'f':
		len = snprintf(text, size, "%.3f", va_arg(*args, double));
		break;
	default:
		return -1;
	}
	return len > 0 && (size_t)len < size ? 0 : -1;
}

static int add_value(const struct node *at, const char *name, char type,
		     va_list *args)
{
	struct parley_str value;
	char number[512];

	if (type == '{' || type == '[')
		return begin(at->run, at->depth, name, va_arg(*args, void *));
	if (type == 'S') {
		value = to_parley(va_arg(*args, str *));
	} else if (type == 's') {
		value = named(va_arg(*args, char *));
	} else {
		if (print_number(number, sizeof(number), type, args) < 0)
			return -1;
		value = named(number);
	}
	return fifo_reply_line(at->run->reply, at->depth, named(name), &value)
		       ? 0
		       : -1;
}

static int array_add(void *h, char *format, ...)
{
	va_list args;
	int rc = 0;

	va_start(args, format);
	for (; *format && rc == 0; format++)
		rc = add_value(h, NULL, *format, &args);
	va_end(args);
	return rc;
}

static int add(void *c, char *format, ...)
{
	struct run *run = c;
	va_list args;
	int rc = 0;

	va_start(args, format);
	for (; *format && rc == 0; format++)
		rc = add_value(&run->nodes[0],
			       *format == '{' ? run->item : NULL, *format,
			       &args);
	va_end(args);
	return rc;
}

static int struct_add(void *h, char *format, ...)
{
	va_list args;
	int rc = 0;

	va_start(args, format);
	for (; *format && rc == 0; format++) {
		const char *name = va_arg(args, char *);

		rc = add_value(h, name, *format, &args);
	}
	va_end(args);
	return rc;
}

static int add_printed(const struct node *at, const char *name,
		       const char *format, va_list args)
{
	char line[LINE_BYTES];
	struct parley_str value;

	vsnprintf(line, sizeof(line), format, args);
	value = named(line);
	return fifo_reply_line(at->run->reply, at->depth, named(name), &value)
		       ? 0
		       : -1;
}

__attribute__((format(printf, 2, 3))) static int add_line(void *c, char *format,
							  ...)
{
	struct run *run = c;
	va_list args;
	int rc;

	va_start(args, format);
	rc = add_printed(&run->nodes[0], NULL, format, args);
	va_end(args);
	return rc;
}

__attribute__((format(printf, 3, 4))) static int
struct_printf(void *h, char *name, char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = add_printed(h, name, format, args);
	va_end(args);
	return rc;
}

__attribute__((format(printf, 3, 4))) static void fault(void *c, int code,
							char *format, ...)
{
	struct run *run = c;
	va_list args;

	va_start(args, format);
	vsnprintf(run->reason, sizeof(run->reason), format, args);
	va_end(args);
	run->code = code;
}

/* ------------------------------------------------ parameters */

/* The module's commands take each parameter as text, "*.S". */
static int scan(void *c, char *format, ...)
{
	struct run *run = c;
	struct parley_str param;
	va_list args;
	int count = 0;

	va_start(args, format);
	for (; *format; format++) {
		if (*format == '*' || *format == '.')
			continue;
		if (*format != 'S' || !fifo_param_next(&run->params, &param))
			break;
		*va_arg(args, str *) = to_str(param);
		count++;
	}
	va_end(args);
	return count;
}

/* ------------------------------------------------ what no command uses */

static int struct_scan(void *h, char *format, ...)
{
	(void)h;
	(void)format;
	return 0;
}

static int send_now(void *c)
{
	(void)c;
	return 0;
}

static rpc_capabilities_t capabilities(void *c)
{
	(void)c;
	return 0;
}

static struct rpc_delayed_ctx *delayed_new(void *c)
{
	(void)c;
	return NULL;
}

static void delayed_close(struct rpc_delayed_ctx *delayed)
{
	(void)delayed;
}

/* ------------------------------------------------ the command */

static const rpc_export_t *find(struct parley_str name)
{
	for (const rpc_export_t *at = adapter_rpcs; at->name; at++)
		if (text_is(name, at->name))
			return at;
	return NULL;
}

/* What an element of the array is that a command answers with. */
static const char *item_of(const rpc_export_t *command)
{
	if (!(command->flags & RET_ARRAY))
		return NULL;
	if (text_is(named(command->name), "profile_get_values"))
		return "value";
	return text_is(named(command->name), "list_all_profiles") ? "profile"
								  : "dialog";
}

void fifo_run(const struct fifo_request *request, struct fifo_reply *reply)
{
	static rpc_t rpc = {
		.fault = fault,
		.send = send_now,
		.add = add,
		.scan = scan,
		.rpl_printf = add_line,
		.struct_add = struct_add,
		.array_add = array_add,
		.struct_scan = struct_scan,
		.struct_printf = struct_printf,
		.capabilities = capabilities,
		.delayed_ctx_new = delayed_new,
		.delayed_ctx_close = delayed_close,
	};
	const rpc_export_t *command = find(request->command);
	struct run run = {
		.reply = reply,
		.params = request->params,
		.code = 200,
		.reason = "OK",
	};

	for (unsigned int i = 0; i < DEPTH_MAX; i++)
		run.nodes[i] = (struct node){&run, i};
	if (request->fault) {
		fault(&run, 400, "The request is refused: %s", request->fault);
	} else if (!command) {
		fault(&run, 500, "command '%.*s' not available",
		      text_shown((int)request->command.len),
		      request->command.s);
	} else {
		run.item = item_of(command);
		command->function(&rpc, &run);
	}
	fifo_reply_end(reply, run.code, run.reason);
}
