/*
 * Names of sockets, profiles and timeout routes.
 */
#include "core/route.h"
#include "core/socket_info.h"

#include "names.h"
#include "reader.h"

struct parley_str names_socket(void *socket)
{
	str text = reader_socket(socket);

	return to_parley(&text);
}

void *names_find_socket(struct parley_str text)
{
	str name = to_str(text);

	return name.len > 0 ? lookup_local_socket(&name) : NULL;
}

int32_t names_find_route(struct parley_str name)
{
	char text[256];
	int route;

	if (name.len == 0 || name.len >= sizeof(text))
		return 0;
	memcpy(text, name.s, name.len);
	text[name.len] = '\0';
	route = route_lookup(&main_rt, text);
	return route > 0 && main_rt.rlist[route] ? route : 0;
}

static const char *profile_name(int profile)
{
	return parley_profile_name(adapter.engine, profile);
}

static int profile_find(struct parley_str name)
{
	return parley_profile_find(adapter.engine, name);
}

struct json_names names_of_json(struct parley_str self)
{
	return (struct json_names){
		.socket_text = names_socket,
		.socket_find = names_find_socket,
		.profile_name = profile_name,
		.profile_find = profile_find,
		.route_find = names_find_route,
		.self = self,
	};
}
