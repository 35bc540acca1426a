/* SPDX-License-Identifier: BSD-3-Clause
 * customers_json.c - values, lists and objects of the customers' format
 */
#include "ctrl/customers_json.h"
#include <stdarg.h>

void
json_fail(struct reader *r, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	settings_error(r->errors, "%s: %s\n", r->path, text);
}

size_t
json_enter(struct reader *r, const char *fmt, ...)
{
	size_t n = strlen(r->path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->path + n, sizeof(r->path) - n, fmt, ap);
	va_end(ap);
	return n;
}

void
json_leave(struct reader *r, size_t n)
{
	r->path[n] = 0;
}

void
json_read_object(struct reader *r, const json_t *v, const struct key *keys, size_t key_cnt,
                 void *into)
{
	const char *name;
	json_t *value;

	if (!json_is_object(v)) {
		json_fail(r, "wants an object");
		return;
	}
	json_object_foreach((json_t *)v, name, value)
	{
		size_t i = 0, n = json_enter(r, ".%.60s", name);

		while (i < key_cnt && strcmp(keys[i].name, name))
			i++;
		if (i == key_cnt)
			json_fail(r, "unknown key");
		else
			keys[i].read(r, value, (char *)into + keys[i].at);
		json_leave(r, n);
	}
}

/* Every element of an array into consecutive structs; returns how many, *out is in the arena. */
size_t
json_read_array(struct reader *r, const json_t *v, size_t bytes, read_fn read, void **out)
{
	size_t cnt = json_array_size(v);
	char *item;

	if (!json_is_array(v)) {
		json_fail(r, "wants a list");
		return 0;
	}
	item = arena_alloc(&r->out->arena, (cnt + 1) * bytes);
	for (size_t i = 0; i < cnt; i++) {
		size_t n = json_enter(r, "[%zu]", i);

		read(r, json_array_get(v, i), item + i * bytes);
		json_leave(r, n);
	}
	*out = item;
	return cnt;
}

void
json_read_text(struct reader *r, const json_t *v, void *into)
{
	struct span s;

	if (!json_is_string(v)) {
		json_fail(r, "wants a text");
		return;
	}
	s = span(json_string_value(v), json_string_length(v));
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) {
			json_fail(r, "control characters are not allowed");
			return;
		}
	*(struct span *)into = span(arena_strdup(&r->out->arena, s), s.len);
}

void
json_read_texts(struct reader *r, const json_t *v, void *into)
{
	struct snapshot_span_list *l = into;
	void *item = NULL;

	l->cnt = json_read_array(r, v, sizeof(struct span), json_read_text, &item);
	l->item = item;
}

bool
json_read_integer(struct reader *r, const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
	int64_t i = json_integer_value(v);

	if (!json_is_integer(v) || i < lo || i > hi) {
		json_fail(r, "wants a whole number from %lld to %lld", (long long)lo,
		          (long long)hi);
		return false;
	}
	*out = i;
	return true;
}

void
json_read_bool(struct reader *r, const json_t *v, void *into)
{
	if (json_is_boolean(v))
		*(bool *)into = json_is_true(v);
	else
		json_fail(r, "wants true or false");
}

/* Index of the word in a list ended by NULL, or -1 with an error. */
int
json_read_word(struct reader *r, const json_t *v, const char *const *words)
{
	char all[200] = "";

	for (int i = 0; words[i]; i++) {
		if (json_is_string(v) && !strcmp(json_string_value(v), words[i]))
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
		         words[i]);
	}
	json_fail(r, "wants one of: %s", all);
	return -1;
}
