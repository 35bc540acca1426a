/* SPDX-License-Identifier: BSD-3-Clause
 * settings.h - the YAML configuration as a struct, checked whole before anything acts on it
 *
 * Why     One table (settings.def) yields the struct, the parser, the defaults, the reference in docs/configuration.md and `weirctl
 *         config explain`. JSON is a subset of YAML, so a configuration may be JSON.
 * Owner   settings_load() fills the caller's struct; its texts live in its arena until settings_fini().
 * Thread  Slow path.
 * Errors  All of them, not the first: each "FILE:LINE:COLUMN: error: TEXT", the line and a caret; -EINVAL then.
 */
#pragma once
#include "base/addr.h"
#include "base/arena.h"
#include "base/limits.h"

struct settings_texts {
	const char **item;
	size_t cnt;
};

struct settings_prefixes {
	struct addr_prefix *item;
	size_t cnt;
};

struct settings_port {
	const char *device;
	struct settings_texts addresses; /* "10.77.0.2/24", checked by the packet layer at start */
	struct addr gateway4, gateway6;  /* all zero: none */
	uint64_t mtu, vlan;              /* 0: the device's, untagged */
};

struct settings_listen {
	struct addr address; /* all zero: any */
	uint16_t port;
	struct addr backup_of; /* the primary MX whose backup this is; all zero: of none */
};

struct settings_feed {
	const char *name, *kind, *source, *target;
	uint64_t period_us;
	const char *codes, *bits; /* of zones: feeds_zone.h */
};

#define LISTEN_MAX           16
#define SETTINGS_PROXIES_MAX 64 /* as a worker has room for */
#define FEEDS_MAX            256

struct settings {
	struct arena arena;
	const char *path; /* of the file it came from */
#define SETTING_TEXT(f)     const char *f;
#define SETTING_BOOL(f)     bool f;
#define SETTING_COUNT(f)    uint64_t f;
#define SETTING_SIZE(f)     uint64_t f;
#define SETTING_DURATION(f) uint64_t f; /* us */
#define SETTING_ENUM(f)     unsigned f; /* index of the word in the default's list */
#define SETTING_TEXTS(f)    struct settings_texts f;
#define SETTING_PREFIXES(f) struct settings_prefixes f;
#define SETTING_LIST(f)
#define SETTING_REFUSED(f)
#define SETTING(type, field, key, dflt, lo, hi, when, text) SETTING_##type(field)
#include "ctrl/settings.def"
#undef SETTING
	struct settings_port ports[PORTS_MAX];
	size_t port_cnt;
	struct settings_listen listen[LISTEN_MAX];
	size_t listen_cnt;
	struct settings_feed feeds[FEEDS_MAX];
	size_t feed_cnt;
};

/* Words of the enums, in the order of settings.def. */
enum { HUGEPAGES_AUTO, HUGEPAGES_NEVER, HUGEPAGES_ALWAYS };
enum { BUSY_POLL_AUTO, BUSY_POLL_ALWAYS };
enum { BARE_NEWLINES_REJECT, BARE_NEWLINES_CRLF };
enum { PER_ADDRESS_ON, PER_ADDRESS_OFF };
enum { ECN_PASSIVE, ECN_OFF, ECN_ACTIVE };
enum { STORE_SQLITE, STORE_POSTGRES };

/* Texts of errors, each ended by a newline; free() them with settings_errors_fini(). All zero is ready to use. */
struct settings_errors {
	char **item;
	size_t cnt;
};

void settings_errors_fini(struct settings_errors *e);
void settings_error(struct settings_errors *e, const char *fmt, ...) PRINTF(2, 3);

/* 0; -EINVAL with errors; -errno with one error when the file cannot be read. *out is written on success only. */
int settings_load(const char *path, struct settings *out, struct settings_errors *errors);

/* The same from text in memory; `path` is for messages. For tests and fuzzing. */
int settings_parse(const char *path, struct span text, struct settings *out,
                   struct settings_errors *errors);
void settings_fini(struct settings *s);

/* smtp.hostname or what stands in for it. */
const char *settings_hostname(const struct settings *s);

/* store.path made absolute; written to out. */
void settings_store_path(const struct settings *s, char out[4096]);

/* A text for each key whose values differ and that only a restart applies. */
void settings_needs_restart(const struct settings *running, const struct settings *wanted,
                            struct settings_errors *out);

/* Markdown of docs/configuration.md. */
void settings_reference(FILE *out);

/* One key explained; false when there is no such key (a suggestion is printed). */
bool settings_explain(FILE *out, const char *key);
