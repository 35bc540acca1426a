/* SPDX-License-Identifier: BSD-3-Clause
 * pool.c - a free list, and poison for ASan
 */
#include "base/pool.h"
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif
#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define RED_ZONE       64
#else
#define POISON(p, n)   ((void)(p))
#define UNPOISON(p, n) ((void)(p))
#define RED_ZONE       0
#endif

static size_t
rounded(size_t object_bytes)
{
	return (MAX(object_bytes, sizeof(void *)) + 7) / 8 * 8 + RED_ZONE;
}

size_t
pool_bytes(size_t object_bytes, uint32_t cnt)
{
	return rounded(object_bytes) * cnt;
}

void
pool_init(struct pool *p, const char *name, void *memory, size_t object_bytes, uint32_t cnt)
{
	memset(p, 0, sizeof(*p));
	p->name = name;
	p->memory = memory;
	p->object_bytes = rounded(object_bytes);
	p->cnt = cnt;
	POISON(memory, p->object_bytes * cnt);
}

void
pool_fini(struct pool *p)
{
	if (p->used_cnt != 0)
		fprintf(stderr, "pool %s: %u objects still out\n", p->name, p->used_cnt);
	BUG_ON(p->used_cnt != 0);
	UNPOISON(p->memory, p->object_bytes * p->cnt);
	memset(p, 0, sizeof(*p));
}

void *
pool_get(struct pool *p)
{
	void *o = p->free;

	if (o) {
		UNPOISON(o, p->object_bytes - RED_ZONE);
		memcpy(&p->free, o, sizeof(void *));
	} else if (p->fresh < p->cnt) {
		o = p->memory + p->object_bytes * p->fresh++;
		UNPOISON(o, p->object_bytes - RED_ZONE);
	} else {
		p->failed_cnt++;
		return NULL;
	}
	if (++p->used_cnt > p->peak_cnt)
		p->peak_cnt = p->used_cnt;
	return o;
}

void
pool_put(struct pool *p, void *object)
{
	size_t at = (size_t)((uint8_t *)object - p->memory);

	BUG_ON(p->used_cnt == 0 || at >= p->object_bytes * p->cnt || at % p->object_bytes != 0);
	memcpy(object, &p->free, sizeof(void *));
	p->free = object;
	p->used_cnt--;
	POISON(object, p->object_bytes);
}

int
pool_init_mapped(struct pool *p, const char *name, size_t object_bytes, uint32_t cnt)
{
	void *m = mmap(NULL, MAX(pool_bytes(object_bytes, cnt), (size_t)1), PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		return -ENOMEM;
	pool_init(p, name, m, object_bytes, cnt);
	return 0;
}

void
pool_fini_mapped(struct pool *p)
{
	void *m = p->memory;
	size_t n = p->object_bytes * p->cnt;

	pool_fini(p);
	munmap(m, MAX(n, (size_t)1));
}
