/* SPDX-License-Identifier: BSD-3-Clause
 * memo.c - eight-way sets; what expires first gives way
 */
#include "dataplane/upstream/memo.h"
#include <sys/mman.h>

struct entry {
	uint64_t key;
	uint64_t expires_us; /* 0: empty */
	uint8_t value[];
};

static struct entry *
entry_at(const struct memo *m, uint32_t set, unsigned way)
{
	size_t i = (size_t)set * MEMO_WAYS + way;

	return (struct entry *)(void *)(m->memory + i * m->entry_bytes);
}

static size_t
memory_bytes(const struct memo *m)
{
	return (size_t)m->set_cnt * MEMO_WAYS * m->entry_bytes;
}

int
memo_init(struct memo *m, uint32_t entries, uint32_t value_bytes)
{
	void *p;

	memset(m, 0, sizeof(*m));
	m->set_cnt = 1;
	while (m->set_cnt * MEMO_WAYS < entries && m->set_cnt < 1u << 24)
		m->set_cnt *= 2;
	m->value_bytes = value_bytes;
	m->entry_bytes = (uint32_t)(sizeof(struct entry) + (value_bytes + 7u) / 8u * 8u);
	p = mmap(NULL, memory_bytes(m), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	m->memory = p;
	return 0;
}

void
memo_fini(struct memo *m)
{
	if (m->memory)
		munmap(m->memory, memory_bytes(m));
	memset(m, 0, sizeof(*m));
}

static struct entry *
find(const struct memo *m, uint64_t key)
{
	uint32_t set = (uint32_t)key & (m->set_cnt - 1);

	for (unsigned w = 0; w < MEMO_WAYS; w++) {
		struct entry *e = entry_at(m, set, w);

		if (e->key == key && e->expires_us != 0)
			return e;
	}
	return NULL;
}

void *
memo_find(struct memo *m, uint64_t key, uint64_t now_us)
{
	struct entry *e = find(m, key);

	return e && e->expires_us > now_us ? e->value : NULL;
}

static struct entry *
first_to_go(const struct memo *m, uint64_t key)
{
	uint32_t set = (uint32_t)key & (m->set_cnt - 1);
	struct entry *best = entry_at(m, set, 0);

	for (unsigned w = 1; w < MEMO_WAYS; w++) {
		struct entry *e = entry_at(m, set, w);

		if (e->expires_us < best->expires_us)
			best = e;
	}
	return best;
}

void *
memo_put(struct memo *m, uint64_t key, uint64_t expires_us, uint64_t now_us)
{
	struct entry *e = find(m, key);
	bool kept = e && e->expires_us > now_us;

	BUG_ON(expires_us == 0);
	if (!e)
		e = first_to_go(m, key);
	if (!kept) {
		if (e->expires_us == MEMO_PINNED) {
			m->full_cnt++;
			return NULL;
		}
		if (e->expires_us > now_us)
			m->evicted_cnt++;
		memset(e->value, 0, m->value_bytes);
		e->key = key;
	}
	e->expires_us = expires_us;
	return e->value;
}

void
memo_expire(struct memo *m, void *value, uint64_t expires_us)
{
	struct entry *e = container_of(value, struct entry, value);

	BUG_ON((uint8_t *)e < m->memory || (uint8_t *)e >= m->memory + memory_bytes(m));
	e->expires_us = expires_us;
}

bool
memo_drop(struct memo *m, uint64_t key)
{
	struct entry *e = find(m, key);

	if (e)
		e->expires_us = 0;
	return e != NULL;
}

size_t
memo_clear(struct memo *m)
{
	size_t n = 0;

	for (uint32_t set = 0; set < m->set_cnt; set++)
		for (unsigned w = 0; w < MEMO_WAYS; w++) {
			n += entry_at(m, set, w)->expires_us != 0;
			entry_at(m, set, w)->expires_us = 0;
		}
	return n;
}

uint64_t
memo_key(const struct siphash_key *k, uint64_t salt, const struct span *parts, unsigned part_cnt)
{
	uint8_t buf[1024 + 64];
	size_t n = 8;

	memcpy(buf, &salt, 8);
	for (unsigned i = 0; i < part_cnt; i++) {
		uint32_t len = (uint32_t)MIN(parts[i].len, sizeof(buf) - n - 4);

		if (n + 4 >= sizeof(buf))
			break;
		memcpy(buf + n, &len, 4);
		memcpy(buf + n + 4, parts[i].p, len);
		n += 4 + len;
	}
	return siphash(k, buf, n);
}
