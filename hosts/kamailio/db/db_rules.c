/* What rows mean to this server; see db_tables.h. */
#include "db_driver.h"
#include "names.h"

enum { ACK_WAIT_S = 32 }; /* 64*T1 of RFC 3261 17 */

static const str hash_entry = STR_STATIC_INIT("hash_entry");
static const str hash_id = STR_STATIC_INIT("hash_id");
static const str callid = STR_STATIC_INIT("callid");
static const str state = STR_STATIC_INIT("state");
static const str iflags = STR_STATIC_INIT("iflags");
static const str req_uri = STR_STATIC_INIT("req_uri");
static const str xdata = STR_STATIC_INIT("xdata");
static const str node = STR_STATIC_INIT("node");
static const str image = STR_STATIC_INIT("image");

static void name_dialog(const struct adapter_db *db, const str *columns[])
{
	columns[DB_D_ENTRY] = &db->h_entry;
	columns[DB_D_ID] = &db->h_id;
	columns[DB_D_CALLID] = &db->callid;
	columns[DB_D_FROM_URI] = &db->from_uri;
	columns[DB_D_FROM_TAG] = &db->from_tag;
	columns[DB_D_TO_URI] = &db->to_uri;
	columns[DB_D_TO_TAG] = &db->to_tag;
	columns[DB_D_CALLER_CSEQ] = &db->caller_cseq;
	columns[DB_D_CALLEE_CSEQ] = &db->callee_cseq;
	columns[DB_D_CALLER_ROUTES] = &db->caller_route;
	columns[DB_D_CALLEE_ROUTES] = &db->callee_route;
	columns[DB_D_CALLER_CONTACT] = &db->caller_contact;
	columns[DB_D_CALLEE_CONTACT] = &db->callee_contact;
	columns[DB_D_CALLER_SOCK] = &db->caller_sock;
	columns[DB_D_CALLEE_SOCK] = &db->callee_sock;
	columns[DB_D_STATE] = &db->state;
	columns[DB_D_START] = &db->start_time;
	columns[DB_D_TIMEOUT] = &db->timeout;
	columns[DB_D_SFLAGS] = &db->sflags;
	columns[DB_D_IFLAGS] = &iflags;
	columns[DB_D_TOROUTE] = &db->toroute_name;
	columns[DB_D_REQ_URI] = &req_uri;
	columns[DB_D_XDATA] = &xdata;
}

static void name_vars(const struct adapter_db *db, const str *columns[])
{
	columns[DB_V_ENTRY] = &db->vars_h_entry;
	columns[DB_V_ID] = &db->vars_h_id;
	columns[DB_V_KEY] = &db->vars_key;
	columns[DB_V_VALUE] = &db->vars_value;
}

/* Ours: its SQL file knows no parameters. */
static void name_more(const str *columns[])
{
	columns[DB_M_ENTRY] = &hash_entry;
	columns[DB_M_ID] = &hash_id;
	columns[DB_M_CALLID] = &callid;
	columns[DB_M_NODE] = &node;
	columns[DB_M_STATE] = &state;
	columns[DB_M_IMAGE] = &image;
}

static bool has_value(int profile)
{
	return parley_profile_has_value(adapter.engine, profile);
}

void db_rules_init(void)
{
	const struct adapter_settings *set = &adapter.set;
	struct db_rules rules = {
		.names = names_of_json(to_parley(&set->db.node)),
		.tables = {&set->db.table, &set->db.vars_table,
			   &set->db.more_table},
		.has_value = has_value,
		.utf8 = db_kind() == DB_POSTGRES || db_kind() == DB_MYSQL,
		.lifetime_s = (uint32_t)set->default_timeout,
		.early_timeout_s = (uint32_t)set->early_timeout,
		.noack_timeout_s = (uint32_t)set->noack_timeout,
		.ack_wait_s = ACK_WAIT_S,
	};

	name_dialog(&set->db, rules.columns[DB_DIALOG]);
	name_vars(&set->db, rules.columns[DB_VARS]);
	name_more(rules.columns[DB_MORE]);
	db_tables_init(&rules);
}
