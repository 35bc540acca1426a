/* SPDX-License-Identifier: BSD-3-Clause
 * feeds.c - feeds' files as lists for the snapshot, by one table of kinds
 */
#include "ctrl/build.h"
#include "ctrl/feeds_zone.h"
#include "ctrl/files.h"
#include <sys/stat.h>

/* Turns the file's text into lines of a list, in the build's arena: l->text, l->may_be_empty; false with an error. */
typedef bool (*feed_fn)(struct build *b, const struct settings_feed *f, struct span in,
                        struct snapshot_list *l);

static bool
plain(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l)
{
	(void)f;
	l->text = span(arena_strdup(&b->arena, in), in.len);
	return true;
}

/* The prefix of one line of DROP at its own column, "" for metadata, "?" where the line is broken: the engine skips that, counts it
 * and names line and column. Writes at most len bytes and a NUL. */
static size_t
drop_line(const char *line, size_t len, char *out)
{
	json_error_t e;
	json_t *j = json_loadb(line, len, 0, &e);
	const char *cidr = json_string_value(json_object_get(j, "cidr"));
	const char *type = json_string_value(json_object_get(j, "type"));
	const char *at = cidr ? memmem(line, len, cidr, strlen(cidr)) : NULL;
	size_t n = 0;

	if (at && *cidr)
		n = (size_t)sprintf(out, "%*s%s", (int)(at - line), "", cidr);
	else if (!type || strcmp(type, "metadata"))
		n = (size_t)sprintf(out, "%*s?", j ? 0 : MIN(MAX(e.column, 1), (int)len) - 1, "");
	json_decref(j);
	return n;
}

/* Spamhaus DROP: a JSON object a line; {"cidr": "192.0.2.0/24", …}, the last one is {"type": "metadata", …}. */
static bool
drop_json(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l)
{
	char *text = arena_alloc(&b->arena, in.len + 1);
	size_t n = 0;

	(void)f;
	while (in.len > 0) {
		const char *nl = memchr(in.p, '\n', in.len);
		size_t len = nl ? (size_t)(nl - in.p) : in.len;

		if (len > 1) /* not the blank line, nor its CR */
			n += drop_line(in.p, len, text + n);
		if (nl)
			text[n++] = '\n'; /* lines keep their numbers */
		in = span_skip(in, len + (nl != NULL));
	}
	l->text = span(text, n);
	return true;
}

static bool
zone(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l,
     enum zone_kind kind)
{
	char *text = arena_alloc(&b->arena, zone_room(in));
	struct zone_codes codes;

	if (!zone_codes_parse(span_z(f->codes), span_z(f->bits), &codes))
		return false;
	l->text = span(text, zone_read(kind, &codes, in, text, &l->may_be_empty));
	return true;
}

static bool
zone_ip4(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l)
{
	return zone(b, f, in, l, ZONE_IP4);
}

static bool
zone_ip6(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l)
{
	return zone(b, f, in, l, ZONE_IP6);
}

static bool
zone_dns(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l)
{
	return zone(b, f, in, l, ZONE_DNS);
}

static bool
rspamd_map(struct build *b, const struct settings_feed *f, struct span in, struct snapshot_list *l)
{
	char *text = arena_alloc(&b->arena, zone_room(in));

	(void)f;
	l->text = span(text, map_read(in, text));
	return true;
}

static const struct feed_kind {
	const char *name;
	enum snapshot_list_kind kind;
	feed_fn read;
} kinds[] = {
	{ "ip-list", SNAPSHOT_LIST_IP, plain },
	{ "domain-list", SNAPSHOT_LIST_DOMAIN, plain },
	{ "url-list", SNAPSHOT_LIST_URL, plain },
	{ "phrase-list", SNAPSHOT_LIST_PHRASE, plain },
	{ "phone-list", SNAPSHOT_LIST_PHONE, plain },
	{ "sender-list", SNAPSHOT_LIST_SENDER, plain },
	{ "drop-json", SNAPSHOT_LIST_IP, drop_json },
	{ "rbldnsd-ip4set", SNAPSHOT_LIST_IP, zone_ip4 },
	{ "rbldnsd-ip4trie", SNAPSHOT_LIST_IP, zone_ip4 },
	{ "rbldnsd-ip6trie", SNAPSHOT_LIST_IP, zone_ip6 },
	{ "rbldnsd-dnset", SNAPSHOT_LIST_DOMAIN, zone_dns },
	{ "rspamd-map", SNAPSHOT_LIST_DOMAIN, rspamd_map },
};

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), e = strlen(end);

	return n >= e && !strcmp(s + n - e, end);
}

/* The source as text of *l, with the time it was written; NULL, or why it cannot be used. */
static const char *
read_source(struct build *b, const struct settings_feed *f, feed_fn read, struct snapshot_list *l)
{
	struct stat st;
	char *text;
	size_t len;
	int ret;
	bool is_ok;

	if (stat(f->source, &st) < 0)
		return strerror(errno);
	ret = file_read(f->source, FEED_BYTES_MAX, &text, &len);
	if (ret < 0)
		return strerror(-ret);
	is_ok = read(b, f, span(text, len), l) && l->text.len > 0;
	free(text);
	l->written_s = st.st_mtim.tv_sec;
	return is_ok ? NULL : "nothing in it"; /* a file cut to nothing must not empty the list */
}

static void
read_feed(struct build *b, const struct settings_feed *f)
{
	struct snapshot_list l = { .name = span_z(f->name),
		                   .text_where = f->source,
		                   .is_feed = true };
	bool is_block = !*f->target || ends_with(f->target, "-block");

	l.is_allow = ends_with(f->target, "-allow");
	if (!is_block && !l.is_allow) {
		settings_error(b->errors,
		               "feed %s: error: target \"%s\" ends in neither -block nor -allow\n",
		               f->name, f->target);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *why;

		if (strcmp(kinds[i].name, f->kind))
			continue;
		l.kind = kinds[i].kind;
		why = read_source(b, f, kinds[i].read, &l);
		if (!why || build_last_good(b, &l, why))
			b->lists[b->list_cnt++] = l;
		else
			settings_error(
			        b->errors,
			        "%s: error: feed %s: %s, and there is no good copy of before\n",
			        f->source, f->name, why);
	}
}

void
feeds_read(struct build *b)
{
	b->lists = arena_alloc(&b->arena, (b->settings->feed_cnt + 1) * sizeof(*b->lists));
	for (size_t i = 0; i < b->settings->feed_cnt; i++)
		read_feed(b, &b->settings->feeds[i]);
}
