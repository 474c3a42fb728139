/* input.c - bytes of a fuzzer as numbers and texts, and a host (input.h) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

uint32_t input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

uint32_t input_u32(struct input *input)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | input_byte(input);
	return value;
}

uint32_t input_below(struct input *input, uint32_t n)
{
	return n <= 256 ? input_byte(input) % n : input_u32(input) % n;
}

struct parley_str input_text(struct input *input)
{
	static const char *const known[] = {
		"",
		"a",
		"b",
		"tag-1",
		"tag-2",
		"tag-3",
		"call@host",
		"sip:alice@example.com",
		"<sip:10.0.0.1;lr>",
	};
	const uint32_t count = sizeof(known) / sizeof(known[0]);
	uint32_t choice = input_byte(input);
	struct parley_str text;

	/* Mostly texts that meet again; the rest as the fuzzer likes. */
	if (choice < 200) {
		text.s = known[choice % count];
		text.len = (uint32_t)strlen(text.s);
		return text;
	}
	text.len = input_byte(input);
	if (text.len > input->left)
		text.len = (uint32_t)input->left;
	text.s = (const char *)input->at;
	input->at += text.len;
	input->left -= text.len;
	return text;
}

struct parley_str input_long(struct input *input, uint32_t max)
{
	static char longest[FUZZ_LONG];
	struct parley_str text = input_text(input);

	if (input_byte(input) < 240)
		return text;
	if (longest[0] == 0)
		memset(longest, 'x', sizeof(longest));
	text.s = longest;
	text.len = input_below(input, max < FUZZ_LONG ? max : FUZZ_LONG);
	return text;
}

/* ------------------------------------------------------------- the host */

static void *fuzz_alloc(void *self, size_t size)
{
	struct fuzz_host *fuzz = self;
	void *block;

	if (fuzz->fail_in > 0 && --fuzz->fail_in == 0)
		return NULL;
	block = malloc(size);
	if (block == NULL)
		return NULL;
	memset(block, 0xa5, size);
	fuzz->blocks++;
	return block;
}

static void fuzz_free(void *self, void *ptr)
{
	struct fuzz_host *fuzz = self;

	if (ptr != NULL)
		fuzz->blocks--;
	free(ptr);
}

static void fuzz_lock(void *self, uint32_t index)
{
	struct fuzz_host *fuzz = self;

	if (index >= FUZZ_LOCKS || fuzz->held[index] || fuzz->held_count == 2)
		abort();
	fuzz->held[index] = true;
	fuzz->held_count++;
}

static void fuzz_unlock(void *self, uint32_t index)
{
	struct fuzz_host *fuzz = self;

	if (index >= FUZZ_LOCKS || !fuzz->held[index])
		abort();
	fuzz->held[index] = false;
	fuzz->held_count--;
}

static uint64_t fuzz_random(void *self)
{
	struct fuzz_host *fuzz = self;

	fuzz->state = fuzz->state * 6364136223846793005u + 1442695040888963407u;
	return fuzz->state ^ fuzz->state >> 29;
}

static uint32_t fuzz_hash(void *self, struct parley_str callid)
{
	uint32_t hash = 5381;

	(void)self;
	for (uint32_t i = 0; i < callid.len; i++)
		hash = hash * 33 + (unsigned char)callid.s[i];
	return hash;
}

static void fuzz_log(void *self, enum parley_log_level level, const char *text)
{
	struct fuzz_host *fuzz = self;

	(void)level;
	if (fuzz->held_count > 0 || strchr(text, '\n') != NULL)
		abort();
}

static bool fuzz_pause(void *self)
{
	struct fuzz_host *fuzz = self;

	if (fuzz->held_count > 0)
		abort();
	return false;
}

void fuzz_host_fill(struct fuzz_host *fuzz, struct parley_host *host)
{
	*host = (struct parley_host){
		.version = PARLEY_HOST_VERSION,
		.self = fuzz,
		.alloc = fuzz_alloc,
		.free = fuzz_free,
		.lock = fuzz_lock,
		.unlock = fuzz_unlock,
		.random = fuzz_random,
		.hash = fuzz_hash,
		.log = fuzz_log,
		.pause = fuzz_pause,
	};
}

struct parley *fuzz_engine(const struct parley_host *host, bool replicate)
{
	static const struct parley_profile_config profiles[] = {{"out", true},
								{"all", false}};
	struct parley_config config;
	struct parley *engine;

	parley_config_default(&config);
	config.hash_size = 1;
	config.shards = 1;
	config.replicate = replicate;
	config.profiles = profiles;
	config.profile_count = 2;
	if (parley_create(host, &config, &engine) < 0)
		abort();
	return engine;
}

void fuzz_check(struct parley *engine)
{
	const char *fault = parley_check(engine);

	if (fault == NULL)
		return;
	fprintf(stderr, "parley_check(): %s\n", fault);
	abort();
}
