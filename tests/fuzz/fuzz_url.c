/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_url.c - URLs and phone numbers of a text: how it was cut must not matter; a canonical form is its own canonical form
 */
#include "engine/url/phone.h"
#include "engine/url/url_shown.h"

static void
run(struct url_set *s, struct phone_set *ph, const char *p, size_t n, size_t step)
{
	static struct url_finder f;
	struct phone_finder g;
	struct url_shown shown;

	url_set_reset(s);
	phone_set_reset(ph);
	url_finder_begin(&f, s, 1, 0);
	phone_finder_begin(&g, ph, 1);
	for (size_t i = 0; i < n; i += step) {
		char *cut = malloc(MIN(step, n - i));

		memcpy(cut, p + i, MIN(step, n - i));
		url_finder_feed(&f, span(cut, MIN(step, n - i)));
		phone_finder_feed(&g, span(cut, MIN(step, n - i)));
		free(cut);
	}
	url_finder_end(&f);
	phone_finder_end(&g);
	url_add(s, span(p, n), URL_F_FROM_ATTR, 2);
	url_add_code(s, span(p, n), URL_F_FROM_ATTR, 2);
	phone_add_link(ph, span(p, n), 2);
	url_shown_reset(&shown, s);
	url_shown_begin(&shown, s->cnt ? &s->url[0] : NULL);
	for (size_t i = 0; i < n; i += step)
		url_shown_feed(&shown, span(p + i, MIN(step, n - i)));
	url_shown_end(&shown);
}

static bool
same_url(const struct url *a, const struct url *b)
{
	return span_eq(a->canonical, b->canonical) && span_eq(a->raw, b->raw) &&
	       span_eq(a->host, b->host) && span_eq(a->host_utf8, b->host_utf8) &&
	       span_eq(a->registrable, b->registrable) && span_eq(a->redirect_to, b->redirect_to) &&
	       a->flags == b->flags && a->part == b->part;
}

static bool
same_phone(const struct phone *a, const struct phone *b)
{
	return a->len == strlen(a->digits) && strcmp(a->digits, b->digits) == 0 &&
	       a->has_plus == b->has_plus && a->from_link == b->from_link && a->part == b->part;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct url_set a, b, c;
	static struct phone_set pa, pb;
	static struct url_env *env;

	if (!env) {
		env = url_env_new();
		url_set_init(&a, env);
		url_set_init(&b, env);
		url_set_init(&c, env);
	}
	if (size < 2)
		return 0;
	run(&a, &pa, (const char *)data + 1, size - 1, size);
	run(&b, &pb, (const char *)data + 1, size - 1, 1u + data[0] % 32);
	BUG_ON(a.cnt != b.cnt || a.overflow_cnt != b.overflow_cnt || a.probe_cnt != b.probe_cnt);
	for (unsigned i = 0; i < a.cnt; i++) {
		const struct url *u;

		BUG_ON(!same_url(&a.url[i], &b.url[i]));
		if (a.url[i].flags & (URL_F_BAD_HOST | URL_F_CUT))
			continue;
		url_set_reset(&c);
		u = url_add(&c, a.url[i].canonical, 0, 0);
		BUG_ON(!u ||
		       (!span_eq(u->canonical, a.url[i].canonical) && !(u->flags & URL_F_CUT)));
	}
	BUG_ON(pa.cnt != pb.cnt || pa.overflow_cnt != pb.overflow_cnt);
	for (unsigned i = 0; i < pa.cnt; i++)
		BUG_ON(!same_phone(&pa.phone[i], &pb.phone[i]));
	return 0;
}
