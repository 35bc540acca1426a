/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_drive.h - drives a smtp_server over text: answers what is pending, writes down what happened
 *
 * Why     Unit tests and fuzz targets compare transcripts: the same bytes, cut anywhere, must give
 *         the same one.
 */
#pragma once
#include "dataplane/smtp/smtp_server.h"
#include "tests/check.h"

struct drive {
	struct smtp_server s;
	struct smtp_server_config cfg;
	char out_bytes[1 << 16]; /* replies */
	struct smtp_out out;
	char body
	        [1
	         << 16]; /* of all mails: bytes, "|" at each END, "!" at each DROP, "~" at each RSET or HELO */
	size_t body_len, mail_at; /* mail_at: where the mail under way begins */
	unsigned ends, mails, rcpts, events;
	int lent;
	char lines[2][SMTP_COMMAND_MAX];
	bool no_lines;        /* the lender has none */
	bool deferred;        /* answers come only when nothing else goes on */
	const char *refuse;   /* what RCPT's local part must be to get 550 */
	unsigned refuse_data; /* code for DATA and BDAT, 0: go */
	bool prdr;            /* answer each recipient */
	enum smtp_event last;
};

static char *
drive_get(void *ctx)
{
	struct drive *d = ctx;

	if (d->no_lines || d->lent)
		return NULL;
	d->lent++;
	return d->lines[0];
}

static void
drive_put(void *ctx, char *buf)
{
	struct drive *d = ctx;

	BUG_ON(buf != d->lines[0] || d->lent != 1);
	memset(buf, 'Z', SMTP_COMMAND_MAX); /* a use after is seen */
	d->lent--;
}

static void
drive_init(struct drive *d)
{
	memset(d, 0, offsetof(struct drive, out_bytes));
	memset(&d->out, 0, sizeof(*d) - offsetof(struct drive, out));
	d->cfg = (struct smtp_server_config){ .hostname = span_z("mx.test"),
		                              .max_message = 1000,
		                              .max_recipients = 3,
		                              .max_errors = 8,
		                              .max_idle = 20,
		                              .lender = { drive_get, drive_put, d } };
	smtp_server_config_seal(&d->cfg);
	d->out = (struct smtp_out){ d->out_bytes, 0, sizeof(d->out_bytes) };
	smtp_server_init(&d->s, &d->cfg, 0);
}

static void
drive_note(struct drive *d, struct span s)
{
	if (s.len && d->body_len + s.len <= sizeof(d->body)) {
		memcpy(d->body + d->body_len, s.p, s.len);
		d->body_len += s.len;
	}
}

static void
drive_answer(struct drive *d, enum smtp_event e, const struct smtp_server_event *ev)
{
	enum smtp_reply_id id = SMTP_R_SENDER_OK;

	if (e == SMTP_EV_RCPT) {
		bool no = d->refuse && span_is(ev->path.local, d->refuse);

		id = no ? SMTP_R_MAILBOX : SMTP_R_RECIPIENT_OK;
		d->rcpts += !no;
	} else if (e == SMTP_EV_DATA) {
		id = d->refuse_data ? SMTP_R_NO_ROOM : SMTP_R_GO_AHEAD;
	} else if (e == SMTP_EV_END) {
		struct smtp_answer ok = smtp_answer_own(SMTP_R_OK);

		for (unsigned i = 0; d->prdr && d->s.prdr && i < d->s.rcpt_cnt; i++)
			BUG_ON(!smtp_server_answer_rcpt(&d->s, &ok, &d->out));
		id = SMTP_R_OK;
	}
	BUG_ON(!smtp_server_answer_own(&d->s, id, &d->out));
}

static void
drive_event(struct drive *d, enum smtp_event e, const struct smtp_server_event *ev)
{
	d->events++;
	if (e == SMTP_EV_BODY)
		drive_note(d, ev->body);
	if (e == SMTP_EV_END)
		drive_note(d, span("|", 1));
	if (e == SMTP_EV_DROP && ev->reply == SMTP_R_TOO_BIG)
		d->body_len =
		        MIN(d->mail_at, d->body_len); /* how much came before depends on the cuts */
	if (e == SMTP_EV_DROP)
		drive_note(d, span("!", 1));
	if (e == SMTP_EV_RSET || e == SMTP_EV_HELO)
		drive_note(d, span("~", 1));
	if (e == SMTP_EV_MAIL)
		d->mail_at = d->body_len;
	d->ends += e == SMTP_EV_END;
	d->mails += e == SMTP_EV_MAIL;
	if (e == SMTP_EV_MAIL || e == SMTP_EV_RCPT || e == SMTP_EV_DATA || e == SMTP_EV_END) {
		static struct smtp_server_event unused;
		struct span none = span("", 0);

		BUG_ON(!smtp_server_is_pending(&d->s));
		BUG_ON(smtp_server_next(&d->s, &none, &d->out, &unused) != SMTP_EV_WAIT);
		drive_answer(d, e, ev);
	}
}

/* Feeds all of `in`; true while the session goes on. */
static bool
drive(struct drive *d, struct span in)
{
	static struct smtp_server_event ev;

	for (;;) {
		if (smtp_out_room(&d->out) <
		    SMTP_OUT_ROOM) /* fuzzed input: only the last replies count */
			d->out.len = 0;
		d->last = smtp_server_next(&d->s, &in, &d->out, &ev);
		if (d->last == SMTP_EV_MORE) {
			BUG_ON(in.len); /* input is used up */
			return true;
		}
		BUG_ON(d->last == SMTP_EV_ROOM || d->last == SMTP_EV_WAIT);
		drive_event(d, d->last, &ev);
		if (d->last == SMTP_EV_QUIT || d->last == SMTP_EV_CLOSE)
			return false;
	}
}
