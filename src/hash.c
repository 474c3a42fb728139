/* hash.c - keyed hashing: SipHash-1-3 and a keyed mixer; see hash.h */
#include <string.h>

#include "hash.h"

/* SipHash (Aumasson, Bernstein 2012) with one round per word and three at the
 * end: the variant that hash tables use, because only collisions matter here
 * and not the secrecy of the sum. */
struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
	sip->v0 = rotate(sip->v0, 32);
	sip->v2 += sip->v3;
	sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
	sip->v0 += sip->v3;
	sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
	sip->v2 += sip->v1;
	sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
	sip->v2 = rotate(sip->v2, 32);
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_round(sip);
	sip->v0 ^= word;
}

static inline uint64_t load_word(const char *s)
{
	uint64_t word;

	memcpy(&word, s, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* The last 0 to 7 bytes, the first of them lowest. */
static inline uint64_t load_tail(const char *text, uint32_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	uint64_t word = 0;
	uint32_t shift = 0;

	if ((len & 4) != 0) {
		word = (uint64_t)s[0] | (uint64_t)s[1] << 8 |
		       (uint64_t)s[2] << 16 | (uint64_t)s[3] << 24;
		s += 4;
		shift = 32;
	}
	if ((len & 2) != 0) {
		word |= ((uint64_t)s[0] | (uint64_t)s[1] << 8) << shift;
		s += 2;
		shift += 16;
	}
	if ((len & 1) != 0)
		word |= (uint64_t)s[0] << shift;
	return word;
}

static inline void sip_init(struct sip *sip, const struct hash_key *key)
{
	sip->v0 = key->k0 ^ 0x736f6d6570736575U;
	sip->v1 = key->k1 ^ 0x646f72616e646f6dU;
	sip->v2 = key->k0 ^ 0x6c7967656e657261U;
	sip->v3 = key->k1 ^ 0x7465646279746573U;
}

/* The whole words of a text; returns what is left. */
static inline uint64_t sip_text(struct sip *sip, struct parley_str text)
{
	const char *s = text.s;
	uint32_t left = text.len;

	for (; left >= 8; s += 8, left -= 8)
		sip_word(sip, load_word(s));
	return load_tail(s, left);
}

static inline uint64_t sip_sum(struct sip *sip, uint64_t tail, uint64_t total)
{
	sip_word(sip, tail | total << 56);
	sip->v2 ^= 0xff;
	sip_round(sip);
	sip_round(sip);
	sip_round(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

uint64_t hash_text(const struct hash_key *key, struct parley_str text)
{
	struct sip sip;
	uint64_t tail;

	sip_init(&sip, key);
	tail = sip_text(&sip, text);
	return sip_sum(&sip, tail, text.len);
}

uint64_t hash_pair(const struct hash_key *key, struct parley_str a,
		   struct parley_str b)
{
	uint64_t total = 8 + ((uint64_t)a.len + 7) / 8 * 8 + b.len;
	struct sip sip;
	uint64_t tail;

	/* The length of the first text in front makes the border part of the
	 * input, whatever bytes the texts hold. Zeros behind it let the second
	 * begin with a word. */
	sip_init(&sip, key);
	sip_word(&sip, a.len);
	tail = sip_text(&sip, a);
	if (a.len % 8 != 0)
		sip_word(&sip, tail);
	tail = sip_text(&sip, b);
	return sip_sum(&sip, tail, total);
}

/* Each step can be undone, so two identities never share a value. */
uint64_t hash_id(const struct hash_key *key, struct parley_id id)
{
	uint64_t x = (uint64_t)id.entry << 32 | id.id;

	x ^= key->k0;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93U;
	x ^= x >> 32;
	x += key->k1;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9U;
	x ^= x >> 32;
	return x;
}

/* Each step can be undone, so a change of one word lasts to the end. */
static inline uint64_t add_word(uint64_t sum, const char *word)
{
	sum = (sum ^ load_word(word)) * 0xd6e8feb86659fd93U;
	return sum ^ sum >> 32;
}

uint64_t hash_words(const void *words, size_t count)
{
	const char *at = words;
	uint64_t sum = 0x9e3779b97f4a7c15U;

	for (; count >= 4; count -= 4, at += 32) {
		sum = add_word(sum, at);
		sum = add_word(sum, at + 8);
		sum = add_word(sum, at + 16);
		sum = add_word(sum, at + 24);
	}
	for (; count > 0; count--, at += 8)
		sum = add_word(sum, at);
	return sum;
}
