/* SPDX-License-Identifier: BSD-3-Clause
 * settings.c - from a YAML document to struct settings, by the table
 */
#include "ctrl/settings.h"
#include "ctrl/settings_table.h"
#include "ctrl/settings_yaml.h"
#include <stdarg.h>
#include <unistd.h>

void
settings_error(struct settings_errors *e, const char *fmt, ...)
{
	char **grown = realloc(e->item, (e->cnt + 1) * sizeof(*grown));
	va_list ap;

	BUG_ON(!grown);
	e->item = grown;
	va_start(ap, fmt);
	BUG_ON(vasprintf(&e->item[e->cnt], fmt, ap) < 0);
	va_end(ap);
	e->cnt++;
}

void
settings_errors_fini(struct settings_errors *e)
{
	for (size_t i = 0; i < e->cnt; i++)
		free(e->item[i]);
	free(e->item);
	memset(e, 0, sizeof(*e));
}

/* Line number `line` (from 0) of the text, without its end. */
static struct span
line_of(struct span text, size_t line)
{
	const char *end;

	for (; line > 0; line--) {
		const char *nl = memchr(text.p, '\n', text.len);

		if (!nl)
			return span("", 0);
		text = span_skip(text, (size_t)(nl + 1 - text.p));
	}
	end = memchr(text.p, '\n', text.len);
	return span(text.p, MIN(end ? (size_t)(end - text.p) : text.len, (size_t)200));
}

static void
error_at(struct settings_reader *r, size_t line, size_t column, const char *text)
{
	struct span l = line_of(r->text, line);

	settings_error(r->errors, "%s:%zu:%zu: error: %s\n  %.*s\n  %*s^\n", r->path, line + 1,
	               column + 1, text, (int)l.len, l.p, (int)MIN(column, (size_t)200), "");
}

void
reader_error(struct settings_reader *r, const yaml_node_t *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_at(r, at->start_mark.line, at->start_mark.column, text);
}

struct span
reader_scalar(const yaml_node_t *n)
{
	return span(n->data.scalar.value, n->data.scalar.length);
}

yaml_node_t *
reader_node(struct settings_reader *r, int index)
{
	return yaml_document_get_node(r->doc, index);
}

static bool
read_enum(struct settings_reader *r, const yaml_node_t *n, const struct setting *s, unsigned *out)
{
	struct span word = reader_scalar(n);
	const char *p = s->dflt;

	for (unsigned i = 0;; i++) {
		const char *bar = strchr(p, '|');
		size_t len = bar ? (size_t)(bar - p) : strlen(p);

		if (span_eq(word, span(p, len))) {
			*out = i;
			return true;
		}
		if (!bar)
			break;
		p = bar + 1;
	}
	/* YAML's own words for on and off are taken where on and off are the words. */
	if (!strcmp(s->dflt, "on|off") && (span_is(word, "true") || span_is(word, "false"))) {
		*out = span_is(word, "false");
		return true;
	}
	reader_error(r, n, "%s: \"%.*s\" is none of %s", s->key, (int)word.len, word.p, s->dflt);
	return false;
}

static bool
read_bool(struct settings_reader *r, const yaml_node_t *n, const char *key, bool *out)
{
	struct span w = reader_scalar(n);

	if (span_ieq_z(w, "on") || span_ieq_z(w, "true") || span_ieq_z(w, "yes"))
		*out = true;
	else if (span_ieq_z(w, "off") || span_ieq_z(w, "false") || span_ieq_z(w, "no"))
		*out = false;
	else {
		reader_error(r, n, "%s: \"%.*s\" is neither on nor off", key, (int)w.len, w.p);
		return false;
	}
	return true;
}

static bool
read_prefixes(struct settings_reader *r, yaml_node_t *n, const char *key,
              struct settings_prefixes *out)
{
	struct settings_texts t;
	struct settings_prefixes p = { 0 };

	if (!reader_texts(r, n, key, &t))
		return false;
	p.item = arena_alloc(&r->out->arena, (t.cnt + 1) * sizeof(*p.item));
	for (size_t i = 0; i < t.cnt; i++)
		if (!addr_parse_prefix(span_z(t.item[i]), false, &p.item[p.cnt++])) {
			reader_error(r, n,
			             "%s: \"%s\" is no address or prefix (host bits must be zero)",
			             key, t.item[i]);
			return false;
		}
	*out = p;
	return true;
}

static enum settings_number
number_kind(enum setting_type type)
{
	return type == SET_COUNT  ? SETTINGS_COUNT
	       : type == SET_SIZE ? SETTINGS_SIZE
	                          : SETTINGS_DURATION;
}

static void
read_value(struct settings_reader *r, const struct setting *s, yaml_node_t *n)
{
	char *field = (char *)r->out + s->at;
	bool list = s->type == SET_TEXTS || s->type == SET_PREFIXES;

	if (s->type == SET_LIST) {
		settings_lists_read(r, s->key, n);
		return;
	}
	if (s->type == SET_REFUSED) {
		reader_error(r, n, "%s: %s; remove the key", s->key, s->text);
		return;
	}
	if (!list && n->type != YAML_SCALAR_NODE) {
		reader_error(r, n, "%s: wants one value", s->key);
		return;
	}
	switch (s->type) {
	case SET_TEXT:
		reader_text(r, n, s->key, (const char **)(void *)field);
		break;
	case SET_BOOL:
		read_bool(r, n, s->key, (bool *)field);
		break;
	case SET_COUNT:
	case SET_SIZE:
	case SET_DURATION:
		reader_number(r, n, s->key, number_kind(s->type), s->lo, s->hi,
		              (uint64_t *)(void *)field);
		break;
	case SET_ENUM:
		read_enum(r, n, s, (unsigned *)(void *)field);
		break;
	case SET_TEXTS:
		reader_texts(r, n, s->key, (struct settings_texts *)(void *)field);
		break;
	case SET_PREFIXES:
		read_prefixes(r, n, s->key, (struct settings_prefixes *)(void *)field);
		break;
	case SET_LIST:
	case SET_REFUSED:
		break;
	}
}

static bool
is_section(struct span name)
{
	for (size_t i = 0; i < settings_table_cnt; i++) {
		const char *key = settings_table[i].key, *dot = strchr(key, '.');

		if (dot && span_eq(name, span(key, (size_t)(dot - key))))
			return true;
	}
	return false;
}

static void
unknown_key(struct settings_reader *r, const yaml_node_t *k, struct span key)
{
	const char *near = settings_suggestion(key);

	if (near)
		reader_error(r, k, "unknown key \"%.*s\"; did you mean \"%s\"?", (int)key.len,
		             key.p, near);
	else
		reader_error(r, k, "unknown key \"%.*s\"", (int)key.len, key.p);
}

/* One key with its section's name in front. Twice the same key is a mistake that YAML itself does not tell. */
static void
read_key(struct settings_reader *r, struct span section, yaml_node_t *k, yaml_node_t *v, bool *seen)
{
	char name[2 * KEY_BYTES_MAX + 2];
	const struct setting *s;
	struct span key;

	if (!reader_key(r, k, &key))
		return;
	snprintf(name, sizeof(name), "%.*s%s%.*s", (int)section.len, section.p,
	         section.len ? "." : "", (int)key.len, key.p);
	s = settings_find(span_z(name));
	if (!s) {
		unknown_key(r, k, span_z(name));
		return;
	}
	if (seen[s - settings_table]) {
		reader_error(r, k, "%s: given twice", name);
		return;
	}
	seen[s - settings_table] = true;
	read_value(r, s, v);
}

static void
read_section(struct settings_reader *r, yaml_node_t *k, yaml_node_t *v, bool *seen)
{
	struct span name = reader_scalar(k);

	if (v->type != YAML_MAPPING_NODE) {
		if (v->type != YAML_SCALAR_NODE || reader_scalar(v).len > 0)
			reader_error(r, v, "%.*s: wants keys below it", (int)name.len, name.p);
		return;
	}
	for (yaml_node_pair_t *p = v->data.mapping.pairs.start; p < v->data.mapping.pairs.top; p++)
		read_key(r, name, reader_node(r, p->key), reader_node(r, p->value), seen);
}

static void
read_top(struct settings_reader *r, yaml_node_t *root)
{
	bool seen[256] = { false };

	BUG_ON(settings_table_cnt > ARRAY_LEN(seen));

	if (root->type != YAML_MAPPING_NODE) {
		reader_error(r, root, "wants a map of sections");
		return;
	}
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = reader_node(r, p->key), *v = reader_node(r, p->value);
		struct span name;

		if (!reader_key(r, k, &name))
			continue;
		if (is_section(name))
			read_section(r, k, v, seen);
		else
			read_key(r, span("", 0), k, v, seen);
	}
}

static void
set_defaults(struct settings *s)
{
	for (size_t i = 0; i < settings_table_cnt; i++) {
		const struct setting *t = &settings_table[i];
		char *field = (char *)s + t->at;
		struct span dflt = span_z(t->dflt);

		if (t->type == SET_TEXT)
			*(const char **)(void *)field = t->dflt;
		else if (t->type == SET_BOOL)
			*(bool *)field = !strcmp(t->dflt, "on");
		else if (t->type == SET_COUNT || t->type == SET_SIZE || t->type == SET_DURATION)
			BUG_ON(!settings_number_parse(number_kind(t->type), dflt,
			                              (uint64_t *)(void *)field));
	}
	s->listen[0].port = 25;
	s->listen_cnt = 1;
}

/* What no single key can tell. */
static bool
is_mailbox(const char *text)
{
	const char *at = strrchr(text, '@');

	return at && at > text && at[1] && at - text <= SMTP_LOCAL_MAX &&
	       strlen(at + 1) <= SMTP_DOMAIN_MAX;
}

/* As it may stand behind EHLO: a name, or an address literal (RFC 5321 4.1.1.1). */
static bool
is_host(struct span name)
{
	struct addr a;

	if (name.len > 2 && name.p[0] == '[' && name.p[name.len - 1] == ']')
		return name.len > 6 && span_ieq_z(span(name.p + 1, 5), "IPv6:")
		               ? addr_parse(span(name.p + 6, name.len - 7), &a)
		               : addr_parse(span(name.p + 1, name.len - 2), &a);
	if (name.len == 0 || name.len > SMTP_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", ascii_lower(name.p[i])))
			return false;
	return true;
}

static void
check_together(struct settings_reader *r)
{
	struct settings *s = r->out;

	if (!is_host(span_z(settings_hostname(s))))
		settings_error(
		        r->errors,
		        "%s: error: %s: \"%s\" is no host name that a banner and EHLO may "
		        "hold (1 to %d letters, digits, dots, dashes; or an address literal)\n",
		        r->path, *s->smtp_hostname ? "smtp.hostname" : "node.name",
		        settings_hostname(s), SMTP_DOMAIN_MAX);

	if (s->smtp_scan_bytes > s->smtp_hold_bytes)
		settings_error(
		        r->errors,
		        "%s: error: smtp.scan_bytes (%llu) is larger than smtp.hold_bytes (%llu): "
		        "a verdict needs the window that it scans\n",
		        r->path, (unsigned long long)s->smtp_scan_bytes,
		        (unsigned long long)s->smtp_hold_bytes);
	if (s->store_driver == STORE_POSTGRES)
		settings_error(r->errors,
		               "%s: error: store.driver: postgres is not there yet; use sqlite\n",
		               r->path);
	if (s->upstream_retry_min > s->upstream_retry_max)
		settings_error(r->errors,
		               "%s: error: upstream.retry_min is larger than upstream.retry_max\n",
		               r->path);
	if (*s->smtp_postmaster && !is_mailbox(s->smtp_postmaster))
		settings_error(r->errors,
		               "%s: error: smtp.postmaster: \"%s\" is no address like "
		               "postmaster@example.net\n",
		               r->path, s->smtp_postmaster);
	if (s->smtp_trusted_proxies.cnt > SETTINGS_PROXIES_MAX)
		settings_error(r->errors, "%s: error: smtp.trusted_proxies: at most %d\n", r->path,
		               SETTINGS_PROXIES_MAX);
	if (s->port_cnt == 0)
		settings_error(r->errors,
		               "%s: error: ports: at least one device with an address is needed\n",
		               r->path);
}

static void
parse_document(struct settings_reader *r)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	yaml_node_t *root;

	BUG_ON(!yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)r->text.p, r->text.len);
	if (!yaml_parser_load(&parser, &doc)) {
		error_at(r, parser.problem_mark.line, parser.problem_mark.column,
		         parser.problem ? parser.problem : "cannot be read as YAML");
		yaml_parser_delete(&parser);
		return;
	}
	r->doc = &doc;
	root = yaml_document_get_root_node(&doc);
	if (root)
		read_top(r, root);
	r->doc = NULL;
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
}

int
settings_parse(const char *path, struct span text, struct settings *out,
               struct settings_errors *errors)
{
	struct settings s = { 0 };
	struct settings_reader r = { path, text, NULL, &s, errors };
	size_t before = errors->cnt;

	set_defaults(&s);
	parse_document(&r);
	if (errors->cnt == before)
		check_together(&r);
	if (errors->cnt > before) {
		arena_fini(&s.arena);
		return -EINVAL;
	}
	s.path = arena_strdup(&s.arena, span_z(path));
	*out = s;
	return 0;
}

int
settings_load(const char *path, struct settings *out, struct settings_errors *errors)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;
	int ret;

	if (!f) {
		ret = -errno;
		settings_error(errors, "%s: error: %s\n", path, strerror(errno));
		return ret;
	}
	text = malloc(1 << 20);
	BUG_ON(!text);
	n = fread(text, 1, 1 << 20, f);
	if (ferror(f) || n == 1 << 20) {
		ret = ferror(f) ? -EIO : -EFBIG;
		settings_error(errors, "%s: error: %s\n", path, strerror(-ret));
	} else {
		ret = settings_parse(path, span(text, n), out, errors);
	}
	free(text);
	fclose(f);
	return ret;
}

void
settings_fini(struct settings *s)
{
	arena_fini(&s->arena);
	memset(s, 0, sizeof(*s));
}

const char *
settings_hostname(const struct settings *s)
{
	return *s->smtp_hostname ? s->smtp_hostname : s->node_name;
}

void
settings_store_path(const struct settings *s, char out[4096])
{
	if (*s->store_path == '/')
		snprintf(out, 4096, "%s", s->store_path);
	else
		snprintf(out, 4096, "%s/%s", s->node_state_dir, s->store_path);
}
