/* See db_names.h. */
#include <string.h>

#include "db_names.h"
#include "text.h"

void *db_names_socket(void)
{
	static int socket;

	return &socket;
}

static struct parley_str socket_text(void *socket)
{
	static const struct parley_str name = {DB_NAMES_SOCKET,
					       sizeof(DB_NAMES_SOCKET) - 1};

	return socket ? name : (struct parley_str){"", 0};
}

static void *socket_find(struct parley_str text)
{
	return text_is(text, DB_NAMES_SOCKET) ? db_names_socket() : NULL;
}

static const char *profile_name(int profile)
{
	return profile == 0 ? "out" : "all";
}

static int profile_find(struct parley_str name)
{
	if (text_is(name, "out"))
		return 0;
	return text_is(name, "all") ? 1 : PARLEY_E_NO_PROFILE;
}

static bool has_value(int profile)
{
	return profile == 0;
}

static int32_t route_find(struct parley_str name)
{
	return text_is(name, "late") ? 7 : 0;
}

static char *const dialog_names[DB_D_COLUMNS] = {
	"hash_entry",
	"hash_id",
	"callid",
	"from_uri",
	"from_tag",
	"to_uri",
	"to_tag",
	"caller_cseq",
	"callee_cseq",
	"caller_route_set",
	"callee_route_set",
	"caller_contact",
	"callee_contact",
	"caller_sock",
	"callee_sock",
	"state",
	"start_time",
	"timeout",
	"sflags",
	"iflags",
	"toroute_name",
	"req_uri",
	"xdata",
};
static char *const vars_names[DB_V_COLUMNS] = {"hash_entry", "hash_id",
					       "dialog_key", "dialog_value"};
static char *const more_names[DB_M_COLUMNS] = {
	"hash_entry", "hash_id", "callid", "node", "state", "image"};
static char *const table_names[DB_TABLES] = {"dialog", "dialog_vars",
					     "dialog_more"};

static void name_all(char *const texts[], uint32_t count, str names[],
		     const str *pointers[])
{
	for (uint32_t i = 0; i < count; i++) {
		names[i] = (str){texts[i], (int)strlen(texts[i])};
		pointers[i] = &names[i];
	}
}

void db_names_init(const char *node)
{
	static str tables[DB_TABLES], columns[DB_TABLES][DB_COLUMNS_MAX];
	struct db_rules rules = {
		.names = {socket_text,
			  socket_find,
			  profile_name,
			  profile_find,
			  route_find,
			  {node, (uint32_t)strlen(node)}},
		.has_value = has_value,
		.lifetime_s = DB_NAMES_LIFETIME,
		.early_timeout_s = 300,
		.noack_timeout_s = 60,
		.ack_wait_s = 32,
	};

	name_all(table_names, DB_TABLES, tables, rules.tables);
	name_all(dialog_names, DB_D_COLUMNS, columns[DB_DIALOG],
		 rules.columns[DB_DIALOG]);
	name_all(vars_names, DB_V_COLUMNS, columns[DB_VARS],
		 rules.columns[DB_VARS]);
	name_all(more_names, DB_M_COLUMNS, columns[DB_MORE],
		 rules.columns[DB_MORE]);
	db_tables_init(&rules);
}

void db_names_utf8(void)
{
	struct db_rules rules = *db_rules();

	rules.utf8 = true;
	db_tables_init(&rules);
}
