/* SPDX-License-Identifier: BSD-3-Clause
 * peer_body.c - what a customer's server finds in a mail: our fields on top, then the bytes as they were sent
 */
#include "tests/sim/peer.h"
#include "tests/sim/sim_report.h"

uint32_t
peer_crc(uint32_t crc, const void *p, size_t n) /* FNV-1a: any hash does, both ends are ours */
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		crc = (crc ^ b[i]) * 16777619u;
	return crc;
}

void
peer_body_begin(struct peer_server *s)
{
	s->body_open = true;
	s->mute = s->tagged = s->weir_header = false;
	s->eod = 2;
	s->part = BODY_OURS;
	s->crc = PEER_CRC_INIT;
	s->bytes = 0;
	s->total = 0;
	s->received = s->foreign = 0;
	s->mail = -1;
	s->line_len = 0;
}

static void
count(struct peer_server *s, const char *p, size_t n)
{
	s->crc = peer_crc(s->crc, p, n);
	s->bytes += (uint32_t)n;
}

/* Above X-Sim-Id: Received, its folded lines, X-Weir fields. */
static void
our_line(struct peer_server *s)
{
	if (!strncmp(s->line, "X-Sim-Id: ", 10)) {
		s->mail = atoi(s->line + 10);
		s->part = BODY_HEADER;
		count(s, s->line, s->line_len);
	} else if (!strncmp(s->line, "Received: from ", 15) && s->received + s->foreign == 0) {
		s->received++;
	} else if (!strncmp(s->line, "X-Weir-", 7) && strncmp(s->line, "X-Weir-Tag:", 11)) {
		s->weir_header = true;
	} else if (s->line[0] != ' ' && s->line[0] != '\t') {
		s->foreign++;
	}
}

/* The mail's own header: the subject may have a tag. */
static void
own_line(struct peer_server *s)
{
	static const char tagged[] = "Subject: [SPAM] ";

	if (!strncmp(s->line, tagged, sizeof(tagged) - 1) && !s->tagged) {
		s->tagged = true;
		count(s, "Subject: ", 9);
		count(s, s->line + sizeof(tagged) - 1, s->line_len - (sizeof(tagged) - 1));
	} else {
		count(s, s->line, s->line_len);
	}
	if (s->line_len == 2)
		s->part = BODY_TEXT;
}

/* One byte of the mail in CR LF form, unstuffed. */
void
peer_body_byte(struct peer_server *s, char c)
{
	s->total++;
	if (s->part == BODY_TEXT) {
		count(s, &c, 1);
		return;
	}
	if (s->line_len < sizeof(s->line) - 1)
		s->line[s->line_len++] = c;
	if (c != '\n')
		return;
	s->line[s->line_len] = 0;
	if (s->part == BODY_OURS)
		our_line(s);
	else
		own_line(s);
	s->line_len = 0;
}

/* CR LF . CR LF ends, a leading dot is dropped. */
bool
peer_body_data_byte(struct peer_server *s, char c)
{
	/* eod: 0 in a line, 1 after CR, 2 at a line's start, 3 after its dot, 4 after dot CR */
	switch (s->eod) {
	case 2:
		if (c == '.') {
			s->eod = 3;
			return false;
		}
		break;
	case 3:
		if (c == '\r') {
			s->eod = 4;
			return false;
		}
		break;
	case 4:
		if (c == '\n')
			return true;
		peer_body_byte(s, '\r');
		break;
	default:
		break;
	}
	s->eod = c == '\r' ? 1 : (s->eod == 1 && c == '\n') ? 2 : 0;
	peer_body_byte(s, c);
	return false;
}

struct ledger_mail *
peer_body_check(struct peer_server *s)
{
	struct ledger_mail *m;

	if (s->mail < 0 || s->mail >= (int)s->ledger->cnt) {
		sim_fail("a server got a mail that nobody sent\n");
		return NULL;
	}
	m = &s->ledger->mails[s->mail];
	if (m->crc != s->crc || m->bytes != s->bytes)
		sim_fail("mail %d: a server got %u bytes that are not the %u sent\n", s->mail,
		         s->bytes, m->bytes);
	if (s->received != 1 || s->foreign)
		sim_fail("mail %d: %u Received fields and %u others on top\n", s->mail, s->received,
		         s->foreign);
	if (s->sender != m->sender)
		sim_fail("mail %d: came in the envelope of sender %d\n", s->mail, s->sender);
	if (s->size && s->total < SIM_HOLD_BYTES && s->size != s->total)
		sim_fail("mail %d: SIZE=%llu, %llu bytes came\n", s->mail,
		         (unsigned long long)s->size, (unsigned long long)s->total);
	m->ends++;
	m->tagged = s->tagged;
	m->weir_header = s->weir_header;
	return m;
}
