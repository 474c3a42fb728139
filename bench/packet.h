/*
 * packet.h - what the load generator reads in a packet
 *
 * What:    header lines, numbers of calls and requests, found where they stand.
 * Owns:    nothing; all results point into the packet.
 * Always:  a packet ends with a zero byte.
 */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 4 << 20 };

/* The line of header @name (with its colon) in @packet, or NULL. */
static inline const char *header(const char *packet, const char *name, int *len)
{
	size_t want = strlen(name);
	const char *line = packet;

	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, want) == 0) {
			const char *end = strstr(line, "\r\n");

			*len = end ? (int)(end - line) : (int)strlen(line);
			return line;
		}
		if (line[0] == '\r')
			break;
	}
	return NULL;
}

static inline bool call_number(const char *packet, uint32_t *number)
{
	int len;
	const char *line = header(packet, "Call-ID:", &len);

	if (line == NULL)
		return false;
	line += 8;
	while (*line == ' ')
		line++;
	if (*line != 'c')
		return false;
	*number = (uint32_t)strtoul(line + 1, NULL, 10);
	return *number < CALLS_MAX;
}

static inline uint32_t cseq_number(const char *packet)
{
	int len;
	const char *line = header(packet, "CSeq:", &len);

	return line ? (uint32_t)strtoul(line + 5, NULL, 10) : 0;
}

static inline bool cseq_is(const char *packet, const char *method)
{
	int len;
	const char *line = header(packet, "CSeq:", &len);
	size_t want = strlen(method);

	return line && len > (int)want &&
	       strncmp(line + len - want, method, want) == 0;
}

/* Appends all lines of header @name to @out. */
static inline void copy_lines(const char *packet, const char *name, char *out)
{
	const char *at = packet;
	const char *line;
	char *end = out + strlen(out);
	int len;

	while ((line = header(at, name, &len)) != NULL) {
		memcpy(end, line, (size_t)len);
		end += len;
		memcpy(end, "\r\n", 3);
		end += 2;
		at = line;
	}
}

/* The script numbers its branches from 1 in the parameter of the Request-URI;
 * 0: it does not fork. */
static inline uint32_t branch_of(const char *packet)
{
	const char *end = strstr(packet, "\r\n");
	const char *at = strstr(packet, ";fork=");

	return at && at < end ? (uint32_t)strtoul(at + 6, NULL, 10) : 0;
}

#endif
