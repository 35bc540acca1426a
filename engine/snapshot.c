/* SPDX-License-Identifier: BSD-3-Clause
 * snapshot.c - build: parse, sets, policy, patterns, proof; and what control asks a snapshot
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256() without a context to allocate */
#include "base/clock.h"
#include "engine/ruleset_internal.h"
#include "engine/snapshot_impl.h"
#include <openssl/sha.h>
#include <sys/stat.h>

/* Which of the slots of live generations are taken; control thread only. */
static uint32_t slots_taken;
static_assert(GENERATIONS_LIVE_MAX <= 32, "bits of slots_taken");

static bool
take_slot(struct snapshot *s)
{
	for (unsigned i = 0; i < GENERATIONS_LIVE_MAX; i++)
		if (!(slots_taken >> i & 1)) {
			slots_taken |= 1u << i;
			s->slot = i;
			return true;
		}
	return false;
}

/* The EICAR test file is blocked whatever the rule files say; its text is never in our files in one piece. */
static void
add_builtin(struct snapshot *s, struct snapshot_errors *e)
{
	uint32_t file = ruleset_add_file(&s->rules, "built-in");

	s->eicar_rule = ruleset_add_rule(&s->rules, span_z("EICAR_TEST_FILE"), RULE_EICAR,
	                                 (struct error_at){ "built-in", 0, 0 }, file, e);
	if (s->eicar_rule != RULE_NONE)
		s->rules.rules[s->eicar_rule].filter = FILTER_ATTACHMENT;
}

static void
parse_all(struct snapshot *s, const struct snapshot_input *in, struct snapshot_errors *e)
{
	add_builtin(s, e);
	for (size_t i = 0; i < in->rule_dir_cnt; i++)
		ruleset_read_dir(&s->rules, in->rule_dirs[i], e);
	for (size_t i = 0; i < in->list_cnt; i++)
		ruleset_add_list(&s->rules, &in->lists[i], (uint32_t)i + 1, e);
	for (size_t i = 0; i < s->rules.list_cnt; i++)
		if (s->rules.lists[i].kind == SNAPSHOT_LIST_PHRASE)
			list_add_phrases(&s->rules, &s->rules.lists[i], e);
	list_allow_phrases(&s->rules);
	ruleset_finish(&s->rules, e);
}

static void
make_lists(struct snapshot *s, const struct snapshot *prev, struct snapshot_errors *e)
{
	for (size_t i = 0; i < s->rules.list_cnt; i++) {
		struct rule_list *l = &s->rules.lists[i];
		size_t n = s->list_cnt[l->kind];
		struct list_set *set;
		bool shared;

		if (l->kind == SNAPSHOT_LIST_PHRASE)
			continue;
		set = list_set_make(&s->rules, l, prev, e, &shared);
		s->list[l->kind] = realloc(s->list[l->kind], (n + 1) * sizeof(*s->list[0]));
		BUG_ON(!s->list[l->kind]);
		s->list[l->kind][n] = (struct list_ref){ set, l->rule };
		s->list_cnt[l->kind]++;
		s->stats.list_cnt++;
		s->stats.list_entry_cnt += set->entry_cnt;
		s->stats.list_bytes += set->bytes;
		s->stats.shared_part_cnt += shared;
	}
}

static bool
geo_key(const char *path, uint8_t key[PART_KEY_BYTES])
{
	struct stat st;
	char z[4352];
	int n;

	if (stat(path, &st) != 0)
		return false;
	n = snprintf(z, sizeof(z), "%s %lld %lld %ld %llu", path, (long long)st.st_size,
	             (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	             (unsigned long long)st.st_ino);
	SHA256((const unsigned char *)z, MIN((size_t)n, sizeof(z) - 1), key);
	return true;
}

static void
open_geo(struct snapshot *s, const struct snapshot_input *in, struct snapshot_errors *e)
{
	struct error_at at = { in->geo_path, 0, 0 };
	uint8_t key[PART_KEY_BYTES];
	struct geo_part *g;
	const char *why;

	if (!in->geo_path)
		return;
	if (!geo_key(in->geo_path, key)) {
		error_add(e, at, "%s", strerror(errno));
		return;
	}
	if (in->prev && in->prev->geo && !memcmp(in->prev->geo->key, key, sizeof(key))) {
		s->geo = in->prev->geo;
		s->geo->ref_cnt++;
		s->stats.shared_part_cnt++;
		return;
	}
	g = calloc(1, sizeof(*g));
	BUG_ON(!g);
	g->ref_cnt = 1;
	memcpy(g->key, key, sizeof(key));
	if (geo_open(in->geo_path, &g->geo, &why) == 0) {
		s->geo = g;
		return;
	}
	error_add(e, at, "%s", why);
	free(g);
}

/* The file is read anew each time; the same content is one copy in memory. */
static void
open_model(struct snapshot *s, const struct snapshot_input *in, struct snapshot_errors *e)
{
	const struct model *before = in->prev ? in->prev->model : NULL;
	char why[256];

	if (!in->model_path)
		return;
	s->model = model_load(in->model_path, why, sizeof(why));
	if (!s->model) {
		error_add(e, (struct error_at){ in->model_path, 0, 0 }, "%s", why);
		return;
	}
	if (before && !memcmp(&before->head, &s->model->head, sizeof(before->head)) &&
	    !memcmp(before->weight, s->model->weight, sizeof(before->weight))) {
		model_put(s->model);
		s->model = model_get(in->prev->model);
		s->stats.shared_part_cnt++;
	}
}

static void
push(uint32_t **array, size_t *cnt, uint32_t v)
{
	*array = realloc(*array, (*cnt + 1) * sizeof(**array));
	BUG_ON(!*array);
	(*array)[(*cnt)++] = v;
}

/* After the patterns are built: only then it is known which rules run. */
static void
index_rules(struct snapshot *s)
{
	s->view = calloc(s->rules.view_cnt + 1, sizeof(*s->view));
	BUG_ON(!s->view);
	for (uint32_t i = 0; i < s->rules.rule_cnt; i++) {
		const struct rule *r = &s->rules.rules[i];

		if ((r->kind != RULE_HEADER && r->kind != RULE_MIMEHEADER) || r->is_off)
			continue;
		if (r->is_negated)
			push(&s->negated, &s->negated_cnt, i);
		if (r->is_exists)
			push(&s->view[r->view].exists, &s->view[r->view].exists_cnt, i);
		if (r->hits_unset)
			push(&s->view[r->view].unset, &s->view[r->view].unset_cnt, i);
	}
}

static void
fill_policy_stats(struct snapshot *s)
{
	struct policy_stats p;

	policy_stats(s->policy, &p);
	s->stats.customer_cnt = p.customer_cnt;
	s->stats.domain_cnt = p.domain_cnt;
	s->stats.mailbox_cnt = p.mailbox_cnt;
	s->stats.policy_bytes = p.bytes;
	s->stats.changed_cnt = p.layer_cnt;
}

static void
fill_stats(struct snapshot *s, const struct snapshot_input *in, uint64_t start_us)
{
	fill_policy_stats(s);
	s->stats.rule_cnt = s->rules.rule_cnt;
	s->stats.phrase_cnt = s->rules.lane[LANE_FOLDED].cnt;
	for (size_t i = 0; i < in->customer_cnt; i++)
		s->stats.custom_rule_cnt += in->customers[i].rule_cnt;
	s->stats.build_us = clock_mono_us() - start_us;
}

static void
begin_generation(struct snapshot *s, uint64_t generation, struct snapshot_errors *e)
{
	s->slot = UINT32_MAX;
	s->generation = generation;
	if (!take_slot(s))
		error_add(e, (struct error_at){ "snapshot", 0, 0 },
		          "%d generations are still in use", GENERATIONS_LIVE_MAX);
}

/* Above this the tables are built anew: a look-up asks the layer first, and what it hides is not freed. */
static bool
is_small_change(const struct snapshot_change *in)
{
	return in->customer_cnt + in->removed_cnt <= in->prev->stats.customer_cnt / 8 + 1000;
}

struct snapshot *
snapshot_change(const struct snapshot_change *in, struct snapshot_errors *e)
{
	uint64_t start_us = clock_mono_us();
	size_t before = e->error_cnt;
	struct policy *policy;
	struct snapshot *s;

	policy = is_small_change(in) ? snapshot_policy_change(in, e) : NULL;
	if (!policy)
		return NULL;
	s = malloc(sizeof(*s));
	BUG_ON(!s);
	*s = *in->prev;
	++*s->share_cnt;
	s->policy = policy;
	begin_generation(s, in->generation, e);
	fill_policy_stats(s);
	s->stats.compile_us = 0;
	s->stats.build_us = clock_mono_us() - start_us;
	if (e->error_cnt == before)
		return s;
	snapshot_free(s);
	return NULL;
}

struct snapshot *
snapshot_build(const struct snapshot_input *in, struct snapshot_errors *e)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	uint64_t start_us = clock_mono_us();
	size_t before = e->error_cnt;

	BUG_ON(!s);
	s->share_cnt = calloc(1, sizeof(*s->share_cnt));
	BUG_ON(!s->share_cnt);
	*s->share_cnt = 1;
	begin_generation(s, in->generation, e);
	parse_all(s, in, e);
	make_lists(s, in->prev, e);
	open_geo(s, in, e);
	open_model(s, in, e);
	s->policy = snapshot_policy_build(s, in, e);
	snapshot_compile_lanes(s, in, e);
	index_rules(s);
	snapshot_index_metas(s);
	fill_stats(s, in, start_us);
	if (e->error_cnt == before && !in->no_probes)
		snapshot_prove(s, e);
	if (e->error_cnt == before)
		return s;
	snapshot_free(s);
	return NULL;
}

static void
free_shared(struct snapshot *s)
{
	for (size_t i = 0; i < LANES; i++) {
		match_db_put(s->lane[i].db);
		match_set_put(s->lane[i].set);
		free(s->lane[i].ref);
	}
	for (size_t k = 0; k < SNAPSHOT_LIST_KINDS; k++) {
		for (size_t i = 0; i < s->list_cnt[k]; i++)
			list_set_put(s->list[k][i].set);
		free(s->list[k]);
	}
	if (s->geo && --s->geo->ref_cnt == 0) {
		geo_close(s->geo->geo);
		free(s->geo);
	}
	model_put(s->model);
	free(s->negated);
	for (size_t i = 0; s->view && i < s->rules.view_cnt; i++) {
		free(s->view[i].exists);
		free(s->view[i].unset);
	}
	free(s->view);
	free(s->users_of);
	free(s->users);
	free(s->always_meta);
	custom_build_free(s->custom);
	free(s->share_cnt);
	ruleset_fini(&s->rules);
}

void
snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	if (s->slot < GENERATIONS_LIVE_MAX)
		slots_taken &= ~(1u << s->slot);
	policy_put(s->policy);
	if (--*s->share_cnt == 0)
		free_shared(s);
	free(s);
}

uint64_t
snapshot_generation(const struct snapshot *s)
{
	return s->generation;
}

void
snapshot_stats(const struct snapshot *s, struct snapshot_stats *out)
{
	*out = s->stats;
}

size_t
snapshot_feeds(const struct snapshot *s, struct snapshot_feed_row *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s->rules.list_cnt && n < cap; i++) {
		const struct rule_list *l = &s->rules.lists[i];

		if (l->is_feed)
			out[n++] = (struct snapshot_feed_row){ s->rules.rules[l->rule].name,
				                               l->entry_cnt, l->skipped_cnt,
				                               l->written_s };
	}
	return n;
}

const struct policy_route *
snapshot_route(const struct snapshot *s, struct span domain)
{
	struct policy_rcpt r;

	return policy_find(s->policy, span("", 0), domain, &r) ? r.customer->route : NULL;
}

/* Lists with a score add to it and decide nothing by themselves. */
static bool
decides(const struct snapshot *s, uint32_t rule, bool allow)
{
	const struct rule *r = &s->rules.rules[rule];

	return r->is_allow == allow && r->filter != FILTER_SCORE;
}

bool
snapshot_find_ip(const struct snapshot *s, bool allow, const struct addr *a, struct list_hit *h)
{
	for (size_t i = 0; i < s->list_cnt[SNAPSHOT_LIST_IP]; i++) {
		const struct list_ref *l = &s->list[SNAPSHOT_LIST_IP][i];

		if (decides(s, l->rule, allow) && ip_set_find(l->set->ips, a, &h->line)) {
			h->rule = l->rule;
			return true;
		}
	}
	return false;
}

bool
snapshot_find_sender(const struct snapshot *s, bool allow, struct span sender, struct list_hit *h)
{
	for (size_t i = 0; i < s->list_cnt[SNAPSHOT_LIST_SENDER]; i++) {
		const struct list_ref *l = &s->list[SNAPSHOT_LIST_SENDER][i];

		if (decides(s, l->rule, allow) && sender_set_find(l->set->keys, sender, &h->line)) {
			h->rule = l->rule;
			return true;
		}
	}
	return false;
}
