/* SPDX-License-Identifier: BSD-3-Clause
 * url.h - find URLs in decoded text, normalise and unwrap them
 *
 * Why     A list names "evil.example"; a mail says hxxp-free "http://0x7f.1", "HTTP://EVIL%2Eexample./",
 *         "www.evil.example", "https://r.test/?u=http%3A%2F%2Fevil.example". One canonical form for all.
 * Owner   url_env: one per engine worker; it remembers what the suffix list said of a few hosts. url_set: the caller's storage (about
 *         460 KB), one per scan slot; every span in it points into its own buffer and dies with url_set_reset().
 *         url_finder: the caller's, one per text lane that is read.
 * Thread  One for an env and the sets and finders that use it.
 * Limit   URL_MAX bytes of one URL (cut and flagged), URLS_PER_MAIL_MAX, URL_SET_BYTES for all of a mail;
 *         past them overflow_cnt counts. No allocation (engine/idna).
 * RFC     3986, 5890; WHATWG URL for what browsers repair (backslashes, numeric hosts, tabs).
 */
#pragma once
#include "base/base.h"
#include "base/limits.h"

#define URL_SET_BYTES     (256 * 1024)
#define URL_REDIRECTS_MAX 3
#define URL_PROBES_MAX                                                                             \
	4096 /* words of one mail looked up in the suffix list for a host without scheme (0.3 us each) */

/* Bits; url_flag_name() gives the lower-case word of the scan JSON. */
enum url_flag {
	URL_F_NUMERIC = 1u << 0, /* host is an address: dotted, octal, hex, one number, or [v6] */
	URL_F_OBFUSCATED_HOST =
	        1u << 1, /* numeric but not plain dotted, or percent-coded, or full-width dots */
	URL_F_USERINFO = 1u << 2, /* user@ before the host */
	URL_F_IDN = 1u << 3,
	URL_F_MIXED_SCRIPT =
	        1u << 4, /* one label mixes Latin with Cyrillic, Greek, Armenian or Cherokee */
	URL_F_SHORTENER = 1u << 5,
	URL_F_REDIRECTOR = 1u << 6, /* has a target inside: redirect_to, and an entry of its own */
	URL_F_SCHEMELESS = 1u << 7, /* "www.x.example/y" in text */
	URL_F_HIDDEN = 1u << 8,     /* in hidden text or an element that is not shown */
	URL_F_PORT = 1u << 9,       /* a port other than the scheme's own */
	URL_F_FROM_TEXT = 1u << 10, /* found in text */
	URL_F_FROM_ATTR = 1u << 11, /* href or src … */
	URL_F_FROM_REDIRECT = 1u << 12, /* a target inside another URL */
	URL_F_CUT = 1u << 13,           /* longer than URL_MAX */
	URL_F_BAD_HOST =
	        1u << 14, /* no host we understand: host is as written, registrable is empty */
	URL_F_UNKNOWN_SUFFIX = 1u << 15, /* not under a public suffix we know */
	URL_F_FROM_DOCUMENT = 1u << 16,  /* a link in an attached document */
	URL_F_BRAND =
	        1u << 17, /* a well-known name, or one that looks like it, on another's host */
	URL_F_FRESH = 1u << 18,    /* a domain of the sort that is thrown away (url_name.h) */
	URL_F_MISMATCH = 1u << 19, /* a link's text names another host (url_shown.h) */
};

struct url {
	struct span raw; /* as written, entities and transfer encoding decoded */
	struct span
	        canonical; /* scheme://host[:port]/path?query, percent-coding normalised, no fragment, no userinfo */
	struct span host;      /* lower case, A-labels, no trailing dot, numeric as dotted quad */
	struct span host_utf8; /* U-labels; same as host unless URL_F_IDN */
	struct span
	        registrable; /* libpsl; the host itself when numeric; "" when it is a bare suffix */
	struct span redirect_to; /* canonical form of the target inside, len 0 without */
	uint32_t flags;          /* or-ed over duplicates */
	uint32_t part;           /* caller's number of the part where it was first seen */
};

struct url_env;

/* Opens the suffix list (the system's when newer than the built-in one) and the starter lists of shorteners and
 * redirectors. Start-up only; NULL without memory or suffix list (errno). */
struct url_env *url_env_new(void);
void url_env_free(struct url_env *e);

/* Lower-case ASCII host -> registrable domain inside it; len 0 for a bare suffix. For lists and senders too. */
struct span url_registrable(struct url_env *e, struct span host);

/* Is host's top-level domain known to the suffix list? */
bool url_has_known_suffix(struct url_env *e, struct span host);

/* URLs of one mail, in order, each canonical form once. url[0 .. cnt). */
struct url_set {
	struct url_env *env;
	unsigned cnt;
	unsigned overflow_cnt; /* URLs that found no room */
	unsigned probe_cnt;    /* see URL_PROBES_MAX */
	struct url url[URLS_PER_MAIL_MAX];
	uint16_t slot[URLS_PER_MAIL_MAX * 2]; /* hash of canonical -> index + 1 */
	size_t used;
	char buf[URL_SET_BYTES];
};

void url_set_init(struct url_set *s, struct url_env *e);
void url_set_reset(struct url_set *s); /* before each mail; cost grows with cnt of the last one */

/* Take one URL as an attribute gives it ("HTTP://…", "//host/x"); other schemes (mailto:, cid:, data:, tel:) and relative
 * ones are not taken. extra: URL_F_HIDDEN, URL_F_FROM_ATTR. Adds targets inside it too (URL_REDIRECTS_MAX deep).
 * Returns the entry (new or old) or NULL when it is none or there is no room. */
const struct url *url_add(struct url_set *s, struct span raw, uint32_t extra, uint32_t part);

/* A link that is code, no place: "javascript:…", "vbscript:…", "data:text/html,…". True: it is one, and the URLs written in its first
 * 4 KiB (percent codes or base64 undone), up to 16, were added as targets. */
bool url_add_code(struct url_set *s, struct span raw, uint32_t extra, uint32_t part);

/* Find URLs in shown text. State carries what is cut. All zero but set, part and extra is ready to use. */
struct url_finder {
	struct url_set *set;
	uint32_t part, extra;
	uint32_t carry_len;
	bool is_cut; /* carry is full: the rest of the word is skipped */
	char carry[URL_MAX];
};

void url_finder_begin(struct url_finder *f, struct url_set *s, uint32_t part, uint32_t extra);
void url_finder_feed(struct url_finder *f, struct span utf8); /* visible text, case kept */
void url_finder_end(struct url_finder *f);                    /* the end of a part ends a word */

const char *url_flag_name(unsigned bit); /* NULL past the last */
