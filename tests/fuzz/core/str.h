/*
 * str.h - Kamailio's texts, for tests that are built without a server
 */
#ifndef FUZZ_STR_H
#define FUZZ_STR_H

typedef struct _str {
	char *s;
	int len;
} str;

#endif
