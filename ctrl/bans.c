/* SPDX-License-Identifier: BSD-3-Clause
 * bans.c - list and file of banned prefixes
 */
#include "ctrl/bans.h"
#include "ctrl/files.h"
#include <jansson.h>

#define V4_BITS_MIN (96 + 8)
#define V6_BITS_MIN 16

static struct ban *
find(struct ban_list *l, const struct addr_prefix *p)
{
	for (size_t i = 0; i < l->cnt; i++)
		if (l->item[i].prefix.bits == p->bits && addr_eq(&l->item[i].prefix.addr, &p->addr))
			return &l->item[i];
	return NULL;
}

int
ban_list_add(struct ban_list *l, const struct ban *b)
{
	struct ban *old = find(l, &b->prefix);

	if (b->prefix.bits < (addr_is_v4(&b->prefix.addr) ? V4_BITS_MIN : V6_BITS_MIN))
		return -EINVAL;
	if (old) {
		*old = *b;
		return 0;
	}
	if (l->cnt == BANS_MAX)
		return -E2BIG; /* not -ENOSPC: that is a disk, and the ban holds */
	if (l->cnt == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->item = realloc(l->item, l->cap * sizeof(*l->item));
		BUG_ON(!l->item);
	}
	l->item[l->cnt++] = *b;
	return 0;
}

int
ban_list_del(struct ban_list *l, const struct addr_prefix *p)
{
	struct ban *b = find(l, p);

	if (!b)
		return -ENOENT;
	*b = l->item[--l->cnt];
	return 0;
}

size_t
ban_list_expire(struct ban_list *l, uint64_t wall_us)
{
	size_t kept = 0, before = l->cnt;

	for (size_t i = 0; i < l->cnt; i++)
		if (l->item[i].until_us == 0 || l->item[i].until_us > wall_us)
			l->item[kept++] = l->item[i];
	l->cnt = kept;
	return before - kept;
}

void
ban_list_fini(struct ban_list *l)
{
	free(l->item);
	memset(l, 0, sizeof(*l));
}

void
ban_format(const struct addr_prefix *p, char *out)
{
	size_t n = addr_format(&p->addr, out);

	sprintf(out + n, "/%u", addr_is_v4(&p->addr) ? p->bits - 96u : p->bits);
}

/* A text that ends inside a character is no UTF-8: the whole ban would be lost to JSON. */
void
ban_set_why(struct ban *b, const char *text)
{
	size_t n = strlen(text);

	if (n > BAN_WHY_MAX) {
		n = BAN_WHY_MAX;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(b->why, text, n);
	b->why[n] = 0;
}

int
ban_list_load(struct ban_list *l, const char *path, char *err, size_t err_cap)
{
	json_error_t e;
	json_t *root, *v;
	size_t i;

	if (access(path, F_OK) < 0)
		return 0;
	root = json_load_file(path, 0, &e);
	if (!root) {
		snprintf(err, err_cap, "%s:%d:%d: %s", path, e.line, e.column, e.text);
		return -EINVAL;
	}
	json_array_foreach(json_object_get(root, "bans"), i, v)
	{
		const char *text = json_string_value(json_object_get(v, "prefix"));
		const char *why = json_string_value(json_object_get(v, "why"));
		struct ban b = { .until_us = (uint64_t)json_integer_value(
			                 json_object_get(v, "until_us")) };

		ban_set_why(&b, why ? why : "");
		if (text && addr_parse_prefix(span_z(text), false, &b.prefix))
			ban_list_add(l, &b);
	}
	json_decref(root);
	return 0;
}

int
ban_list_save(const struct ban_list *l, const char *path)
{
	json_t *root = json_object(), *all = json_array();
	char *text;
	int ret;

	for (size_t i = 0; i < l->cnt; i++) {
		char prefix[ADDR_TEXT_MAX + 4];

		ban_format(&l->item[i].prefix, prefix);
		json_array_append_new(all, json_pack("{s:s,s:I,s:s}", "prefix", prefix, "until_us",
		                                     (json_int_t)l->item[i].until_us, "why",
		                                     l->item[i].why));
	}
	json_object_set_new(root, "bans", all);
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	BUG_ON(!text);
	ret = file_replace(path, span_z(text));
	free(text);
	return ret;
}
