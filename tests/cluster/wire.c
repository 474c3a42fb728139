/* wire.c - see wire.h */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

/* With the small reader instead of the server's: tests/fuzz/core. */
#include "image_json.c" /* NOLINT(bugprone-suspicious-include) */

struct wire_item {
	uint32_t refs;
	srjson_t *json;
};

const struct parley_profile_config wire_profiles[2] = {{"red", true},
						       {"all", false}};

static void *wire_malloc(size_t size)
{
	return malloc(size);
}

static void give_back(void *ptr)
{
	free(ptr);
}

static srjson_doc_t doc = {.malloc_fn = wire_malloc, .free_fn = give_back};
static struct json_image last; /* large, and used by one at a time */

void *wire_socket(void)
{
	static int socket;

	return &socket;
}

static struct parley_str socket_text(void *socket)
{
	return socket ? (struct parley_str){"udp:1:2", 7}
		      : (struct parley_str){0};
}

static void *socket_find(struct parley_str text)
{
	return text.len == 7 ? wire_socket() : NULL;
}

static const char *profile_name(int profile)
{
	return wire_profiles[profile].name;
}

static int profile_find(struct parley_str name)
{
	for (int i = 0; i < 2; i++)
		if (text_is(name, wire_profiles[i].name))
			return i;
	return PARLEY_E_NO_PROFILE;
}

static int32_t route_find(struct parley_str name)
{
	return (int32_t)name.len;
}

static struct json_names names_of(const char *self)
{
	return (struct json_names){
		socket_text,  socket_find, profile_name,
		profile_find, route_find,  {self, (uint32_t)strlen(self)},
	};
}

struct wire_item *wire_write(const struct parley_image *image, const char *self)
{
	const struct json_names names = names_of(self);
	struct wire_item *item = calloc(1, sizeof(*item));

	if (!item)
		abort();
	item->refs = 1;
	item->json = json_of_image(&doc, image, &names);
	return item;
}

struct wire_item *wire_share(struct wire_item *item)
{
	item->refs++;
	return item;
}

void wire_free(struct wire_item *item)
{
	if (--item->refs > 0)
		return;
	srjson_Delete(&doc, item->json);
	free(item);
}

struct parley_image *wire_read(const struct wire_item *item, const char *self,
			       const char **faultp)
{
	const struct json_names names = names_of(self);

	*faultp = json_to_image(&doc, item->json, &names, &last);
	return *faultp ? NULL : &last.image;
}

void wire_done(void)
{
	json_image_fini(&doc, &last);
}
