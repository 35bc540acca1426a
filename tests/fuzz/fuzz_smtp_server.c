/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_smtp_server.c - how a sender's bytes were cut must not matter, and no mail holds a bare
 * newline
 *
 * Input: one byte of options, then the bytes of the session. They are fed whole, then in cuts drawn
 * from the bytes themselves.
 */
#include "base/siphash.h"
#include "tests/unit/smtp_drive.h"

struct result {
	uint64_t body, replies;
	unsigned ends, mails, rcpts;
	bool open;
};

static void
check_body(const struct drive *
                   d) /* every CR before an LF, every LF behind a CR; marks of smtp_drive.h aside */
{
	for (size_t i = 0; i < d->body_len; i++) {
		char before = i ? d->body[i - 1] : 0,
		     after = i + 1 < d->body_len ? d->body[i + 1] : '\n';

		BUG_ON(d->body[i] == '\n' && before != '\r');
		BUG_ON(d->body[i] == '\r' && after != '\n' && after != '!' && after != '~');
	}
}

/* Reply lines end in CR LF, are no longer than they may be, and begin with a code. */
static void
check_replies(struct span out)
{
	while (out.len) {
		const char *lf = memchr(out.p, '\n', out.len);
		size_t n;

		BUG_ON(!lf);
		n = (size_t)(lf + 1 - out.p);
		BUG_ON(n > SMTP_REPLY_MAX || n < 6 || lf[-1] != '\r' || out.p[0] < '2' ||
		       out.p[0] > '5');
		out = span_skip(out, n);
	}
}

static struct result
run(const uint8_t *data, size_t size, unsigned options, size_t seed)
{
	static struct drive d;
	static const struct siphash_key key = { 1, 2 };
	struct result r = { .open = true };
	size_t at = 0;

	drive_init(&d);
	d.refuse = "no";
	d.cfg.bare_newlines = options & 1 ? SMTP_BARE_CRLF : SMTP_BARE_REJECT;
	d.refuse_data = options & 2;
	d.prdr = options & 4;
	while (at < size && r.open) {
		size_t n = seed ? 1 + (seed = seed * 1103515245 + 12345) / 65536 % 13 : size;
		char *piece;

		n = MIN(n, size - at);
		piece = malloc(n); /* exactly: a read past the piece is seen */
		memcpy(piece, data + at, n);
		r.open = drive(&d, span(piece, n));
		free(piece);
		at += n;
	}
	smtp_server_fini(&d.s);
	BUG_ON(d.lent);
	check_body(&d);
	check_replies(span(d.out_bytes, d.out.len));
	r.body = siphash(&key, d.body, d.body_len);
	r.replies = siphash(&key, d.out_bytes, d.out.len);
	r.ends = d.ends;
	r.mails = d.mails;
	r.rcpts = d.rcpts;
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, cut;

	if (size < 2 || size > 16384)
		return 0;
	whole = run(data + 1, size - 1, data[0], 0);
	for (size_t seed = 1; seed <= 2; seed++) {
		cut = run(data + 1, size - 1, data[0], data[0] + seed * 7919);
		BUG_ON(whole.ends != cut.ends || whole.mails != cut.mails ||
		       whole.rcpts != cut.rcpts);
		BUG_ON(whole.open != cut.open || whole.body != cut.body ||
		       whole.replies != cut.replies);
	}
	return 0;
}
