/* See journal_apply.h. */
#include <stdio.h>
#include <stdlib.h>

#include "journal_apply.h"
#include "journal_file.h"
#include "writer.h"

bool journal_apply_wanted(void)
{
	const char *asked = getenv("PARLEY_JOURNAL");
	char *dir = getenv("PARLEY_JOURNAL_DIR");

	if (!asked || strcmp(asked, "apply") != 0)
		return false;
	if (adapter.set.db.mode == 0 || adapter.set.db.mode == 3)
		adapter.set.db.mode = 1;
	if (dir && dir[0])
		adapter.set.db.journal_dir = (str){dir, (int)strlen(dir)};
	return true;
}

/* How many records there were, or -1 if not all of them could be written. */
static int64_t write_all(void)
{
	struct writer_batch batch = {0};
	int64_t count = 0;
	int rc = 0;

	batch.link = db_open();
	if (!batch.link || db_check_tables(batch.link, &batch.has_more) < 0 ||
	    !writer_connect(&batch))
		return -1;
	while ((rc = writer_step(&batch, adapter.engine)) > 0)
		count += rc;
	writer_disconnect(&batch);
	reader_fini(&batch.reader);
	return rc < 0 ? -1 : count;
}

void journal_apply(void)
{
	char path[1024];
	int64_t count = -1;

	if (writer_init() == 0 && journal_file_open() == 0) {
		snprintf(path, sizeof(path), "%s", journal_file_path());
		count = write_all();
		journal_file_close(count >= 0);
	}
	if (count >= 0)
		/* stdout is closed by now. */
		fprintf(stderr,
			"parley-journal: %lld changes of calls written into "
			"the database, from %s\n",
			(long long)count, path);
	/* No other module is to start, and none has anything to end. */
	_Exit(count >= 0 ? 0 : 1);
}
