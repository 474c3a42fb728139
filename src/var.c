/*
 * var.c - variables of a dialog
 *
 * One block per variable, key and value behind the header: two texts of 8 bytes
 * cost 32 bytes. Dialogs have few variables, so a list is fast enough and costs
 * nothing where there are none.
 */
#include <stddef.h>

#include "store.h"
#include "value_index.h"

/* Sizes are rounded, so that most new values fit where the old one was. */
enum { VAR_ROUND = 16 };

static size_t var_size(uint32_t key_len, uint32_t value_len)
{
	size_t size = offsetof(struct variable, bytes) + key_len + value_len;

	return (size + VAR_ROUND - 1) / VAR_ROUND * VAR_ROUND;
}

static struct variable *var_new(struct parley *engine, size_t size)
{
	size_t front = value_index_front(engine);
	char *block = mem_alloc(&engine->mem, front + size);

	if (block == NULL)
		return NULL;
	memset(block, 0, front);
	return (struct variable *)(void *)(block + front);
}

static void var_free(struct parley *engine, struct variable *var)
{
	size_t front = value_index_front(engine);

	value_index_remove_locked(engine, var);
	mem_free(&engine->mem, (char *)var - front,
		 front + var_size(var->key_len, var->value_len));
}

/* The pointer that leads to the variable, or to the end of the list. */
static struct variable **var_find(struct variable **link, struct parley_str key)
{
	while (*link != NULL) {
		struct parley_str known = var_key(*link);

		if (str_equal(known, key))
			break;
		link = &(*link)->next;
	}
	return link;
}

static void var_put_value(struct variable *var, struct parley_str value)
{
	var->value_len = (uint16_t)value.len;
	if (value.len > 0)
		memcpy(var->bytes + var->key_len, value.s, value.len);
}

static int var_remove(struct parley *engine, struct variable **link)
{
	struct variable *var = *link;

	if (var == NULL)
		return PARLEY_E_ABSENT;
	*link = var->next;
	var_free(engine, var);
	return 0;
}

int var_set_locked(struct parley *engine, struct dialog *dialog,
		   struct parley_str key, struct parley_str value)
{
	struct variable **link = &dialog->vars;
	struct variable *old, *var;
	size_t size;

	if (key.len == 0 || key.len > PARLEY_VALUE_MAX ||
	    value.len > PARLEY_STR_MAX || (value.s == NULL && value.len > 0))
		return PARLEY_E_ARGUMENT;
	link = var_find(link, key);
	if (value.s == NULL)
		return var_remove(engine, link);
	old = *link;
	size = var_size(key.len, value.len);
	if (old != NULL && var_size(old->key_len, old->value_len) == size) {
		/* Who looks for the value must not miss it meanwhile. */
		if (str_equal(var_value(old), value))
			return 0;
		value_index_remove_locked(engine, old);
		var_put_value(old, value);
		value_index_add_locked(engine, dialog, old);
		return 0;
	}
	var = var_new(engine, size);
	if (var == NULL)
		return PARLEY_E_MEMORY;
	/* The newest one is shown first, as in Kamailio's dialog module. */
	if (old == NULL)
		link = &dialog->vars;
	var->next = old == NULL ? *link : old->next;
	var->key_len = (uint16_t)key.len;
	memcpy(var->bytes, key.s, key.len);
	var_put_value(var, value);
	*link = var;
	value_index_add_locked(engine, dialog, var);
	if (old != NULL)
		var_free(engine, old);
	return 0;
}

struct parley_str var_text(const struct dialog *dialog, struct parley_str key)
{
	for (const struct variable *var = dialog->vars; var; var = var->next)
		if (str_equal((struct parley_str){var->bytes, var->key_len},
			      key))
			return (struct parley_str){var->bytes + var->key_len,
						   var->value_len};
	return (struct parley_str){NULL, 0};
}

void var_fini(struct parley *engine, struct dialog *dialog)
{
	while (dialog->vars != NULL)
		(void)var_remove(engine, &dialog->vars);
}

int parley_var_set(struct parley *engine, struct parley_id id,
		   struct parley_str key, struct parley_str value)
{
	struct dialog *dialog = dialog_find_lock(engine, id);
	int rc;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	rc = var_set_locked(engine, dialog, key, value);
	return dialog_change_unlock(engine, dialog, rc);
}

/* NOLINTNEXTLINE(readability-function-size): parley.h has it so. */
int parley_var_get(struct parley *engine, struct parley_id id,
		   struct parley_str key, char *buffer, size_t size,
		   uint32_t *lenp)
{
	struct dialog *dialog = dialog_find_lock_any(engine, id);
	const struct variable *var;
	int rc = 0;

	if (dialog == NULL)
		return PARLEY_E_NO_DIALOG;
	var = *var_find(&dialog->vars, key);
	if (var == NULL) {
		rc = PARLEY_E_ABSENT;
	} else {
		*lenp = var->value_len;
		if (var->value_len > size)
			rc = PARLEY_E_SPACE;
		else if (var->value_len > 0)
			memcpy(buffer, var->bytes + var->key_len,
			       var->value_len);
	}
	dialog_unlock(engine, id);
	return rc;
}
