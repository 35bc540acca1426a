/* SPDX-License-Identifier: BSD-3-Clause
 * uri_forms.h - the forms of a URI that uri rules look at
 *
 * Why     A rule is written for one form; senders write all. Mail::SpamAssassin::Util::uri_list_canonicalize() 4.0.1 tells which.
 *         (Lists look at one canonical form: url/url.h.)
 * Owner   Spans live until the call returns.
 * Thread  Any.
 * Limit   URI_FORM_MAX bytes, URI_FORMS_DEPTH targets within one another.
 */
#pragma once
#include "base/base.h"

#define URI_FORM_MAX    2048
#define URI_FORMS_DEPTH 3

typedef void uri_form_fn(void *ctx, struct span form);

/* uri: as an attribute or a text has it; what names no place of its own ("#top", "/x.gif") has this form alone. */
void uri_forms(struct span uri, uri_form_fn *fn, void *ctx);

/* A page's link as SpamAssassin resolves it: no "." and ".." in its path, a scheme for "//www.…". (Base URLs are not applied.) Points into
 * uri or out. */
struct span uri_target(struct span uri, char out[URI_FORM_MAX]);
