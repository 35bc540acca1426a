/* SPDX-License-Identifier: BSD-3-Clause
 * relays.h - Received fields to the lines that SpamAssassin calls X-Spam-Relays
 *
 * Why     Rules ask who handed a mail over: address, host name by DNS, name given in HELO.
 * Owner   The caller's buffers.
 * Thread  Any.
 * Limit   A field's first RELAY_FIELD_MAX bytes.
 * Source  Mail::SpamAssassin::Message::Metadata::Received 4.0.1: same output; the forms that Postfix, Sendmail, Exim, qmail,
 *         Exchange and those like them write, not its 60 special cases.
 */
#pragma once
#include "base/base.h"

#define RELAY_FIELD_MAX 2048

struct relay {
	struct span ip, rdns, helo, by, id, envfrom, auth;
	struct span ident; /* "user" of "(user@r.test [192.0.2.1])" */
};

/* value: unfolded. False when it names no host that handed over. Spans point into value. */
bool relay_parse(struct span value, struct relay *out);

/* "[ ip=… rdns=… helo=… by=… ident= envfrom=… intl=0 id=… auth=… msa=0 ]"; bytes written, at most cap. */
size_t relay_format(const struct relay *r, char *out, size_t cap);

/* Of a private network (RFC 1918, loopback, link-local). */
bool relay_is_private(const struct relay *r);
