/* SPDX-License-Identifier: BSD-3-Clause
 * chunk.h - reference-counted byte buffers: what message bodies and replies are held in
 *
 * Why     A body is copied once from receive mbufs into chunks; the message, its scan and TCP's send queue then share
 *         them by reference, so a mail never pins receive mbufs and is never copied to be sent upstream.
 * Owner   Whoever holds a reference. Bytes before `len` never change once another holder exists; the one who fills it may
 *         append behind `len` at any time.
 * Thread  The worker: counts are not atomic.
 */
#pragma once
#include "base/base.h"
#include "base/pool.h"

struct chunk {
	struct chunk *next; /* the owner's list; not touched by get and put */
	struct pool *home;
	uint32_t refs;
	uint32_t cap; /* bytes of data[] */
	uint32_t len; /* bytes filled */
	uint32_t spare;
	uint8_t data[];
};

static inline struct chunk *
chunk_new(struct pool *home)
{
	struct chunk *c = pool_get(home);

	if (!c)
		return NULL;
	c->next = NULL;
	c->home = home;
	c->refs = 1;
	c->cap = (uint32_t)(home->object_bytes - sizeof(struct chunk));
#if defined(__SANITIZE_ADDRESS__)
	c->cap -= 64; /* pool.c's red zone */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	c->cap -= 64;
#endif
#endif
	c->len = 0;
	c->spare = 0;
	return c;
}

static inline struct chunk *
chunk_get(struct chunk *c)
{
	BUG_ON(c->refs == 0);
	c->refs++;
	return c;
}

static inline void
chunk_put(struct chunk *c)
{
	BUG_ON(c->refs == 0);
	if (--c->refs == 0)
		pool_put(c->home, c);
}
