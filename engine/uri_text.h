/* SPDX-License-Identifier: BSD-3-Clause
 * uri_text.h - the URIs of shown text that uri rules look at
 *
 * Why     SpamAssassin's rules count the URIs that SpamAssassin finds: with and without scheme, addresses, and none whose host has no
 *         known suffix. (Lists and the model look at those that url/url.h finds, which aims at what a reader's program opens.)
 * Owner   Spans live until the call returns.
 * Thread  The worker's: env remembers hosts.
 * Limit   A paragraph of JOB_LINE_MAX bytes or so. Linear: an '@' is looked at once, a host once, URI_TEXT_PROBES hosts a mail.
 * Source  _tbirdurire(), _process_text_uri_list() and add_uri_detail_list() of Mail::SpamAssassin::PerMsgStatus 4.0.1.
 */
#pragma once
#include "engine/uri_forms.h"
#include "engine/url/url.h"

#define URI_TEXT_PROBES 4096 /* words looked up in the suffix list (0.3 us each) */

struct uri_text {
	struct url_env *env;
	unsigned probe_cnt; /* 0 at the begin of a mail */
	uri_form_fn *fn;    /* each URI, with a scheme */
	void *ctx;
};

/* One paragraph. */
void uri_text_find(struct uri_text *t, struct span paragraph);
