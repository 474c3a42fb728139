/* See db_sides.h. */
#include <stdlib.h>
#include <string.h>

#include "db_sides.h"
#include "text.h"

enum { FIRST_SIZE = 1024 }; /* powers of two */

static uint64_t number_of(struct parley_id id)
{
	return (uint64_t)id.entry << 32 | id.id;
}

static uint32_t slot_of(uint64_t number, uint32_t size)
{
	return (uint32_t)((number * 0x9e3779b97f4a7c15u) >> 32) & (size - 1);
}

/* ------------------------------------------------ sets of identities */

static uint64_t *find_slot(const struct db_ids *ids, uint64_t number)
{
	uint32_t slot = slot_of(number, ids->size);

	while (ids->slots[slot] != 0 && ids->slots[slot] != number)
		slot = (slot + 1) & (ids->size - 1);
	return &ids->slots[slot];
}

bool db_ids_has(const struct db_ids *ids, struct parley_id id)
{
	return ids->size > 0 && *find_slot(ids, number_of(id)) != 0;
}

static int grow_ids(struct db_ids *ids)
{
	struct db_ids grown = {
		.size = ids->size > 0 ? ids->size * 2 : FIRST_SIZE,
		.count = ids->count,
	};

	grown.slots = calloc(grown.size, sizeof(grown.slots[0]));
	if (!grown.slots)
		return PARLEY_E_MEMORY;
	for (uint32_t i = 0; i < ids->size; i++)
		if (ids->slots[i] != 0)
			*find_slot(&grown, ids->slots[i]) = ids->slots[i];
	free(ids->slots);
	*ids = grown;
	return 0;
}

static int add_number(struct db_ids *ids, uint64_t number)
{
	uint64_t *slot;

	if (ids->count >= ids->size / 2 && grow_ids(ids) < 0)
		return PARLEY_E_MEMORY;
	slot = find_slot(ids, number);
	if (*slot != 0)
		return 0;
	*slot = number;
	ids->count++;
	return 1;
}

int db_ids_add(struct db_ids *ids, struct parley_id id)
{
	return add_number(ids, number_of(id));
}

int db_ids_join(struct db_ids *ids, const struct db_ids *other)
{
	int rc = 0;

	for (uint32_t i = 0; rc >= 0 && i < other->size; i++)
		if (other->slots[i] != 0)
			rc = add_number(ids, other->slots[i]);
	return rc < 0 ? rc : 0;
}

void db_ids_fini(struct db_ids *ids)
{
	free(ids->slots);
	*ids = (struct db_ids){0};
}

/* ------------------------------------------------ rows */

bool db_row_id(const struct db_row *row, struct parley_id *id)
{
	const struct db_value *entry = &row->values[0];
	const struct db_value *number = &row->values[1];

	if (entry->null || number->null ||
	    entry->number >= PARLEY_HASH_SIZE_MAX || number->number == 0 ||
	    number->number > INT32_MAX)
		return false;
	*id = (struct parley_id){(uint32_t)entry->number,
				 (uint32_t)number->number};
	return true;
}

struct db_value *db_row_copy(struct db_arena *arena, const struct db_row *row,
			     uint32_t count)
{
	struct db_value *copy = db_arena_take(arena, count * sizeof(*copy));

	for (uint32_t i = 0; copy && i < count; i++) {
		copy[i] = row->values[i];
		if (copy[i].text.len == 0)
			continue;
		copy[i].text = db_arena_text(arena, copy[i].text);
		if (!copy[i].text.s)
			return NULL;
	}
	return copy;
}

/* ------------------------------------------------ by identity */

int db_sides_init(struct db_sides *sides)
{
	*sides = (struct db_sides){
		.arena = db_arena_make(),
		.slots = calloc(FIRST_SIZE, sizeof(struct db_side *)),
		.size = FIRST_SIZE,
	};
	if (sides->arena && sides->slots)
		return 0;
	db_sides_fini(sides);
	return PARLEY_E_MEMORY;
}

void db_sides_fini(struct db_sides *sides)
{
	db_arena_free(sides->arena);
	free(sides->slots);
	*sides = (struct db_sides){0};
}

struct db_side *db_sides_find(const struct db_sides *sides, struct parley_id id)
{
	struct db_side *side =
		sides->slots[slot_of(number_of(id), sides->size)];

	while (side && (side->id.entry != id.entry || side->id.id != id.id))
		side = side->next;
	return side;
}

static bool grow_sides(struct db_sides *sides)
{
	uint32_t size = sides->size * 2;
	struct db_side **slots = calloc(size, sizeof(struct db_side *));

	if (!slots)
		return false;
	for (uint32_t i = 0; i < sides->size; i++) {
		struct db_side *side = sides->slots[i];

		while (side) {
			struct db_side *next = side->next;
			uint32_t slot = slot_of(number_of(side->id), size);

			side->next = slots[slot];
			slots[slot] = side;
			side = next;
		}
	}
	free(sides->slots);
	sides->slots = slots;
	sides->size = size;
	return true;
}

static struct db_side *side_of(struct db_sides *sides, struct parley_id id)
{
	struct db_side *side = db_sides_find(sides, id);
	uint32_t slot;

	if (side)
		return side;
	if (sides->count >= sides->size && !grow_sides(sides))
		return NULL;
	side = db_arena_take(sides->arena, sizeof(*side));
	if (!side)
		return NULL;
	slot = slot_of(number_of(id), sides->size);
	memset(side, 0, sizeof(*side));
	side->id = id;
	side->next = sides->slots[slot];
	sides->slots[slot] = side;
	sides->count++;
	return side;
}

static struct db_side_var *find_var(const struct db_side *side,
				    struct parley_str key)
{
	struct db_side_var *var = side->vars;

	while (var && !text_equal(var->key, key))
		var = var->next;
	return var;
}

static struct db_side_var *add_var(struct db_sides *sides, struct db_side *side,
				   struct parley_str key)
{
	struct db_side_var *var = db_arena_take(sides->arena, sizeof(*var));

	if (!var)
		return NULL;
	*var = (struct db_side_var){.key = db_arena_text(sides->arena, key)};
	if (!var->key.s)
		return NULL;
	if (side->last_var)
		side->last_var->next = var;
	else
		side->vars = var;
	side->last_var = var;
	side->var_count++;
	return var;
}

const char *db_sides_put_var(struct db_sides *sides, const struct db_row *row,
			     uint64_t key, int *rcp)
{
	const struct db_value *name = &row->values[DB_V_KEY];
	const struct db_value *value = &row->values[DB_V_VALUE];
	struct db_side_var *var = NULL;
	struct db_side *side;
	struct parley_id id;

	if (!db_row_id(row, &id))
		return "it names no dialog";
	if (name->null || name->text.len == 0)
		return "its key is NULL or empty";
	if (name->text.len > PARLEY_VALUE_MAX)
		return "its key is too long";
	if (value->null)
		return "its value is NULL";
	if (value->text.len > PARLEY_STR_MAX)
		return "its value is too long";
	side = side_of(sides, id);
	if (side)
		var = find_var(side, name->text);
	if (side && !var)
		var = add_var(sides, side, name->text);
	if (var && (!var->value.s || key >= var->row)) {
		var->value = db_arena_text(sides->arena, value->text);
		var->row = key;
	}
	*rcp = var && var->value.s ? 0 : PARLEY_E_MEMORY;
	return NULL;
}

const char *db_sides_put_more(struct db_sides *sides, const struct db_row *row,
			      uint64_t key, int *rcp)
{
	struct db_side *side;
	struct parley_id id;

	if (!db_row_id(row, &id))
		return "it names no dialog";
	side = side_of(sides, id);
	if (side && side->more)
		return "there is another row of this dialog";
	if (side)
		side->more = db_row_copy(sides->arena, row, DB_M_COLUMNS);
	*rcp = side && side->more ? 0 : PARLEY_E_MEMORY;
	if (*rcp == 0)
		side->more_row = key;
	return NULL;
}

bool db_side_rows(const struct db_side *side, struct db_arena *arena,
		  struct db_rows *rows)
{
	const struct db_side_var *var = side->vars;

	rows->has_more = side->more != NULL;
	if (side->more)
		memcpy(rows->more.values, side->more,
		       DB_M_COLUMNS * sizeof(side->more[0]));
	rows->var_count = side->var_count;
	rows->vars =
		db_arena_take(arena, side->var_count * sizeof(rows->vars[0]));
	for (uint32_t i = 0; rows->vars && var; i++, var = var->next) {
		struct db_value *values = rows->vars[i].values;

		values[DB_V_KEY] = (struct db_value){.text = var->key};
		values[DB_V_VALUE] = (struct db_value){.text = var->value};
	}
	return rows->vars != NULL;
}

struct db_side *db_sides_next(const struct db_sides *sides, uint32_t *cursor,
			      struct db_side *before)
{
	struct db_side *side = before ? before->next : NULL;

	while (!side && *cursor < sides->size)
		side = sides->slots[(*cursor)++];
	return side;
}
