/* SPDX-License-Identifier: BSD-3-Clause
 * settings_values.c - one value: numbers with units, texts, addresses, the nearest word
 */
#include "ctrl/settings_yaml.h"

struct unit {
	const char *name; /* NULL ends a list */
	uint64_t factor;
};

static const struct unit count_units[] = { { "", 1 }, { NULL, 0 } };
static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", 1ull << 10 },
	{ "MiB", 1ull << 20 },
	{ "GiB", 1ull << 30 },
	{ "TiB", 1ull << 40 },
	{ NULL, 0 },
};
static const struct unit duration_units[] = {
	{ "us", 1 },       { "ms", 1000 },         { "s", 1000000 },
	{ "m", 60000000 }, { "h", 3600000000ull }, { "d", 86400000000ull },
	{ NULL, 0 },
};

static const struct {
	const struct unit *units;
	const char *what;      /* what a bad text is not */
	uint64_t step;         /* bounds are shown in steps of this */
	const char *step_name; /* with a blank in front */
} kinds[] = {
	[SETTINGS_COUNT] = { count_units, "number without a unit", 1, "" },
	[SETTINGS_SIZE] = { size_units, "number (units: KiB, MiB, GiB)", 1, "" },
	[SETTINGS_DURATION] = { duration_units, "duration (500ms, 30s, 5m, 12h, 5d)", 1000, " ms" },
};

bool
settings_number_parse(enum settings_number kind, struct span text, uint64_t *out)
{
	uint64_t v = 0;
	size_t digits = 0;

	if (kind == SETTINGS_DURATION && (span_is(text, "0") || span_ieq_z(text, "off"))) {
		*out = 0; /* nothing needs no unit */
		return true;
	}
	for (; text.len > 0 && text.p[0] >= '0' && text.p[0] <= '9'; digits++) {
		uint64_t d = (uint64_t)(span_shift(&text) - '0');

		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	if (digits == 0)
		return false;
	for (const struct unit *u = kinds[kind].units; u->name; u++)
		if (span_is(text, u->name)) {
			if (__builtin_mul_overflow(v, u->factor, &v))
				return false;
			*out = v;
			return true;
		}
	return false;
}

bool
reader_key(struct settings_reader *r, const yaml_node_t *n, struct span *out)
{
	struct span s = n->type == YAML_SCALAR_NODE ? reader_scalar(n) : span("", 0);

	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
			s.len = 0; /* a NUL would hide what follows it */
	if (s.len == 0 || s.len > KEY_BYTES_MAX) {
		reader_error(r, n, "a key must be a word");
		return false;
	}
	*out = s;
	return true;
}

bool
reader_text(struct settings_reader *r, const yaml_node_t *n, const char *key, const char **out)
{
	struct span s;

	if (n->type != YAML_SCALAR_NODE) {
		reader_error(r, n, "%s: wants one value", key);
		return false;
	}
	s = reader_scalar(n);
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) {
			reader_error(r, n, "%s: control characters are not allowed", key);
			return false;
		}
	*out = arena_strdup(&r->out->arena, s);
	return true;
}

bool
reader_number(struct settings_reader *r, const yaml_node_t *n, const char *key,
              enum settings_number kind, uint64_t lo, uint64_t hi, uint64_t *out)
{
	struct span s = n->type == YAML_SCALAR_NODE ? reader_scalar(n) : span("", 0);
	uint64_t v, step = kinds[kind].step;
	const char *unit = kinds[kind].step_name;

	if (!settings_number_parse(kind, s, &v)) {
		reader_error(r, n, "%s: \"%.*s\" is no %s", key, (int)s.len, s.p, kinds[kind].what);
		return false;
	}
	if (v < lo || v > hi) {
		reader_error(r, n, "%s: %.*s is not between %llu%s and %llu%s", key, (int)s.len,
		             s.p, (unsigned long long)(lo / step), unit,
		             (unsigned long long)(hi / step), unit);
		return false;
	}
	*out = v;
	return true;
}

bool
reader_texts(struct settings_reader *r, yaml_node_t *n, const char *key, struct settings_texts *out)
{
	struct settings_texts t = { 0 };
	size_t cnt;

	if (n->type != YAML_SEQUENCE_NODE) {
		reader_error(r, n, "%s: wants a list", key);
		return false;
	}
	cnt = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	t.item = arena_alloc(&r->out->arena, (cnt + 1) * sizeof(*t.item));
	for (size_t i = 0; i < cnt; i++)
		if (!reader_text(r, reader_node(r, n->data.sequence.items.start[i]), key,
		                 &t.item[t.cnt++]))
			return false;
	*out = t;
	return true;
}

bool
reader_address(struct settings_reader *r, const yaml_node_t *n, const char *key, struct addr *out)
{
	struct span s = n->type == YAML_SCALAR_NODE ? reader_scalar(n) : span("", 0);

	if (addr_parse(s, out))
		return true;
	reader_error(r, n, "%s: \"%.*s\" is no IP address", key, (int)s.len, s.p);
	return false;
}

/* Levenshtein distance, both at most 63 bytes. */
static unsigned
distance(struct span a, struct span b)
{
	unsigned row[64];

	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned swap = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1), swap);
		}
	}
	return row[b.len];
}

const char *
settings_nearest(struct span word, const char *const *list)
{
	const char *best = NULL;
	unsigned least = 4; /* further away is no help */

	if (word.len > 63)
		return NULL;
	for (; *list; list++) {
		struct span w = span_z(*list);
		unsigned d;

		if (w.len > 63)
			continue;
		d = distance(word, w);
		if (d < least) {
			least = d;
			best = *list;
		}
	}
	return best;
}
