/*
 * The statistics, and the counters of ims_dialog. They are functions that read
 * the engine's counters, so that there is nothing to update and nothing that
 * could drift.
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

/* The same four under every name, as the packaged ims_dialog has them. */
static counter_val_t count_of(counter_handle_t handle, void *stat)
{
	counter_val_t (*read_stat)(void) =
		__extension__((counter_val_t(*)(void))stat);

	(void)handle;
	return read_stat();
}

#define COUNTER(name, f, text)                                                 \
	{                                                                      \
		NULL, name, CNT_F_NO_RESET, count_of,                          \
			__extension__(void *)(f), text                         \
	}

static int counters_init(void)
{
	static counter_def_t counters[] = {
		COUNTER("active", stat_active, "answered calls, now"),
		COUNTER("early", stat_early, "calls that ring, now"),
		COUNTER("expired", stat_expired, "ended by their lifetime"),
		COUNTER("processed", stat_processed, "dialogs made"),
		{0},
	};

	return counter_register_array("dialog_ng", counters);
}

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
	if (register_module_stats(name, exports) != 0 || counters_init() < 0) {
		LM_ERR("the statistics of %s cannot be registered\n",
		       adapter.name);
		return -1;
	}
	return 0;
}
