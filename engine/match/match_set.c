/* SPDX-License-Identifier: BSD-3-Clause
 * match_set.c - a set from the cache or the child, and what control asks of it
 */
#include "engine/match/match_set_internal.h"
#include "base/clock.h"
#include <unistd.h>

/* A change of the plan's rules or layout makes another key. */
#define SET_VERSION 10

void
match_set_key(const struct match_set_spec *spec, uint8_t key[MATCH_KEY_BYTES])
{
	uint64_t head[] = { SET_VERSION,
		            spec->cnt,
		            spec->group_cnt,
		            (uint64_t)spec->is_short | (uint64_t)spec->is_joined << 1,
		            spec->limits.min_bytes,
		            spec->limits.max_ns_kib,
		            spec->limits.max_per_mib };
	SHA256_CTX c;

	match_key_begin(&c);
	SHA256_Update(&c, "set", 3);
	SHA256_Update(&c, head, sizeof(head));
	for (size_t i = 0; i < spec->cnt; i++) {
		const struct match_set_pattern *p = &spec->pattern[i];
		uint32_t more[] = { p->group, p->is_counted };

		SHA256_Update(&c, more, sizeof(more));
		match_key_pattern(&c, &p->p);
	}
	SHA256_Final(key, &c);
}

/* ---- from the child's bytes ---- */

static bool
fits(const struct set_head *h, uint64_t at, uint64_t cnt, size_t item)
{
	return at <= h->bytes && cnt <= (h->bytes - at) / item;
}

/* The blob is ours (its digest was right), but a file may be of another version. */
static bool
open_blob(struct match_set *s, char *blob, size_t len, const struct match_set_spec *spec)
{
	const struct set_head *h = (const void *)blob;

	s->blob = blob;
	if (len < sizeof(*h) || h->bytes > len || h->cnt != spec->cnt ||
	    h->group_cnt != spec->group_cnt || !fits(h, h->row_at, h->cnt, sizeof(*s->row)) ||
	    !fits(h, h->group_at, h->group_cnt, sizeof(*s->group)) ||
	    !fits(h, h->link_start_at, (uint64_t)h->literal_cnt + 1, sizeof(uint32_t)) ||
	    !fits(h, h->lit_len_at, h->literal_cnt, 1) ||
	    !fits(h, h->link_at, h->link_cnt, sizeof(uint32_t)) ||
	    !fits(h, h->re_at, h->re_cnt, sizeof(uint32_t)) ||
	    !fits(h, h->always_at, h->always_cnt, sizeof(uint32_t)))
		return false;
	s->head = h;
	s->row = (const void *)(blob + h->row_at);
	s->group = (const void *)(blob + h->group_at);
	s->link_start = (const void *)(blob + h->link_start_at);
	s->lit_len = (const void *)(blob + h->lit_len_at);
	s->link = (const void *)(blob + h->link_at);
	s->re_id = (const void *)(blob + h->re_at);
	s->always = (const void *)(blob + h->always_at);
	return true;
}

static bool
open_db(struct match_set *s, uint64_t at, uint64_t bytes, hs_database_t **out)
{
	size_t n;

	if (bytes == 0)
		return true;
	if (!fits(s->head, at, bytes, 1) ||
	    hs_deserialize_database(s->blob + at, bytes, out) != HS_SUCCESS ||
	    hs_database_size(*out, &n) != HS_SUCCESS)
		return false;
	s->bytes += n;
	return true;
}

static bool
open_dbs(struct match_set *s)
{
	size_t n = s->head->group_cnt;

	s->lit_db = calloc(n + 1, sizeof(*s->lit_db));
	s->re_db = calloc(n + 1, sizeof(*s->re_db));
	BUG_ON(!s->lit_db || !s->re_db);
	for (size_t i = 0; i < n; i++) {
		const struct set_group *g = &s->group[i];

		if (!open_db(s, g->lit_at, g->lit_bytes, &s->lit_db[i]) ||
		    !open_db(s, g->re_at, g->re_bytes, &s->re_db[i]))
			return false;
	}
	return true;
}

/* The pieces of a pattern are spans of it. */
static void
keep_texts(struct match_set *s, const struct match_set_spec *spec, const struct match_pieces *p)
{
	size_t bytes = 0, at = 0, piece = 0;

	for (size_t i = 0; i < spec->cnt; i++)
		bytes += spec->pattern[i].p.text.len;
	s->text = malloc(bytes + 1);
	s->pattern = calloc(spec->cnt + 1, sizeof(*s->pattern));
	s->piece = calloc(p->spec.cnt + 1, sizeof(*s->piece));
	s->of = calloc(p->spec.cnt + 1, sizeof(*s->of));
	s->first = calloc(spec->cnt + 1, sizeof(*s->first));
	BUG_ON(!s->text || !s->pattern || !s->piece || !s->of || !s->first);
	for (size_t i = 0; i < spec->cnt; i++) {
		struct span t = spec->pattern[i].p.text;

		memcpy(s->text + at, t.p, t.len);
		s->pattern[i] = spec->pattern[i].p;
		s->pattern[i].text = span(s->text + at, t.len);
		s->first[i] = (uint32_t)piece;
		for (; piece < p->spec.cnt && p->of[piece] == i; piece++) {
			struct span x = p->pattern[piece].p.text;

			s->of[piece] = (uint32_t)i;
			s->piece[piece] = s->pattern[i];
			s->piece[piece].text = span(s->text + at + (x.p - t.p), x.len);
		}
		at += t.len;
	}
	s->first[spec->cnt] = (uint32_t)piece;
}

static bool
make_confirms(struct match_set *s)
{
	s->confirm = calloc(s->head->cnt + 1, sizeof(*s->confirm));
	BUG_ON(!s->confirm);
	for (size_t i = 0; i < s->head->cnt; i++) {
		char why[MATCH_WHY_MAX];

		if (s->row[i].way == MATCH_BY_NONE || s->row[i].way == MATCH_BY_HYPERSCAN)
			continue;
		s->confirm[i] = confirm_new(&s->piece[i], why, sizeof(why));
		if (!s->confirm[i])
			return false; /* the child could */
	}
	return true;
}

static int
open_set(struct match_set *s, char *blob, size_t len, const struct match_set_spec *spec,
         const struct match_pieces *p)
{
	keep_texts(s, spec, p);
	if (!open_blob(s, blob, len, &p->spec) || !open_dbs(s) || !make_confirms(s))
		return -EIO;
	s->bytes += len;
	return 0;
}

static int
build_in_child(struct match_set *s, const struct match_set_spec *spec, const struct match_pieces *p,
               struct match_build *b)
{
	char *blob = NULL;
	off_t size;
	int fd, rc = match_child_run(match_set_compile_to, p, b, &fd);

	if (rc == 0) {
		size = lseek(fd, 0, SEEK_END);
		blob = size > 0 ? malloc((size_t)size) : NULL;
		if (!blob || pread(fd, blob, (size_t)size, 0) != size)
			rc = -EIO;
		else if (b->cache_dir)
			match_cache_save(b->cache_dir, s->key, span(blob, (size_t)size));
	}
	if (fd >= 0)
		close(fd);
	if (rc != 0) {
		free(blob);
		return rc;
	}
	return open_set(s, blob, (size_t)size, spec, p);
}

static struct match_set *
new_set(const struct match_set_spec *spec)
{
	struct match_set *s = calloc(1, sizeof(*s));

	BUG_ON(!s);
	s->ref_cnt = 1;
	match_set_key(spec, s->key);
	return s;
}

int
match_set_build(const struct match_set_spec *spec, struct match_build *b, struct match_set **out)
{
	struct match_set *s = new_set(spec);
	uint64_t start = clock_mono_us();
	struct match_pieces p;
	char *blob = NULL;
	size_t len = 0;
	int rc = -EIO;

	match_pieces_make(spec, &p);
	b->error_cnt = 0;
	if (b->cache_dir)
		blob = match_cache_load(b->cache_dir, s->key, &len);
	if (blob)
		rc = open_set(s, blob, len, spec, &p);
	b->from_cache = rc == 0;
	if (rc != 0) {
		match_set_put(s);
		s = new_set(spec);
		rc = build_in_child(s, spec, &p, b);
	}
	match_pieces_fini(&p);
	b->compile_us = b->from_cache ? 0 : clock_mono_us() - start;
	if (rc != 0) {
		match_whole_error(b, rc);
		match_set_put(s);
		return rc;
	}
	*out = s;
	return 0;
}

struct match_set *
match_set_get(struct match_set *s)
{
	s->ref_cnt++;
	return s;
}

void
match_set_put(struct match_set *s)
{
	if (!s || --s->ref_cnt > 0)
		return;
	for (size_t i = 0; s->head && i < s->head->group_cnt; i++) {
		if (s->lit_db && s->lit_db[i])
			hs_free_database(s->lit_db[i]);
		if (s->re_db && s->re_db[i])
			hs_free_database(s->re_db[i]);
	}
	for (size_t i = 0; s->confirm && i < s->head->cnt; i++)
		confirm_free(s->confirm[i]);
	free(s->lit_db);
	free(s->re_db);
	free(s->confirm);
	free(s->pattern);
	free(s->piece);
	free(s->of);
	free(s->first);
	free(s->text);
	free(s->blob);
	free(s);
}

const uint8_t *
match_set_key_of(const struct match_set *s)
{
	return s->key;
}

size_t
match_set_bytes(const struct match_set *s)
{
	return s->bytes;
}

/* Each piece must run; UINT32_MAX: they all do. */
static uint32_t
refused_piece(const struct match_set *s, size_t pattern)
{
	for (uint32_t i = s->first[pattern]; i < s->first[pattern + 1]; i++)
		if (s->row[i].way == MATCH_BY_NONE)
			return i;
	return UINT32_MAX;
}

enum match_way
match_set_way(const struct match_set *s, size_t pattern)
{
	enum match_way way = MATCH_BY_NONE;

	if (refused_piece(s, pattern) != UINT32_MAX)
		return MATCH_BY_NONE;
	for (uint32_t i = s->first[pattern]; i < s->first[pattern + 1]; i++)
		way = MAX(way, (enum match_way)s->row[i].way);
	return way;
}

const char *
match_set_why(const struct match_set *s, size_t pattern)
{
	uint32_t refused = refused_piece(s, pattern);

	return refused != UINT32_MAX ? s->row[refused].why : "";
}

bool
match_set_has_group(const struct match_set *s, uint32_t group)
{
	return s && group < s->head->group_cnt &&
	       (s->lit_db[group] || s->re_db[group] || s->group[group].always_cnt > 0);
}

bool
match_set_matches(const struct match_set *s, size_t pattern, struct span text)
{
	return refused_piece(s, pattern) == UINT32_MAX && confirm_once(&s->pattern[pattern], text);
}
