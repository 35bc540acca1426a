/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_address.h - a path of MAIL or RCPT: strict RFC 5321 parser to a value, and back to text
 *
 * Why     Whose mail it is gets decided from the parsed value, and what goes to a customer's server
 *         is written from it anew: so no spelling can mean one thing here and another there.
 * Owner   The spans of a struct smtp_path point into its own buffer: it must not be copied by
 *         assignment (smtp_path_copy()).
 * Thread  Any; pure functions.
 * Limit   SMTP_LOCAL_MAX, SMTP_DOMAIN_MAX (RFC 5321 4.5.3.1), labels of 63.
 * RFC     5321 4.1.2, 4.1.3; 6531 3.3 for UTF-8; source routes are read and dropped (5321 appendix
 *         C, F.2).
 */
#pragma once
#include "base/base.h"
#include "base/limits.h"

/*
 * Bytes of a formatted path at most: quotes, every character of the local part escaped, @, domain.
 */
#define SMTP_PATH_TEXT_MAX (2 + 2 * SMTP_LOCAL_MAX + 1 + SMTP_DOMAIN_MAX)

enum smtp_path_status {
	SMTP_PATH_OK,
	SMTP_PATH_SYNTAX,   /* not a path: 501 5.1.3 */
	SMTP_PATH_TOO_LONG, /* local part, domain or label: 553 5.1.3 */
};

struct smtp_path {
	struct span local; /* unquoted, case kept; empty for <> */
	struct span
	        domain; /* ASCII lower case; a literal with its brackets; empty for <> and <postmaster> */
	bool is_null;        /* <> */
	bool is_postmaster;  /* <postmaster>, no domain */
	bool is_literal;     /* domain is [..] */
	bool had_route;      /* a source route was dropped */
	bool has_routing;    /* % ! or @ in the local part: another server might route by it */
	bool needs_smtputf8; /* a byte over 127 in either part */
	char buf[SMTP_LOCAL_MAX + SMTP_DOMAIN_MAX + 1];
};

/*
 * `in` starts at '<' and is cut behind the matching '>' on SMTP_PATH_OK. <> and <postmaster> are
 * taken: the caller decides where they are allowed. *out is written on SMTP_PATH_OK only.
 */
enum smtp_path_status smtp_path_parse(struct span *in, struct smtp_path *out);

/*
 * The text between the brackets, quoted only where RFC 5321 needs it; returns its length (0 for
 * <>).
 */
size_t smtp_path_format(const struct smtp_path *p, char out[SMTP_PATH_TEXT_MAX]);

void smtp_path_copy(struct smtp_path *to, const struct smtp_path *from);

/* Well-formed UTF-8 of RFC 3629: no surrogate, no overlong form. */
bool smtp_is_utf8(struct span s);
