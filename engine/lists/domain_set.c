/* SPDX-License-Identifier: BSD-3-Clause
 * domain_set.c - walks over suffixes and prefixes; each step one probe
 */
#include "engine/lists/domain_set.h"

/* Where to begin so that at most DOMAIN_LABELS_MAX suffixes are left. */
static size_t
first_suffix(struct span host)
{
	size_t labels = 1;

	for (size_t i = host.len; i > 0; i--)
		if (host.p[i - 1] == '.' && ++labels > DOMAIN_LABELS_MAX)
			return i;
	return 0;
}

static bool
taken(const struct key_set *s, struct span key, uint32_t *value, bool *is_hit)
{
	uint32_t v;

	if (!key_set_find(s, key, &v))
		return false;
	*is_hit = !(v & LIST_EXCEPT);
	if (*is_hit)
		*value = v;
	return true;
}

bool
domain_set_find(const struct key_set *s, struct span host, uint32_t *value)
{
	size_t at = first_suffix(host);
	bool is_hit;

	if (key_set_cnt(s) == 0 || host.len == 0)
		return false;
	if (at > 0 && taken(s, host, value, &is_hit))
		return is_hit;
	for (;;) {
		const char *dot;

		if (taken(s, span_skip(host, at), value, &is_hit))
			return is_hit;
		dot = memchr(host.p + at, '.', host.len - at);
		if (!dot || (size_t)(dot - host.p) + 1 >= host.len)
			return false;
		at = (size_t)(dot - host.p) + 1;
	}
}

bool
url_prefix_find(const struct key_set *s, struct span rest, uint32_t *value)
{
	size_t end[URL_PREFIXES_MAX], n = 0;
	bool is_hit;

	if (key_set_cnt(s) == 0)
		return false;
	for (size_t i = 0; i < rest.len && n < URL_PREFIXES_MAX; i++)
		if (rest.p[i] == '/' || rest.p[i] == '?' || rest.p[i] == '&')
			end[n++] = i;
	if (rest.len <= KEY_SET_KEY_MAX && taken(s, rest, value, &is_hit))
		return is_hit;
	while (n > 0)
		if (taken(s, span(rest.p, end[--n]), value, &is_hit))
			return is_hit;
	return false;
}

bool
sender_set_find(const struct key_set *s, struct span address, uint32_t *value)
{
	const char *at = memrchr(address.p, '@', address.len);
	char key[1 + 255];
	struct span domain;
	bool is_hit;

	if (key_set_cnt(s) == 0 || !at)
		return false;
	if (taken(s, address, value, &is_hit))
		return is_hit;
	domain = span_skip(address, (size_t)(at - address.p) + 1);
	if (domain.len > 255)
		return false;
	for (size_t i = first_suffix(domain);;) {
		const char *dot;

		key[0] = '@';
		memcpy(key + 1, domain.p + i, domain.len - i);
		if (taken(s, span(key, 1 + domain.len - i), value, &is_hit))
			return is_hit;
		dot = memchr(domain.p + i, '.', domain.len - i);
		if (!dot)
			return false;
		i = (size_t)(dot - domain.p) + 1;
	}
}
