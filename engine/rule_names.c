/* SPDX-License-Identifier: BSD-3-Clause
 * rule_names.c - blocks of pointers that never move, a hash beside them for the builders
 */
#include "engine/rule_names.h"
#include "engine/engine.h"
#include <pthread.h>

#define BLOCK_NAMES 1024u

static const char **blocks[RULE_NAMES_MAX / BLOCK_NAMES];
static uint32_t name_cnt = 1; /* 0 is "" */
static uint32_t *slots;       /* of the builders: number or 0 */
static uint32_t slot_mask;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of the above for writing */

static uint32_t
hash_of(struct span s)
{
	uint32_t h = 2166136261u; /* FNV-1a: operators name rules, nobody floods this */

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h;
}

static uint32_t *
slot_of(struct span name)
{
	uint32_t i = hash_of(name) & slot_mask;

	while (slots[i] && !span_is(name, engine_rule_name(slots[i])))
		i = (i + 1) & slot_mask;
	return &slots[i];
}

static void
rehash(void)
{
	uint32_t wider = slot_mask ? slot_mask * 2 + 1 : 1023;

	free(slots);
	slots = calloc((size_t)wider + 1, sizeof(*slots));
	BUG_ON(!slots);
	slot_mask = wider;
	for (uint32_t i = 1; i < name_cnt; i++)
		*slot_of(span_z(engine_rule_name(i))) = i;
}

static uint32_t
append(struct span name)
{
	uint32_t at = name_cnt;
	const char ***b = &blocks[at / BLOCK_NAMES];
	char *z;

	if (at == RULE_NAMES_MAX)
		return 0;
	if (!*b)
		*b = calloc(BLOCK_NAMES, sizeof(**b));
	z = strndup(name.p, name.len);
	BUG_ON(!*b || !z);
	(*b)[at % BLOCK_NAMES] = z;
	__atomic_store_n(&name_cnt, at + 1, __ATOMIC_RELEASE);
	return at;
}

uint32_t
rule_name_intern(struct span name)
{
	uint32_t *s, at;

	pthread_mutex_lock(&lock);
	if (name_cnt * 2 >= slot_mask)
		rehash();
	s = slot_of(name);
	if (!*s)
		*s = append(name);
	at = *s;
	pthread_mutex_unlock(&lock);
	return at;
}

const char *
engine_rule_name(uint32_t id)
{
	if (id == 0 || id >= __atomic_load_n(&name_cnt, __ATOMIC_ACQUIRE))
		return "";
	return blocks[id / BLOCK_NAMES][id % BLOCK_NAMES];
}
