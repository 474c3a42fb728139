/*
 * The statistics, and the counters of ims_dialog. They are functions that read
 * the engine's counters, so that there is nothing to update and nothing that
 * could drift.
 */
#include "core/counters.h"

#include "exports.h"
#include "reader.h"
#include "writer.h"

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

/* ------------------------------------------------ the database */

static struct writer_stats database_now(void)
{
	struct writer_stats stats;

	writer_get_stats(&stats);
	return stats;
}

static counter_val_t stat_waiting(void)
{
	struct writer_stats stats = database_now();

	return (counter_val_t)(stats.store.waiting + stats.store.taken);
}

static counter_val_t stat_oldest(void)
{
	return (counter_val_t)database_now().store.oldest_ms;
}

static counter_val_t stat_unrecorded(void)
{
	return (counter_val_t)database_now().store.unrecorded;
}

static counter_val_t stat_written(void)
{
	return (counter_val_t)database_now().written;
}

static counter_val_t stat_deleted(void)
{
	return (counter_val_t)database_now().deleted;
}

static counter_val_t stat_refused(void)
{
	return (counter_val_t)database_now().refused;
}

static counter_val_t stat_errors(void)
{
	return (counter_val_t)database_now().errors;
}

static counter_val_t stat_commit(void)
{
	return (counter_val_t)database_now().last_commit_s;
}

/* ------------------------------------------------ the tables */

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

#define STAT(name, read)                                                       \
	{                                                                      \
#name, STAT_IS_FUNC | STAT_NO_RESET, READS(read)               \
	}

static int database_stats_init(char *name)
{
	static stat_export_t exports[] = {
		STAT(db_waiting, stat_waiting),
		STAT(db_oldest_ms, stat_oldest),
		STAT(db_unrecorded, stat_unrecorded),
		STAT(db_written, stat_written),
		STAT(db_deleted, stat_deleted),
		STAT(db_refused, stat_refused),
		STAT(db_errors, stat_errors),
		STAT(db_last_commit, stat_commit),
		{0},
	};

	return adapter.set.db.mode == 0 ? 0
					: register_module_stats(name, exports);
}

int stats_init(void)
{
	static stat_export_t exports[] = {
		STAT(active_dialogs, stat_active),
		STAT(early_dialogs, stat_early),
		STAT(processed_dialogs, stat_processed),
		STAT(expired_dialogs, stat_expired),
		STAT(failed_dialogs, stat_failed),
		{0},
	};
	char *name = reader_name(adapter.name);

	if (!adapter.set.enable_stats)
		return 0;
	if (register_module_stats(name, exports) != 0 ||
	    database_stats_init(name) != 0 || counters_init() < 0) {
		LM_ERR("the statistics of %s cannot be registered\n",
		       adapter.name);
		return -1;
	}
	return 0;
}
