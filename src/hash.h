/*
 * hash.h - keyed hashing
 *
 * What:    SipHash-1-3 over one or two texts, and a keyed 64-bit mixer that is
 *          a bijection for identities; a checksum.
 * Always:  the same key and input give the same value; without the key a
 *          caller cannot choose inputs that collide (RFC 3261 leaves Call-ID
 *          and tags to the other side).
 */
#ifndef HASH_H
#define HASH_H

#include "parley.h"

struct hash_key {
	uint64_t k0, k1;
};

uint64_t hash_text(const struct hash_key *key, struct parley_str text);
/* Hash of both, with their border. */
uint64_t hash_pair(const struct hash_key *key, struct parley_str a,
		   struct parley_str b);
uint64_t hash_id(const struct hash_key *key, struct parley_id id);
/* A checksum over whole words: any change of one of them changes it. Against
 * accidents only, whoever can write the words can make them agree. */
uint64_t hash_words(const void *words, size_t count);

#endif
