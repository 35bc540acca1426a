/* SPDX-License-Identifier: BSD-3-Clause
 * log_recent.c - ring of bytes and ring of entries, both counted from the start of time
 */
#include "ctrl/log_recent.h"

struct entry {
	uint64_t id;
	uint64_t at; /* of its first byte, since the start */
	uint32_t len;
};

struct recent {
	char *bytes;
	size_t room;
	uint64_t written; /* bytes since the start; a line never wraps */
	struct entry *entries;
	uint32_t mask, head; /* head: lines since the start */
};

struct recent *
recent_new(size_t bytes, uint32_t line_cnt)
{
	struct recent *r = calloc(1, sizeof(*r));

	BUG_ON(!r || (line_cnt & (line_cnt - 1)) != 0);
	r->bytes = malloc(bytes); /* untouched pages cost nothing */
	r->entries = calloc(line_cnt, sizeof(*r->entries));
	BUG_ON(!r->bytes || !r->entries);
	r->room = bytes;
	r->mask = line_cnt - 1;
	return r;
}

void
recent_free(struct recent *r)
{
	if (!r)
		return;
	free(r->bytes);
	free(r->entries);
	free(r);
}

void
recent_add(struct recent *r, uint64_t id, struct span line)
{
	size_t at = (size_t)(r->written % r->room);

	if (line.len > r->room)
		return;
	if (at + line.len > r->room) { /* would wrap: begin at the front again */
		r->written += r->room - at;
		at = 0;
	}
	memcpy(r->bytes + at, line.p, line.len);
	r->entries[r->head++ & r->mask] = (struct entry){ id, r->written, (uint32_t)line.len };
	r->written += line.len;
}

void
recent_find(const struct recent *r, uint64_t id, json_t *out)
{
	uint32_t cnt = MIN(r->head, r->mask + 1);

	for (uint32_t i = r->head - cnt; i != r->head; i++) {
		const struct entry *e = &r->entries[i & r->mask];
		json_t *j;

		if (e->id != id || r->written - e->at > r->room)
			continue; /* another's, or written over */
		j = json_loadb(r->bytes + e->at % r->room, e->len, 0, NULL);
		if (j)
			json_array_append_new(out, j);
	}
}
