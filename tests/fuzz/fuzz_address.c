/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_address.c - a path that was read, written and read again is the same; written paths cannot
 * leave their command line
 */
#include "dataplane/smtp/smtp_address.h"
#include "tests/check.h"

static void
check_path(const struct smtp_path *p)
{
	char text[SMTP_PATH_TEXT_MAX + 2];
	size_t n = smtp_path_format(p, text + 1);
	struct span again = span(text, n + 2);
	static struct smtp_path q;

	BUG_ON(p->local.len > SMTP_LOCAL_MAX || p->domain.len > SMTP_DOMAIN_MAX ||
	       n > SMTP_PATH_TEXT_MAX);
	text[0] = '<';
	text[n + 1] = '>';
	for (size_t i = 0; i < n; i++)
		BUG_ON((uint8_t)text[i + 1] < 32 || text[i + 1] == 127);
	BUG_ON(smtp_path_parse(&again, &q) != SMTP_PATH_OK || again.len);
	BUG_ON(!span_eq(p->local, q.local) || !span_eq(p->domain, q.domain));
	BUG_ON(p->is_null != q.is_null || p->is_postmaster != q.is_postmaster ||
	       p->is_literal != q.is_literal || p->needs_smtputf8 != q.needs_smtputf8);
	BUG_ON(!p->is_null && !p->is_postmaster && (!p->local.len || !p->domain.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span(data, size);
	static struct smtp_path p;

	if (smtp_path_parse(&in, &p) == SMTP_PATH_OK) {
		BUG_ON(in.len >= size || in.p != (const char *)data + (size - in.len) ||
		       in.p[-1] != '>');
		check_path(&p);
	} else {
		BUG_ON(in.len != size);
	}
	return 0;
}
