/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_smtp_client.c - whatever a server says: events make sense, cuts of a reply change nothing,
 * nothing written is malformed
 *
 * Input: one byte of options, then replies, one to a line of the input or more; each is given when
 * the client asked for something and reads on. The same replies are given byte by byte, in
 * pieces and by lines; that must not matter.
 */
#include "base/siphash.h"
#include "dataplane/smtp/smtp_client.h"
#include "tests/check.h"

struct run {
	struct smtp_client c;
	struct smtp_client_config cfg;
	struct smtp_client_mail mail;
	struct smtp_origin origin;
	char bytes[65536];
	struct smtp_out out;
	uint64_t h; /* of events and replies */
	unsigned options, mails;
	unsigned begun, finals; /* of the mail under way */
	bool in_body, done;
};

static void
fold(struct run *r, uint64_t v)
{
	r->h = (r->h ^ v) * 0x9e3779b97f4a7c15ull;
	r->h ^= r->h >> 29;
}

static void
begin(struct run *r)
{
	if (r->mails++ >= 3) {
		smtp_client_quit(&r->c, &r->out);
		return;
	}
	r->begun = 1;
	r->finals = 0;
	r->in_body = false;
	smtp_client_begin(&r->c, &r->mail, &r->out);
}

static void
go(struct run *r, bool bdat)
{
	BUG_ON(r->finals || r->in_body);
	if (bdat) {
		BUG_ON(!smtp_client_chunk(&r->c, 9, !(r->options & 16), &r->out));
		smtp_client_sent(&r->c, 9);
		if (r->options & 16 && smtp_client_chunk(&r->c, 0, true, &r->out))
			smtp_client_sent(&r->c, 0);
	} else {
		r->in_body = true;
		BUG_ON(!smtp_client_end(&r->c, span(".\r\n", 3), &r->out));
	}
}

static void
on_event(struct run *r, enum smtp_client_event_kind e, const struct smtp_client_event *ev)
{
	static const struct siphash_key key = { 3, 4 };

	if (e == SMTP_CE_MORE)
		return;
	fold(r, e * 64 + ev->stage);
	if (ev->reply && e != SMTP_CE_DATA_GO) {
		BUG_ON(ev->reply->text_len > SMTP_REPLY_TEXT_MAX ||
		       ev->reply->line_cnt > SMTP_UPSTREAM_LINES_MAX);
		fold(r, ev->reply->code + siphash(&key, ev->reply->text, ev->reply->text_len));
	}
	BUG_ON(r->finals && (e == SMTP_CE_RCPT || e == SMTP_CE_MAIL || e == SMTP_CE_DATA_GO));
	r->finals += e == SMTP_CE_FINAL;
	BUG_ON(r->finals > 1);
	if (e == SMTP_CE_GREETED || e == SMTP_CE_ENDED)
		begin(r);
	if (e == SMTP_CE_RCPT && r->options & 8)
		smtp_client_rset(&r->c, &r->out);
	if (e == SMTP_CE_DATA_GO)
		go(r, ev->bdat);
	if (e == SMTP_CE_BROKEN)
		BUG_ON(ev->why == SMTP_WHY_NONE || smtp_client_is_idle(&r->c));
	r->done = e == SMTP_CE_BROKEN || e == SMTP_CE_CLOSED;
}

static void
init(struct run *r, unsigned options)
{
	static const struct span rcpts[] = { { "c@d.test", 8 }, { "\"e f\"@d.test", 12 } };

	memset(r, 0, offsetof(struct run, bytes));
	r->out = (struct smtp_out){ r->bytes, 0, sizeof(r->bytes) };
	r->h = r->options = options;
	r->mails = r->begun = r->finals = 0;
	r->in_body = r->done = false;
	r->cfg = (struct smtp_client_config){ span_z("us.test"), options & 1, options & 2,
		                              options & 4 };
	r->origin.helo = span_z("x");
	r->mail = (struct smtp_client_mail){ .sender = span_z("a@b.test"),
		                             .rcpts = rcpts,
		                             .rcpt_cnt = 2,
		                             .data = !(options & 8),
		                             .size = 9,
		                             .origin = &r->origin };
	smtp_client_init(&r->c, &r->cfg);
}

/* lines: one line at a time, as a server that says one thing after the other; else across lines, as one that talks ahead. */
static uint64_t
run(const uint8_t *data, size_t size, unsigned options, size_t step, bool lines)
{
	static struct run r;
	struct smtp_client_event ev;
	size_t at = 0;

	init(&r, options);
	while (at < size && !r.done) {
		const uint8_t *lf = lines ? memchr(data + at, '\n', size - at) : NULL;
		size_t end = lf ? (size_t)(lf + 1 - data) : size;

		while (at < end && !r.done) {
			size_t n = MIN(step, end - at);
			char *piece = malloc(n);
			struct span in = span(piece, n);

			memcpy(piece, data + at, n);
			do {
				enum smtp_client_event_kind e =
				        smtp_client_next(&r.c, &in, &r.out, &ev);

				on_event(&r, e, &ev);
				if (e == SMTP_CE_MORE)
					break;
				if (e == SMTP_CE_ROOM)
					r.out.len = 0;
			} while (!r.done);
			BUG_ON(!r.done && in.len);
			at += n;
			free(piece);
		}
	}
	fold(&r, siphash(&(struct siphash_key){ 5, 6 }, r.bytes, r.out.len));
	return r.h;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t bytes;

	if (size < 2 || size > 8192)
		return 0;
	bytes = run(data + 1, size - 1, data[0], 1, true);
	BUG_ON(run(data + 1, size - 1, data[0], size, true) != bytes);
	BUG_ON(run(data + 1, size - 1, data[0], 2u + data[0] / 32, true) != bytes);
	run(data + 1, size - 1, data[0], size,
	    false); /* who talks ahead may be caught by it: other events */
	return 0;
}
