/*
 * Parameters of the database that are judged when all of them are known.
 */
#include "core/globals.h"

#include "params_db.h"
#include "text.h"

/* What the stock module starts with, and fails when it uses it. */
static void check_name(const char *param, const str *value)
{
	if (value->len <= 0 || strpbrk(value->s, " \t\r\n\"'`;"))
		LM_WARN("%s=\"%.*s\": is no name, which will fail when it is "
			"used\n",
			param,
			value->len < 0 ? 0 : (int)strcspn(value->s, "\r\n"),
			value->s);
}

/* The number of the server as text is a name that each server has already. */
static void name_node(struct adapter_db *db)
{
	static char digits[TEXT_DIGITS];

	if (!db->node.s && server_id != 0)
		db->node = to_str(text_number((uint32_t)server_id, digits));
}

bool params_db_volatile(const char *path)
{
	static const char *const roots[] = {"/run", "/var/run"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		size_t len = strlen(roots[i]);

		if (strncmp(path, roots[i], len) == 0 &&
		    (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

#define CHECK_NAME(param, field, text) check_name(#param, &db->field);

int params_db_check(void)
{
	struct adapter_db *db = &adapter.set.db;

	PARAMS_DB_NAMES(CHECK_NAME)
	name_node(db);
	return 0;
}
