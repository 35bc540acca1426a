/* SPDX-License-Identifier: BSD-3-Clause
 * list_build.c - entries of lists to sets, each named by its content and shared between generations
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() without a context to allocate */
#include "engine/ruleset_internal.h"
#include "engine/snapshot_impl.h"
#include <openssl/sha.h>

#define FEED_LINES_NAMED 5 /* of those that are skipped; the others are counted */

struct builder {
	const struct ruleset *s;
	const struct rule_list *l;
	struct snapshot_errors *e;
	struct key_set_builder keys;
	struct ip_set_entry *ips;
	size_t ip_cnt, ip_room;
};

static void
list_key(const struct rule_list *l, uint8_t key[PART_KEY_BYTES])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, &l->kind, sizeof(l->kind));
	SHA256_Update(&c, &l->is_feed, sizeof(l->is_feed));
	SHA256_Update(&c, l->text.p, l->text.len);
	SHA256_Final(key, &c);
}

static size_t
lower_into(struct span s, char *out, size_t cap)
{
	if (s.len > cap)
		return 0;
	for (size_t i = 0; i < s.len; i++)
		out[i] = ascii_lower(s.p[i]);
	return s.len;
}

/* Each returns what is wrong, or NULL. value is the line, with LIST_EXCEPT. */

static void
add_prefix(struct builder *b, struct addr_prefix p, uint32_t value)
{
	b->ips = ruleset_grow(b->ips, b->ip_cnt + 1, &b->ip_room, sizeof(*b->ips));
	b->ips[b->ip_cnt++] = (struct ip_set_entry){ p, value & LIST_EXCEPT ? IP_SET_NONE : value };
}

/* "from-to": the fewest prefixes that make it up. */
static const char *
add_range(struct builder *b, struct span from, struct span to, uint32_t value)
{
	struct addr_prefix first, last;
	uint32_t at, end;

	if (!addr_parse_prefix(trim(from), false, &first) ||
	    !addr_parse_prefix(trim(to), false, &last) || first.bits != 128 || last.bits != 128 ||
	    !addr_is_v4(&first.addr) || !addr_is_v4(&last.addr))
		return "not a range of IPv4 addresses";
	at = addr_v4_of(&first.addr);
	end = addr_v4_of(&last.addr);
	if (at > end || (at == 0 && end == UINT32_MAX))
		return at > end ? "a range that ends before it begins" : "a range of everything";
	for (;;) {
		unsigned host = 0; /* bits of the next prefix that are free */

		while (host < 32 && !(at >> host & 1) && ((1ull << (host + 1)) - 1) <= end - at)
			host++;
		add_prefix(b, (struct addr_prefix){ addr_v4(at), (uint8_t)(128 - host) }, value);
		if (end - at == (uint32_t)((1ull << host) - 1))
			return NULL;
		at += 1u << host;
	}
}

static const char *
add_ip(struct builder *b, struct span t, uint32_t value)
{
	const char *dash = t.len ? memchr(t.p, '-', t.len) : NULL;
	struct addr_prefix p;

	if (dash)
		return add_range(b, span(t.p, (size_t)(dash - t.p)),
		                 span_skip(t, (size_t)(dash - t.p) + 1), value);
	if (!addr_parse_prefix(t, false, &p))
		return "not an address or a prefix without host bits";
	if (p.bits == 0 || (addr_is_v4(&p.addr) && p.bits <= 96))
		return "a prefix of everything";
	add_prefix(b, p, value);
	return NULL;
}

static const char *
add_domain(struct builder *b, struct span t, uint32_t value)
{
	char d[256];
	size_t n;

	if (t.len > 1 && (t.p[0] == '=' || t.p[0] == '>'))
		value |= span_shift(&t) == '=' ? LIST_ALONE : LIST_BELOW;
	else if (t.len > 2 && t.p[0] == '*' && t.p[1] == '.')
		t = span_skip(t, 2);
	else if (t.len > 1 && t.p[0] == '.')
		t = span_skip(t, 1);
	n = policy_domain_canonical(t, d);
	if (n == 0 || memchr(d, '/', n) || memchr(d, '@', n) || memchr(d, ' ', n))
		return "not a domain name";
	key_set_add(&b->keys, span(d, n), value);
	return NULL;
}

/* An entry given twice: of one for the name alone and one for those below it both hold, as far as one value can say so (an
 * exception of what the other does not list says nothing); else an exception wins, and then the first. */
static uint32_t
on_twice(void *ctx, struct span key, uint32_t first, uint32_t again)
{
	uint32_t half = LIST_ALONE | LIST_BELOW;

	(void)ctx;
	(void)key;
	if (((first ^ again) & half) == half && first & half && again & half) {
		if ((first ^ again) & LIST_EXCEPT)
			return first & LIST_EXCEPT ? again : first;
		return first & ~half;
	}
	return !(first & LIST_EXCEPT) && again & LIST_EXCEPT ? again : first;
}

static const char *
add_url(struct builder *b, struct span t, uint32_t value)
{
	char z[URL_MAX];
	const char *scheme = memmem(t.p, t.len, "://", 3);
	const char *slash;
	size_t n;

	if (scheme)
		t = span_skip(t, (size_t)(scheme - t.p) + 3);
	n = lower_into(t, z, sizeof(z));
	slash = n ? memchr(z, '/', n) : NULL;
	if (!slash || slash == z)
		return "not host/path";
	/* Only the host is case-blind. */
	memcpy(z + (slash - z), t.p + (slash - z), n - (size_t)(slash - z));
	while (n > 0 && z[n - 1] == '/' && slash != z + n - 1)
		n--;
	key_set_add(&b->keys, span(z, n), value);
	return NULL;
}

static const char *
add_sender(struct builder *b, struct span t, uint32_t value)
{
	char z[SMTP_PATH_MAX];
	size_t n = lower_into(t, z, sizeof(z));
	const char *at = n ? memrchr(z, '@', n) : NULL;

	if (!at || at == z + n - 1)
		return "neither an address nor @domain";
	key_set_add(&b->keys, span(z, n), value);
	return NULL;
}

static const char *
add_phone(struct builder *b, struct span t, uint32_t value)
{
	char z[16];
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] >= '0' && t.p[i] <= '9') {
			if (n == 15)
				return "more than 15 digits";
			z[n++] = t.p[i];
		} else if (!strchr("+ -.()/", t.p[i])) {
			return "not a phone number";
		}
	}
	if (n < 7)
		return "fewer than 7 digits";
	key_set_add(&b->keys, span(z, n), value);
	return NULL;
}

static const char *
add_word(struct builder *b, struct span t, uint32_t value)
{
	char z[32];
	size_t n;

	if (t.len > 1 && t.p[0] == '.')
		t = span_skip(t, 1);
	n = lower_into(t, z, sizeof(z));
	if (n == 0 || memchr(z, ' ', n))
		return "not a word of at most 32 bytes";
	key_set_add(&b->keys, span(z, n), value);
	return NULL;
}

static const char *
add_sha256(struct builder *b, struct span t, uint32_t value)
{
	char z[64];
	size_t n = lower_into(t, z, sizeof(z));

	if (n != 64)
		return "not 64 hexadecimal digits";
	for (size_t i = 0; i < n; i++)
		if (!strchr("0123456789abcdef", z[i]))
			return "not 64 hexadecimal digits";
	key_set_add(&b->keys, span(z, n), value);
	return NULL;
}

typedef const char *entry_fn(struct builder *b, struct span t, uint32_t value);

static entry_fn *const entry_fns[SNAPSHOT_LIST_KINDS] = {
	[SNAPSHOT_LIST_IP] = add_ip,       [SNAPSHOT_LIST_DOMAIN] = add_domain,
	[SNAPSHOT_LIST_URL] = add_url,     [SNAPSHOT_LIST_SENDER] = add_sender,
	[SNAPSHOT_LIST_PHONE] = add_phone, [SNAPSHOT_LIST_NAME] = add_word,
	[SNAPSHOT_LIST_TYPE] = add_word,   [SNAPSHOT_LIST_SHA256] = add_sha256,
};

/* An entry without comment; false for a line that has none. */
static bool
entry_of(struct span line, enum snapshot_list_kind kind, struct span *out)
{
	struct span t = trim(line);

	if (t.len == 0 || t.p[0] == '#' || t.p[0] == '%')
		return false;
	for (size_t i = 1; i < t.len && kind != SNAPSHOT_LIST_PHRASE; i++)
		if (t.p[i] == '#' && is_blank(t.p[i - 1])) {
			t.len = i;
			break;
		}
	*out = trim(t);
	return true;
}

static void
add_entries(struct builder *b)
{
	struct span rest = b->l->text, line, t;
	enum snapshot_list_kind kind = b->l->kind;
	uint32_t no = 0;

	while (next_line(&rest, &line)) {
		uint32_t value = ++no & LIST_LINE;
		const char *why;

		if (!entry_of(line, kind, &t))
			continue;
		if (t.p[0] == '!' && (kind == SNAPSHOT_LIST_IP || kind == SNAPSHOT_LIST_DOMAIN ||
		                      kind == SNAPSHOT_LIST_URL || kind == SNAPSHOT_LIST_SENDER)) {
			value |= LIST_EXCEPT;
			t = trim(span_skip(t, 1));
		}
		why = t.len > LINE_MAX_BYTES ? "line too long" : entry_fns[kind](b, t, value);
		if (why)
			error_add(b->e,
			          (struct error_at){ b->s->files[b->l->file], no,
			                             (uint32_t)(t.p - line.p) + 1 },
			          "%s", why);
	}
}

/* What a feed's lines had wrong: a count, and the first few as warnings. */
static void
report_feed(const struct ruleset *s, struct rule_list *l, const struct snapshot_errors *lines,
            struct snapshot_errors *e)
{
	const char *file = s->files[l->file];
	size_t before;

	l->skipped_cnt = lines->error_cnt;
	for (size_t i = 0; i < MIN(lines->cnt, (size_t)FEED_LINES_NAMED); i++)
		warning_add(e,
		            (struct error_at){ file, lines->item[i].line, lines->item[i].column },
		            "%s; the line is skipped", lines->item[i].text);
	if (l->skipped_cnt > FEED_LINES_NAMED)
		warning_add(e, (struct error_at){ file, 0, 0 }, "%zu lines are skipped in all",
		            l->skipped_cnt);
	if (l->entry_cnt > 0 || l->may_be_empty)
		return;
	before = e->cnt;
	error_add(e, (struct error_at){ file, 0, 0 }, "no line of this feed can be used");
	if (e->cnt > before)
		e->item[before].feed = l->feed;
}

static size_t
add_phrase_lines(struct ruleset *s, const struct rule_list *l, struct snapshot_errors *e)
{
	struct span rest = l->text, line, t;
	uint32_t no = 0;
	size_t cnt = 0;

	while (next_line(&rest, &line)) {
		struct error_at at = { s->files[l->file], ++no, 0 };

		if (!entry_of(line, l->kind, &t))
			continue;
		at.column = (uint32_t)(t.p - line.p) + 1;
		if (t.len > LINE_MAX_BYTES)
			error_add(e, at, "line too long");
		else
			cnt += ruleset_add_phrase(s, t, l->rule, l->file, at, e);
	}
	return cnt;
}

void
list_add_phrases(struct ruleset *s, struct rule_list *l, struct snapshot_errors *e)
{
	struct snapshot_errors lines = { 0 };

	l->entry_cnt = add_phrase_lines(s, l, l->is_feed ? &lines : e);
	if (l->is_feed)
		report_feed(s, l, &lines, e);
	snapshot_errors_fini(&lines);
}

static int
by_text(const void *x, const void *y)
{
	const struct span *a = x, *b = y;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->p, b->p, a->len);
}

static bool
is_of_list(const struct ruleset *s, const struct rule_pattern *p, bool allow)
{
	const struct rule *r = &s->rules[p->rule];

	return r->kind == RULE_LIST && r->is_allow == allow;
}

void
list_allow_phrases(struct ruleset *s)
{
	struct patterns *lane = &s->lane[LANE_FOLDED];
	struct span *allowed = calloc(lane->cnt + 1, sizeof(*allowed));
	size_t cnt = 0, n = 0;

	BUG_ON(!allowed);
	for (size_t i = 0; i < lane->cnt; i++)
		if (is_of_list(s, &lane->item[i], true))
			allowed[cnt++] = lane->item[i].text;
	if (cnt > 0)
		qsort(allowed, cnt, sizeof(*allowed), by_text);
	for (size_t i = 0; i < lane->cnt && cnt > 0; i++) {
		const struct rule_pattern *p = &lane->item[i];

		if (!is_of_list(s, p, true) &&
		    !(is_of_list(s, p, false) &&
		      bsearch(&p->text, allowed, cnt, sizeof(*allowed), by_text)))
			lane->item[n++] = *p;
	}
	if (cnt > 0)
		lane->cnt = n;
	free(allowed);
}

static struct list_set *
find_shared(const struct snapshot *prev, const struct rule_list *l, const uint8_t *key)
{
	for (size_t i = 0; prev && i < prev->list_cnt[l->kind]; i++) {
		struct list_set *x = prev->list[l->kind][i].set;

		if (!memcmp(x->key, key, PART_KEY_BYTES)) {
			x->ref_cnt++;
			return x;
		}
	}
	return NULL;
}

/* A set lives long: of a broken feed's thousand texts those stay that are said again at each build. */
static void
trim_errors(struct snapshot_errors *e)
{
	if (e->cnt <= FEED_LINES_NAMED)
		return;
	e->cnt = e->cap = FEED_LINES_NAMED;
	e->item = realloc(e->item, e->cap * sizeof(*e->item));
	BUG_ON(!e->item);
}

static struct list_set *
make_set(const struct ruleset *s, const struct rule_list *l, const uint8_t *key,
         struct snapshot_errors *e)
{
	struct list_set *x = calloc(1, sizeof(*x));
	struct builder b = { .s = s, .l = l, .e = e };

	BUG_ON(!x);
	x->ref_cnt = 1;
	x->kind = l->kind;
	memcpy(x->key, key, PART_KEY_BYTES);
	if (l->is_feed)
		b.e = &x->skipped;
	add_entries(&b);
	if (l->kind == SNAPSHOT_LIST_IP) {
		x->ips = ip_set_build(b.ips, b.ip_cnt);
		x->entry_cnt = b.ip_cnt;
		x->bytes = ip_set_bytes(x->ips);
	} else {
		b.keys.on_twice = on_twice;
		x->keys = key_set_build(&b.keys);
		x->entry_cnt = key_set_cnt(x->keys);
		x->bytes = key_set_bytes(x->keys);
	}
	free(b.ips);
	trim_errors(&x->skipped);
	return x;
}

struct list_set *
list_set_make(const struct ruleset *s, struct rule_list *l, const struct snapshot *prev,
              struct snapshot_errors *e, bool *shared)
{
	uint8_t key[PART_KEY_BYTES];
	struct list_set *x;

	list_key(l, key);
	x = find_shared(prev, l, key);
	*shared = x != NULL;
	if (!x)
		x = make_set(s, l, key, e);
	l->entry_cnt = x->entry_cnt;
	if (l->is_feed)
		report_feed(s, l, &x->skipped, e);
	return x;
}

void
list_set_put(struct list_set *l)
{
	if (!l || --l->ref_cnt > 0)
		return;
	key_set_free(l->keys);
	ip_set_free(l->ips);
	snapshot_errors_fini(&l->skipped);
	free(l);
}
