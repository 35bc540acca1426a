/* SPDX-License-Identifier: BSD-3-Clause
 * test_settings.c - defaults, every kind of value, every kind of mistake, and the reference in step with the table
 */
#include "tests/unit/settings_rows.h"

#define PORT                                                                                       \
	"ports: [{device: \"net_tap0,iface=weir0\", addresses: [10.77.0.2/24, \"fd77::2/64\"]}]\n"

/* clang-format off */
static const struct { const char *in, *error; } bad[] = {
	{ "", "at least one device" },
	{ PORT "smpt: {hostname: x}\n", "smpt" },
	{ PORT "smtp: {hostnam: x}\n", "did you mean \"smtp.hostname\"" },
	{ PORT "smtp: {max_message: 1KB}\n", "is no number" },
	{ PORT "smtp: {max_message: 1023}\n", "not between 1024" },
	{ PORT "smtp: {max_recipients: 1001}\n", "not between 1 and 1000" },
	{ PORT "smtp: {banner_delay: 5}\n", "is no duration" },
	{ PORT "smtp: {banner_delay: 61s}\n", "not between" },
	{ PORT "smtp: {bare_newlines: maybe}\n", "none of reject|crlf" },
	{ PORT "smtp: {hold_bytes: 64KiB, scan_bytes: 65537}\n", "larger than smtp.hold_bytes" },
	{ PORT "smtp: {trusted_proxies: [10.0.0.1/8]}\n", "host bits" },
	{ PORT "smtp: {hostname: x, hostname: y}\n", "given twice" },
	{ PORT "smtp: {postmaster: postmaster}\n", "smtp.postmaster" },
	{ PORT "smtp: {hostname: \"mx one.test\"}\n", "smtp.hostname: \"mx one.test\"" },
	{ PORT "smtp: {hostname: \"[192.0.2.300]\"}\n", "smtp.hostname" },
	{ PORT "node: {name: \"\"}\n", "node.name: \"\"" },
	{ "ports: [{device: x, addresses: [10.0.0.1/8], mac: \"02:00:00:00:00:01\"}]\n", "unknown key \"mac\"" },
	{ PORT "store: {driver: postgres}\n", "store.driver" },
	{ PORT "store: {dsn: x}\n", "store.dsn" },
	{ PORT "tls: {certificate: x}\n", "tls" },
	{ PORT "spool: {path: x}\n", "spool" },
	{ PORT "feeds: [{name: a, kind: ip-list, source: \"https://x.test/l\"}]\n", "not there yet" },
	{ PORT "feeds: [{name: a, kind: odd, source: /x}]\n", "none of ip-list" },
	{ PORT "feeds: [{name: a, kind: ip-list, source: /x, bits: \"8\"}]\n", "only zones" },
	{ PORT "feeds: [{name: a, kind: rbldnsd-dnset, source: /x, bits: \"9\"}]\n", "powers of" },
	{ PORT "listen: [{port: 70000}]\n", "not between" },
	{ "ports: [{device: x, addresses: [nonsense]}]\n", "no address" },
	{ "ports: [{addresses: [10.0.0.1/8]}]\n", "device is missing" },
	{ "ports: [{device: x, addresses: [10.0.0.1/8], gatway4: 1.2.3.4}]\n", "unknown key \"gatway4\"" },
	{ PORT "smtp: [1, 2\n", "c.yaml:" },
	{ PORT "? [a]\n: b\n", "a key must be a word" },
	{ PORT PORT, "given twice" },
	{ PORT "smtp: {max_recipients: 1KiB}\n", "no number without a unit" },
	/* What has a NUL in it is longer than it looks. */
	{ PORT "\"tls\\0yyyyyy\": 1\n", "must be a word" },
	{ PORT "\"smtp\\0junk\": {hostname: x}\n", "must be a word" },
	{ PORT "smtp: {\"hostname\\0junk\": x}\n", "c.yaml:2:8: error: a key must be a word" },
	{ PORT "listen: [{\"port\\0junk\": 25}]\n", "must be a word" },
	{ PORT "smtp: {hostname: \"x\\0junk\"}\n", "control characters" },
	{ PORT "smtp: {max_recipients: \"9\\0junk\"}\n", "is no number" },
	{ PORT "smtp: {banner_delay: \"9s\\0junk\"}\n", "is no duration" },
	{ PORT "smtp: {rcpt_cache: \"on\\0junk\"}\n", "neither on nor off" },
	{ PORT "smtp: {bare_newlines: \"crlf\\0junk\"}\n", "none of reject|crlf" },
	{ PORT "smtp: {trusted_proxies: [\"10.0.0.0/8\\0junk\"]}\n", "control characters" },
	{ PORT "rules: {directories: [\"/x\\0junk\"]}\n", "control characters" },
	{ PORT "listen: [{address: \"any\\0junk\"}]\n", "no IP address" },
	{ PORT "listen: [{address: \"10.0.0.1\\0junk\"}]\n", "no IP address" },
	{ "ports: [{device: \"x\\0junk\", addresses: [10.0.0.1/8]}]\n", "control characters" },
};
/* clang-format on */

static bool
has_error(const struct settings_errors *e, const char *text)
{
	for (size_t i = 0; i < e->cnt; i++)
		if (strstr(e->item[i], text))
			return true;
	return false;
}

static void
test_good(void)
{
	static const char in[] =
	        PORT "smtp: {hostname: mx.test, max_message: 2MiB, banner_delay: 250ms,\n"
	             "  trusted_proxies: [10.0.0.0/8, \"2001:db8::/32\"], rcpt_cache: off}\n"
	             "limits: {per_address: off}\n"
	             "listen: [{address: any, port: 25}, {address: 10.77.0.2, port: 2526}]\n"
	             "rules: {directories: [/etc/weir/rules.d]}\n";
	struct settings_errors e = { 0 };
	struct settings s;
	int ret = settings_parse("c.yaml", span_z(in), &s, &e);

	CHECK(ret == 0 && e.cnt == 0, "%s", e.cnt ? e.item[0] : "");
	if (ret != 0)
		return;
	CHECK(!strcmp(settings_hostname(&s), "mx.test") && s.smtp_max_message == 2u << 20);
	CHECK(s.smtp_banner_delay == 250000 && s.smtp_trusted_proxies.cnt == 2 &&
	      !s.smtp_rcpt_cache);
	CHECK(s.limits_per_address == PER_ADDRESS_OFF && s.listen_cnt == 2 &&
	      s.listen[1].port == 2526);
	CHECK(s.smtp_max_recipients == 100 && s.upstream_max_connections == 10);
	CHECK(s.smtp_command_timeout == 300000000 && s.rules_directories.cnt == 1);
	CHECK(s.port_cnt == 1 && s.ports[0].addresses.cnt == 2);
	settings_fini(&s);
}

static void
test_all_errors(void) /* not the first alone, and each with its line and column */
{
	static const char in[] =
	        PORT "smtp:\n  max_recipients: 0\n  nonsense: 1\n  banner_delay: x\n";
	struct settings_errors e = { 0 };
	struct settings s;

	CHECK(settings_parse("c.yaml", span_z(in), &s, &e) == -EINVAL && e.cnt == 3);
	CHECK(has_error(&e, "c.yaml:3:19: error: smtp.max_recipients"));
	CHECK(has_error(&e, "c.yaml:4:3: error: unknown key"));
	CHECK(has_error(&e, "c.yaml:5:17: error:") && has_error(&e, "\n                  ^\n"));
	settings_errors_fini(&e);
}

static void
test_host_names(void) /* as long as may be, and one more: a BUG_ON() of the start otherwise */
{
	static const char *const good[] = { "mx", "mx-1.example.net", "[192.0.2.1]",
		                            "[IPv6:2001:db8::1]" };
	struct settings_errors e = { 0 };
	struct settings s;
	char in[512], name[SMTP_DOMAIN_MAX + 2] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		snprintf(in, sizeof(in), PORT "smtp: {hostname: \"%s\"}\n", good[i]);
		CHECK(settings_parse("c.yaml", span_z(in), &s, &e) == 0, "%s", good[i]);
		settings_fini(&s);
	}
	memset(name, 'a', SMTP_DOMAIN_MAX);
	snprintf(in, sizeof(in), PORT "smtp: {hostname: %s}\n", name);
	CHECK(settings_parse("c.yaml", span_z(in), &s, &e) == 0);
	settings_fini(&s);
	snprintf(in, sizeof(in), PORT "smtp: {hostname: %sa}\n", name);
	CHECK(settings_parse("c.yaml", span_z(in), &s, &e) == -EINVAL);
	CHECK(has_error(&e, "smtp.hostname"));
	settings_errors_fini(&e);
}

static void
test_needs_restart(void) /* what a reload cannot apply is named, not ignored */
{
	static const struct {
		const char *in, *keys;
	} rows[] = {
		{ PORT "smtp: {max_message: 2MiB}\nlog: {path: /x}\n", "" },
		{ PORT "node: {name: other}\nhttp: {listen: off}\n", "node.name, http.listen" },
		{ PORT "listen: [{port: 26}]\n", "listen" },
		{ PORT "listen: [{port: 25}, {port: 26}]\n", "listen" },
		{ PORT "listen: [{address: 10.77.0.2, port: 25}]\n", "listen" },
		{ "ports: [{device: \"net_tap0,iface=weir0\", addresses: [10.77.0.2/24]}]\n",
		  "ports" },
		{ "ports: [{device: \"net_tap0,iface=weir0\", addresses: [10.77.0.2/24, "
		  "\"fd77::3/64\"]}]\n",
		  "ports" },
		{ "ports: [{device: \"net_tap0,iface=weir0\", addresses: [10.77.0.2/24, "
		  "\"fd77::2/64\"], vlan: 5}]\n",
		  "ports" },
	};
	struct settings_errors e = { 0 };
	struct settings a, b;

	CHECK(settings_parse("c.yaml", span_z(PORT), &a, &e) == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char keys[256] = "";

		CHECK(settings_parse("c.yaml", span_z(rows[i].in), &b, &e) == 0, "%s: %s",
		      rows[i].in, e.cnt ? e.item[0] : "");
		settings_needs_restart(&a, &b, &e);
		for (size_t k = 0; k < e.cnt; k++) {
			char key[64] = "";

			CHECK(sscanf(e.item[k], "c.yaml: warning: %63[^:]: needs", key) == 1);
			strcat(strcat(keys, k ? ", " : ""), key);
		}
		CHECK(!strcmp(keys, rows[i].keys), "%s: \"%s\", not \"%s\"", rows[i].in, keys,
		      rows[i].keys);
		settings_errors_fini(&e);
		settings_fini(&b);
	}
	settings_fini(&a);
}

static void
test_reference(void)
{
	char *made = NULL, *kept = calloc(1, 1 << 20);
	size_t n = 0;
	FILE *f = open_memstream(&made, &n), *doc = fopen("docs/configuration.md", "r");

	settings_reference(f);
	fclose(f);
	CHECK(doc, "run from the project's root");
	if (doc) {
		CHECK(fread(kept, 1, (1 << 20) - 1, doc) > 0);
		CHECK(!strcmp(made, kept), "docs/configuration.md: run weirctl config reference");
		fclose(doc);
	}
	free(made);
	free(kept);
}

/* Each row is either applied by a reload or named, alone, by one that finds it changed. */
static void
test_every_row(void)
{
	static const char *const fixed[] = { "store.driver", "log.format" }; /* a choice of one */
	struct settings_errors e = { 0 };
	struct settings dflt, s;
	size_t named = 0, refused = 0, without = 0;

	CHECK(settings_parse("c.yaml", span_z(ROW_PORT), &dflt, &e) == 0);
	for (size_t i = 0; i < settings_table_cnt; i++) {
		const struct setting *t = &settings_table[i];
		char want[128];

		if (!settings_with_row(t, &s)) {
			without += t->type != SET_REFUSED;
			refused += t->type == SET_REFUSED;
			CHECK(t->type == SET_REFUSED || !strcmp(t->key, fixed[0]) ||
			              !strcmp(t->key, fixed[1]),
			      "%s", t->key);
			continue;
		}
		settings_needs_restart(&dflt, &s, &e);
		CHECK(e.cnt == (t->when == START), "%s: %zu texts", t->key, e.cnt);
		snprintf(want, sizeof(want), "c.yaml: warning: %s: needs a restart", t->key);
		CHECK(e.cnt == 0 || has_error(&e, want), "%s: %s", t->key, e.item[0]);
		named += e.cnt;
		settings_errors_fini(&e);
		settings_fini(&s);
	}
	CHECK(named >= 15 && refused >= 6 && without == ARRAY_LEN(fixed), "%zu %zu %zu", named,
	      refused, without);
	settings_fini(&dflt);
}

int
main(void)
{
	test_every_row();
	test_good();
	test_all_errors();
	test_host_names();
	test_needs_restart();
	test_reference();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct settings_errors e = { 0 };
		struct settings s;

		CHECK(settings_parse("c.yaml", span_z(bad[i].in), &s, &e) == -EINVAL, "%s",
		      bad[i].in);
		CHECK(has_error(&e, bad[i].error), "%s: %s", bad[i].error, e.cnt ? e.item[0] : "-");
		settings_errors_fini(&e);
	}
	return check_failed;
}
