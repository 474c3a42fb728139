/*
 * wire.h - what nodes write to each other
 *
 * What:    a dialog as the adapter's JSON (image_json.c), in memory.
 * Owns:    an item is counted; what is read points into it.
 * Why:     a field that is not written, or read as another one, must show.
 */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include "parley.h"

struct wire_item;
struct json_image;

struct wire_item *wire_write(const struct parley_image *image,
			     const char *self);
/* One that has it more, one less. */
struct wire_item *wire_share(struct wire_item *item);
void wire_free(struct wire_item *item);
/* The image as the node @self reads it, until wire_done(). NULL: it is not
 * readable, and @faultp names the field. */
struct parley_image *wire_read(const struct wire_item *item, const char *self,
			       const char **faultp);
void wire_done(void);

/* Profiles, sockets and routes that every node has. */
extern const struct parley_profile_config wire_profiles[2];
void *wire_socket(void);

#endif
