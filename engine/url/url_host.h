/* SPDX-License-Identifier: BSD-3-Clause
 * url_host.h - one host as written to its canonical form
 *
 * Why     Inside engine/url only.
 */
#pragma once
#include "engine/url/url.h"

#define URL_HOST_MAX 255

struct url_host {
	char ascii[URL_HOST_MAX + 1], utf8[URL_HOST_MAX * 2 + 1];
	size_t ascii_len, utf8_len;
	uint32_t flags;
};

/* raw: between "//" (and userinfo) and port. False: no host that we understand (ascii is as written, lower case). */
bool url_host_read(struct span raw, struct url_host *out);

/* One percent code at s.p[i]; -1 when it is none. */
int url_percent(struct span s, size_t i);
