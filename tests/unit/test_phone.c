/* SPDX-License-Identifier: BSD-3-Clause
 * test_phone.c - phone numbers in the ways they are written, and what looks like one
 */
#include "engine/url/phone.h"
#include "tests/check.h"

static struct phone_set p;

/* clang-format off */
static const struct { const char *text, *numbers; } cases[] = {
	{ "Call +1 (800) 555-0100 now", "18005550100 " },
	{ "call 1-800-555-0100.", "18005550100 " },
	{ "(800) 555-0100", "8005550100 " },
	{ "1.800.555.0100", "18005550100 " },
	{ "8005550100", "8005550100 " },
	{ "+44 20 7946 0958, or", "442079460958 " },
	{ "192.168.100.200 2024-01-02 12:30:45 $1,234,567.00", "" },
	{ "id1234567890 1234567890abc 4111 1111 1111 1111", "" },
	{ "12345", "" },
	{ "id8005550100 A800-555-0100 $8005550100 x(800) 555-0100", "" },
	{ "some words id(8005550100) and /8005550100, then 8005550101", "8005550101 " },
	{ "on 2024-01-02 12:30", "" },
	{ "+1 800 555 0100 and +1-800-555-0100", "18005550100 " },
	/* signs and digits of other scripts, what is not shown, key caps */
	{ "\xef\xbc\x98\xef\xbc\x90\xef\xbc\x90 \xef\xbc\x95\xef\xbc\x95\xef\xbc\x95 \xef\xbc\x90\xef\xbc\x91\xef\xbc\x90\xef\xbc\x90", "8005550100 " },
	{ "\xef\xbc\x8b" "44\xe2\x80\x91" "20 7946\xe2\x80\x93" "0958", "442079460958 " },
	{ "8\xe2\x80\x8b" "00\xc2\xad-555-01\xef\xbb\xbf" "00", "8005550100 " },
	{ "(800)\xc2\xa0" "555\xe2\x80\xaf" "0100", "8005550100 " },
	{ "8\xef\xb8\x8f\xe2\x83\xa3" "0\xef\xb8\x8f\xe2\x83\xa3" "0 555 0100", "8005550100 " },
	{ "\xf0\x9d\x9f\x96\xf0\x9d\x9f\x8e\xf0\x9d\x9f\x8e.555.0100", "8005550100 " },
	/* letters for digits, only where the whole is a number; one letter alone is a word */
	{ "call 1-8OO-555-OlOO now", "18005550100 " }, { "(8O0) 555-01O0", "8005550100 " },
	{ "8\xd0\x9e" "0 555 0l00", "8005550100 " }, { "+44 2O 7946 O958", "442079460958 " },
	{ "lO lO lO lO 11 11", "" }, { "800-555-0100 I am", "8005550100 " }, { "800-555-0100 o 800-555-0101", "8005550100 8005550101 " },
	{ "800-555-0100 ill 800-555-0101", "8005550100 8005550101 " }, { "800-555-010Oz", "" }, { "8OO-555-01", "" },
	/* words */
	{ "call eight zero zero five five five zero one zero zero", "8005550100 " },
	{ "Eight-oh-oh 555 zero one oh oh, please", "8005550100 " },
	{ "+1 eight hundred 555 0100", "" }, { "80 zero 555 0100", "" }, { "8 o 0 555 0100", "" },
	{ "http://localhost:8080/2023/1011, x", "" }, { "one two three four five six seven eight nine zero", "" },
	{ "zero one two three four five six seven eight nine", "" }, { "8 two 800 555 0100", "8005550100 " },
	{ "eight o o five five five o one o o", "8005550100 " }, { "zebra either zero eightball 8005550100", "8005550100 " },
	/* abroad; behind a colon */
	{ "0044 20 7946 0958", "442079460958 " }, { "+44 (0)20 7946 0958", "442079460958 " }, { "000 20 7946 0958", "0002079460958 " },
	{ "Tel:+1-800-555-0100 Phone:800-555-0101 tel:8005550102", "18005550100 8005550101 8005550102 " },
	{ "http://localhost:8080/2023/1011/555 12:800-555-0100 a1:800-555-0100", "" },
};
/* clang-format on */

static void
test_text(void)
{
	static struct phone_finder f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 30; step++) {
			char got[256] = "";
			size_t n = strlen(cases[i].text);

			phone_set_reset(&p);
			phone_finder_begin(&f, &p, 0);
			for (size_t k = 0; k < n; k += step)
				phone_finder_feed(&f, span(cases[i].text + k, MIN(step, n - k)));
			phone_finder_end(&f);
			for (unsigned k = 0; k < p.cnt; k++)
				snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
				         p.phone[k].digits);
			CHECK(!strcmp(got, cases[i].numbers), "%s -> %s", cases[i].text, got);
		}
}

/* In words, wherever the first one is in a block, whole and byte by byte. */
static void
test_places(void)
{
	static struct phone_finder f;
	char text[256];

	for (int pad = 0; pad < 140; pad++)
		for (size_t step = 1; step <= sizeof(text); step += sizeof(text) - 1) {
			size_t n = (size_t)snprintf(
			        text, sizeof(text),
			        "%*seight zero zero five five five zero one zero zero.", pad, "");

			phone_set_reset(&p);
			phone_finder_begin(&f, &p, 0);
			for (size_t k = 0; k < n; k += step)
				phone_finder_feed(&f, span(text + k, MIN(step, n - k)));
			phone_finder_end(&f);
			CHECK(p.cnt == 1 && !strcmp(p.phone[0].digits, "8005550100"), "%d %zu", pad,
			      step);
		}
}

static void
test_links(void)
{
	phone_set_reset(&p);
	phone_add_link(&p, span_z("tel:+1-800-555-0100"), 0);
	phone_add_link(&p, span_z("TEL:%2B18005550101"), 0);
	phone_add_link(&p, span_z("http://8005550100/"), 0);
	CHECK(p.cnt == 2 && p.phone[0].from_link && p.phone[1].has_plus &&
	      !strcmp(p.phone[1].digits, "18005550101"));
	phone_add_link(&p, span_z("https://wa.me/18005550102?text=x"), 0);
	phone_add_link(&p, span_z("https://api.whatsapp.com/send?phone=18005550103"), 0);
	phone_add_link(&p, span_z("whatsapp://send?phone=+18005550104"), 0);
	phone_add_link(&p, span_z("sms:%28800%29%20555-01%30%35"), 0);
	phone_add_link(&p, span_z("https://example.com/?phone=18005550106"), 0);
	CHECK(p.cnt == 6 && !strcmp(p.phone[2].digits, "18005550102") &&
	      !strcmp(p.phone[3].digits, "18005550103") && p.phone[4].has_plus &&
	      !strcmp(p.phone[5].digits, "8005550105"));
}

/* As many as there is room for, and one more; a run at its bound and past it. */
static void
test_bounds(void)
{
	static struct phone_finder f;
	char text[128];

	phone_set_reset(&p);
	phone_finder_begin(&f, &p, 3);
	for (unsigned i = 0; i <= PHONES_PER_MAIL_MAX; i++) {
		snprintf(text, sizeof(text), "+1 800 555 %04u, ", i);
		phone_finder_feed(&f, span_z(text));
	}
	phone_finder_end(&f);
	CHECK(p.cnt == PHONES_PER_MAIL_MAX && p.overflow_cnt == 1 && p.phone[0].part == 3);
	for (unsigned extra = 0; extra < 4; extra++) {
		phone_set_reset(&p);
		phone_finder_begin(&f, &p, 0);
		snprintf(text, sizeof(text), "%.*s", (int)(PHONE_RUN_MAX - 12 + extra),
		         "+-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.-.");
		strcat(text, extra % 2 ? "1 8OO5550100" : "1 8005550100");
		phone_finder_feed(&f, span_z(text));
		phone_finder_end(&f);
		CHECK(p.cnt == (extra == 0), "%u", extra);
	}
}

int
main(void)
{
	test_text();
	test_places();
	test_links();
	test_bounds();
	return check_failed;
}
