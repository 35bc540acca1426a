/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_settings.c - the configuration: refused with texts or taken; the same text gives the same answer; values are in range
 */
#include "ctrl/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
take(struct span text, struct settings *s)
{
	struct settings_errors e = { 0 };
	int ret = settings_parse("f", text, s, &e);
	size_t cnt = e.cnt;

	BUG_ON((ret < 0) != (cnt > 0));
	for (size_t i = 0; i < cnt; i++)
		BUG_ON(e.item[i][0] != 'f' || e.item[i][strlen(e.item[i]) - 1] != '\n');
	settings_errors_fini(&e);
	return cnt;
}

/* Numbers are inside the bounds of the table. */
static void
check_bounds(const struct settings *s)
{
#define BOUNDS_COUNT(f, lo, hi)    BUG_ON(s->f - (uint64_t)(lo) > (uint64_t)(hi) - (uint64_t)(lo));
#define BOUNDS_SIZE(f, lo, hi)     BOUNDS_COUNT(f, lo, hi)
#define BOUNDS_DURATION(f, lo, hi) BOUNDS_COUNT(f, lo, hi)
#define BOUNDS_TEXT(f, lo, hi)
#define BOUNDS_BOOL(f, lo, hi)
#define BOUNDS_ENUM(f, lo, hi)
#define BOUNDS_TEXTS(f, lo, hi)
#define BOUNDS_PREFIXES(f, lo, hi)
#define BOUNDS_LIST(f, lo, hi)
#define BOUNDS_REFUSED(f, lo, hi)
#define SETTING(type, field, key, dflt, lo, hi, when, text) BOUNDS_##type(field, lo, hi)
#include "ctrl/settings.def"
#undef SETTING
	for (size_t i = 0; i < s->port_cnt; i++)
		BUG_ON(s->ports[i].mtu > 9000 || s->ports[i].vlan > 4094);
}

/* What is done with settings that were taken, and with names of keys. */
static void
use(const struct settings *a, struct span text)
{
	static const char plain[] = "ports: [{device: x, addresses: [10.0.0.1/8]}]\n";
	static FILE *null;
	struct span key = span(text.p, MIN(text.len, (size_t)40));
	struct settings base;
	struct settings_errors restart = { 0 };
	char path[4096], *name;

	if (!null) {
		null = fopen("/dev/null", "we");
		settings_reference(null);
	}
	BUG_ON(take(span_z(plain), &base) != 0);
	settings_needs_restart(&base, a, &restart);
	settings_errors_fini(&restart);
	settings_fini(&base);
	settings_store_path(a, path);
	BUG_ON(!*settings_hostname(a) || !*path);
	name = strndup(key.p, key.len);
	settings_explain(null, name);
	free(name);
	settings_explain(null, "smtp.max_message");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span text = span(data, len);
	struct settings a, b;
	size_t errors = take(text, &a);
	struct settings_errors restart = { 0 };

	BUG_ON(take(text, &b) != errors);
	if (errors > 0)
		return 0;
	BUG_ON(a.port_cnt == 0 || a.port_cnt > PORTS_MAX || a.listen_cnt > LISTEN_MAX ||
	       a.feed_cnt > FEEDS_MAX);
	BUG_ON(a.smtp_scan_bytes > a.smtp_hold_bytes ||
	       a.smtp_max_recipients > SMTP_RCPT_HARD_MAX || a.smtp_max_recipients == 0 ||
	       a.store_driver != STORE_SQLITE);
	settings_needs_restart(&a, &b, &restart);
	BUG_ON(restart.cnt > 0);
	check_bounds(&a);
	use(&a, text);
	settings_fini(&a);
	settings_fini(&b);
	return 0;
}
