/*
 * The five statistics. They are functions that read the engine's counters, so
 * that there is nothing to update and nothing that could drift.
 */
#include "core/counters.h"

#include "exports.h"
#include "reader.h"

static struct parley_stats stats_now(void)
{
	struct parley_stats stats = {0};

	parley_get_stats(adapter.engine, &stats);
	return stats;
}

static counter_val_t stat_active(void)
{
	return (counter_val_t)(parley_count(adapter.engine,
					    PARLEY_STATE_ANSWERED) +
			       parley_count(adapter.engine,
					    PARLEY_STATE_CONFIRMED));
}

static counter_val_t stat_early(void)
{
	return (counter_val_t)parley_count(adapter.engine, PARLEY_STATE_EARLY);
}

static counter_val_t stat_processed(void)
{
	return (counter_val_t)stats_now().processed;
}

static counter_val_t stat_expired(void)
{
	return (counter_val_t)stats_now().expired;
}

static counter_val_t stat_failed(void)
{
	return (counter_val_t)stats_now().failed;
}

/* With STAT_IS_FUNC Kamailio takes the place for a counter's number as a
 * pointer to a function. */
#define READS(f) __extension__((stat_var **)(void *)(f))

int stats_init(void)
{
	static stat_export_t exports[] = {
		{"active_dialogs", STAT_IS_FUNC | STAT_NO_RESET,
		 READS(stat_active)},
		{"early_dialogs", STAT_IS_FUNC | STAT_NO_RESET,
		 READS(stat_early)},
		{"processed_dialogs", STAT_IS_FUNC | STAT_NO_RESET,
		 READS(stat_processed)},
		{"expired_dialogs", STAT_IS_FUNC | STAT_NO_RESET,
		 READS(stat_expired)},
		{"failed_dialogs", STAT_IS_FUNC | STAT_NO_RESET,
		 READS(stat_failed)},
		{0},
	};
	char *name = reader_name(adapter.name);

	if (!adapter.set.enable_stats)
		return 0;
	if (register_module_stats(name, exports) != 0) {
		LM_ERR("the statistics of %s cannot be registered\n",
		       adapter.name);
		return -1;
	}
	return 0;
}
