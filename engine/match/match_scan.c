/* SPDX-License-Identifier: BSD-3-Clause
 * match_scan.c - scratch, streams and scanning: what a worker calls
 */
#include "engine/match/match_set_internal.h"

struct match_stream {
	hs_stream_t *hs;
	bool is_broken; /* could not be reset: stays so until its generation goes */
};

/* Called again with the same scratch it grows to what the largest database needs. */
static bool
add_db(struct match_scratch *s, const hs_database_t *db)
{
	return !db || hs_alloc_scratch(db, &s->hs) == HS_SUCCESS;
}

static bool
add_set(struct match_scratch *s, const struct match_set *set)
{
	bool ok = true;

	for (size_t i = 0; set && ok && i < set->head->group_cnt; i++)
		ok = add_db(s, set->lit_db[i]) && add_db(s, set->re_db[i]);
	return ok;
}

int
match_scratch_new_sets(struct match_db *const *db, size_t db_cnt, struct match_set *const *set,
                       size_t set_cnt, struct match_scratch **out)
{
	struct match_scratch *s = calloc(1, sizeof(*s));
	bool ok = s != NULL;

	for (size_t i = 0; ok && i < db_cnt; i++)
		ok = add_db(s, db[i] ? db[i]->hs : NULL);
	for (size_t i = 0; ok && i < set_cnt; i++)
		ok = add_set(s, set[i]);
	if (!ok) {
		match_scratch_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

int
match_scratch_new(struct match_db *const *db, size_t cnt, struct match_scratch **out)
{
	return match_scratch_new_sets(db, cnt, NULL, 0, out);
}

void
match_scratch_free(struct match_scratch *s)
{
	if (!s)
		return;
	if (s->hs)
		BUG_ON(hs_free_scratch(s->hs) != HS_SUCCESS);
	free(s);
}

int
match_stream_new(struct match_db *db, struct match_stream **out)
{
	struct match_stream *st = calloc(1, sizeof(*st));

	if (!st)
		return -ENOMEM;
	if (hs_open_stream(db->hs, 0, &st->hs) != HS_SUCCESS) {
		free(st);
		return -ENOMEM;
	}
	*out = st;
	return 0;
}

void
match_stream_free(struct match_stream *st)
{
	if (!st)
		return;
	BUG_ON(hs_close_stream(st->hs, NULL, NULL, NULL) != HS_SUCCESS);
	free(st);
}

struct call {
	match_fn *fn;
	void *ctx;
};

static int
on_match(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
         void *ctx)
{
	struct call *c = ctx;

	(void)from;
	(void)flags;
	return c->fn(c->ctx, id, to);
}

static enum match_result
result_of(hs_error_t rc)
{
	return rc == HS_SUCCESS || rc == HS_SCAN_TERMINATED ? MATCH_OK : MATCH_FAILED;
}

enum match_result
match_stream_feed(struct match_stream *st, struct match_scratch *s, struct span text, match_fn *fn,
                  void *ctx)
{
	struct call c = { fn, ctx };

	BUG_ON(text.len > UINT32_MAX);
	if (st->is_broken)
		return MATCH_FAILED;
	return result_of(
	        hs_scan_stream(st->hs, text.p, (unsigned)text.len, 0, s->hs, on_match, &c));
}

enum match_result
match_stream_end(struct match_stream *st, struct match_scratch *s, match_fn *fn, void *ctx)
{
	struct call c = { fn, ctx };
	hs_error_t rc;

	if (st->is_broken)
		return MATCH_FAILED;
	rc = hs_reset_stream(st->hs, 0, fn ? s->hs : NULL, fn ? on_match : NULL, fn ? &c : NULL);
	if (rc == HS_SUCCESS)
		return MATCH_OK;
	/* Stopped by the callback or failed: the state is reset without reporting. */
	st->is_broken = hs_reset_stream(st->hs, 0, NULL, NULL, NULL) != HS_SUCCESS;
	return result_of(rc);
}

enum match_result
match_block(struct match_db *db, struct match_scratch *s, struct span text, match_fn *fn, void *ctx)
{
	struct call c = { fn, ctx };

	BUG_ON(text.len > UINT32_MAX);
	return result_of(hs_scan(db->hs, text.p, (unsigned)text.len, 0, s->hs, on_match, &c));
}
