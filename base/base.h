/* SPDX-License-Identifier: BSD-3-Clause
 * base.h - spans, assertions, byte order, intrusive lists: what every file may use
 *
 * Owner   Nothing here owns memory: a span points into somebody else's bytes and says how many.
 * Thread  Any.
 */
#pragma once
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a)                  (sizeof(a) / sizeof((a)[0]))
#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define PRINTF(f, a)                  __attribute__((format(printf, f, a)))
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))

/* Error kind 1, our own bug: the process must not go on (conventions: Errors). */
#define BUG_ON(c)                                                                                  \
	do {                                                                                       \
		if (unlikely(c)) {                                                                 \
			fprintf(stderr, "%s:%d: BUG: %s\n", __FILE__, __LINE__, #c);               \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct span {
	const char *p;
	size_t len;
};

static inline struct span
span(const void *p, size_t n)
{
	return (struct span){ p, n };
}

static inline struct span
span_z(const char *z)
{
	return (struct span){ z, strlen(z) };
}

static inline char
span_shift(struct span *s)
{
	s->len--;
	return *s->p++;
}

static inline struct span
span_skip(struct span s, size_t n)
{
	return (struct span){ s.p + n, s.len - n };
}

static inline bool
span_is(struct span s, const char *z)
{
	return s.len == strlen(z) && !memcmp(s.p, z, s.len);
}

static inline bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

/* ASCII only: locale must never change what a protocol word is. */
static inline char
ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static inline bool
span_ieq(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

static inline bool
span_ieq_z(struct span a, const char *z)
{
	return span_ieq(a, span_z(z));
}

static inline uint16_t
load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t
load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline void
store_be16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
store_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

/* Intrusive doubly linked list; an unlinked node points to itself, so removing twice is harmless. */
struct list {
	struct list *next, *prev;
};

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void
list_add_head(struct list *head, struct list *n)
{
	list_add_tail(head->next, n);
}

static inline void
list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each_safe(it, tmp, head)                                                          \
	for (struct list *it = (head)->next, *tmp = it->next; it != (head);                        \
	     it = tmp, tmp = it->next)
