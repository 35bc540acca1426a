/* SPDX-License-Identifier: BSD-3-Clause
 * ledger.c - is there a reason for every answer that a sender heard?
 */
#include "tests/sim/ledger.h"
#include "tests/sim/sim_report.h"

#define SEC       1000000ull
#define FINAL_US  (550 * SEC)
#define GOOD_KEPT (620 * SEC) /* 10 min, and a late answer */
#define BAD_KEPT  (180 * SEC) /* 2 min, and a late answer */
#define LIVE_US   (3590 * SEC)

void
ledger_init(struct ledger *l)
{
	memset(l, 0, sizeof(*l));
}

static int
id_of(const struct ledger *l, const struct ledger_mail *m)
{
	return (int)(m - l->mails);
}

int
ledger_begin(struct ledger *l, int retry_of)
{
	struct ledger_mail *m = &l->mails[l->cnt];

	if (l->cnt == LEDGER_MAILS_MAX)
		return -1;
	memset(m, 0, sizeof(*m));
	m->sender = retry_of >= 0 ? l->mails[retry_of].sender : (int)l->cnt;
	m->attempt = retry_of >= 0 ? l->mails[retry_of].attempt + 1 : 1;
	if (retry_of >= 0)
		m->split_mask = l->mails[retry_of].split_mask;
	if (retry_of >= 0 && l->mails[retry_of].final == FINAL_SPLIT)
		m->split_mask |= l->mails[retry_of].ok_mask;
	l->latest[m->sender] = (int)l->cnt;
	return (int)l->cnt++;
}

void
ledger_mail_accepted(struct ledger *l, struct ledger_mail *m)
{
	if (l->lossless && l->drain_us && l->now_us > l->drain_us + 2 * SEC)
		sim_fail("mail %d: MAIL was accepted by a node that drains\n", id_of(l, m));
}

/* Servers say "… said CODE for sN.": is this one meant, and the code the same? False: none of a server's words. */
static bool
is_servers_word(struct ledger *l, struct ledger_mail *m, unsigned code, const char *text,
                bool others_too)
{
	const char *said = strstr(text, " said ");
	unsigned theirs;
	int whom;

	if (!said || sscanf(said, " said %u for s%d.", &theirs, &whom) != 2)
		return false;
	if (m->lied)
		return true;
	if (theirs != code)
		sim_fail("mail %d: the server said %u, the sender heard %u\n", id_of(l, m), theirs,
		         code);
	if (whom != m->sender && !others_too)
		sim_fail("mail %d: has the answer of sender %d: %s", id_of(l, m), whom, text);
	if (code >= 500 && (code < 550 || code > 556))
		sim_fail("mail %d: a fault between us and the server was passed on: %s",
		         id_of(l, m), text);
	return true;
}

/* ---- RCPT ---- */

static bool
may_answer(const struct ledger *l, const struct ledger_mail *m, unsigned rcpt,
           enum cust_answer wanted)
{
	for (unsigned g = 1; g <= CUST_GENERATIONS; g++)
		if ((l->reloads || l->gone_us[g] == 0) &&
		    cust_answer(rcpt, m->bad_sender, g) == wanted)
			return true;
	return false;
}

static void
check_accepted(struct ledger *l, struct ledger_mail *m, unsigned r, uint64_t asked_us)
{
	const struct ledger_word *w = &l->word[m->sender][r];
	const char *name = cust_rcpts[r].address;
	bool live = l->live_us[m->sender][r] && l->now_us < l->live_us[m->sender][r] + LIVE_US;
	bool asked = w->yes_us >= asked_us, kept;

	if (m->rcpts_ok > 0 && cust_rcpts[m->order[0]].route != cust_rcpts[r].route)
		sim_fail("mail %d: %s has another route and was accepted\n", id_of(l, m), name);
	if (asked || m->lied)
		return;
	if (live) {
		sim_fail("mail %d: %s was not asked live\n", id_of(l, m), name);
		return;
	}
	if (may_answer(l, m, r, ANSWER_KNOWN))
		return;
	kept = l->cache && l->good_us[r] && l->now_us < l->good_us[r] + GOOD_KEPT;
	if (!may_answer(l, m, r, ANSWER_ASK) || !kept)
		sim_fail("mail %d: %s was accepted and nobody said so\n", id_of(l, m), name);
}

/* Is there a reason to refuse? */
static bool
is_refusal_right(struct ledger *l, struct ledger_mail *m, unsigned r, unsigned code,
                 const char *text, uint64_t asked_us)
{
	const struct ledger_word *w = &l->word[m->sender][r];
	bool no_mailbox = strstr(text, "no such one") != NULL;

	if (is_servers_word(l, m, code, text, no_mailbox)) {
		if (MAX(w->no_us, l->mail_no_us[m->sender]) >= asked_us || m->lied)
			return true;
		return no_mailbox && l->cache && l->bad_us[r] &&
		       l->now_us < l->bad_us[r] + BAD_KEPT;
	}
	if (strstr(text, "relaying denied"))
		return may_answer(l, m, r, ANSWER_RELAY);
	if (strstr(text, "mailbox unknown"))
		return may_answer(l, m, r, ANSWER_UNKNOWN);
	if (strstr(text, " filter"))
		return may_answer(l, m, r, ANSWER_REFUSED);
	if (strstr(text, "4.5.3"))
		return (m->rcpts_ok > 0 && cust_rcpts[m->order[0]].route != cust_rcpts[r].route) ||
		       m->attempt > 1;
	if (code == 421)
		return true;
	return !(l->calm && m->friendly) && (strstr(text, "4.4.1") || strstr(text, "4.3.1"));
}

void
ledger_rcpt_answer(struct ledger *l, struct ledger_mail *m, unsigned r, unsigned code,
                   const char *text, uint64_t asked_us)
{
	if (code != 250) {
		if (!is_refusal_right(l, m, r, code, text, asked_us))
			sim_fail("mail %d: no reason to answer for %s: %s", id_of(l, m),
			         cust_rcpts[r].address, text);
		return;
	}
	check_accepted(l, m, r, asked_us);
	m->ok_mask |= (uint16_t)(1u << r);
	if (m->rcpts_ok < MAIL_RCPTS_MAX)
		m->order[m->rcpts_ok++] = (uint8_t)r;
}

void
ledger_server_word(struct ledger *l, int sender, int rcpt, unsigned code, bool may_keep, bool lied)
{
	struct ledger_word *w;

	if (sender < 0 || sender >= (int)l->cnt || rcpt < 0)
		return;
	w = &l->word[sender][rcpt];
	if (lied)
		l->mails[l->latest[sender]].lied = true;
	if (code < 300 || lied) {
		w->yes_us = l->now_us;
		l->good_us[rcpt] = l->now_us;
	}
	if (code >= 400 || lied)
		w->no_us = l->now_us;
	if ((code >= 500 && may_keep) || lied)
		l->bad_us[rcpt] = l->now_us;
}

/* ---- the end of a mail ---- */

static enum ledger_final
classify(struct ledger *l, struct ledger_mail *m, unsigned code, const char *text)
{
	static const struct {
		const char *word;
		enum ledger_final final;
	} rows[] = {
		{ "blocked by ", FINAL_BLOCKED },   { "recipients differ", FINAL_SPLIT },
		{ "4.2.0 ", FINAL_REPLAY },         { "4.4.1 ", FINAL_OUTAGE },
		{ "4.4.2 ", FINAL_UNSURE },         { "4.3.1 ", FINAL_ROOM },
		{ "local error", FINAL_ROOM },      { "5.6.0 ", FINAL_BARE },
		{ "for every rec", FINAL_NO_PRDR },
	};

	if (code == 421 || strstr(text, "message given up"))
		return FINAL_CLOSED;
	if (m->lied && strstr(text, "nobody asked"))
		return FINAL_TAKEN;
	if (is_servers_word(l, m, code, text, false))
		return code < 300 ? FINAL_TAKEN : FINAL_SERVER;
	if (code == 250 && strstr(text, "accepted for some"))
		return FINAL_PRDR;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strstr(text, rows[i].word) && code >= 400)
			return rows[i].final;
	return FINAL_OTHER;
}

/*
 * Did the server refuse somebody at replay? What was known of him is gone, and after 451 4.2.0 he is asked live. Of several the node
 * knows the first alone, and we do not know which it saw.
 */
static void
look_at_replay(struct ledger *l, struct ledger_mail *m)
{
	unsigned cnt = 0, r = 0;

	for (unsigned i = 0; i < m->rcpts_ok; i++)
		if (l->word[m->sender][m->order[i]].no_us >= m->data_us) {
			r = m->order[i];
			cnt++;
		}
	if (cnt == 0 && !m->lied && m->final == FINAL_REPLAY)
		sim_fail("mail %d: 451 4.2.0 and no server refused a recipient\n", id_of(l, m));
	if (cnt != 1 || m->lied)
		return;
	if (m->final == FINAL_REPLAY)
		l->live_us[m->sender][r] = l->now_us;
	if (l->lossless && l->good_us[r] < l->word[m->sender][r].no_us)
		l->good_us[r] = 0;
}

void
ledger_final_answer(struct ledger *l, struct ledger_mail *m, unsigned code, const char *text)
{
	if (m->final_code != 0)
		return;
	m->final_code = (uint16_t)code;
	m->final = classify(l, m, code, text);
	if (m->final == FINAL_OTHER)
		sim_fail("mail %d: no reason for the final answer %s", id_of(l, m), text);
	if (m->final == FINAL_REPLAY || m->final == FINAL_SERVER)
		look_at_replay(l, m);
	if (m->final == FINAL_NO_PRDR && (!m->prdr || m->prdr_mask || m->prdr_later))
		sim_fail("mail %d: refused for every recipient, and that is not so\n", id_of(l, m));
	if (m->end_us && l->lossless && l->now_us > m->end_us + FINAL_US)
		sim_fail("mail %d: the final answer came after %llu s\n", id_of(l, m),
		         (unsigned long long)((l->now_us - m->end_us) / SEC));
	if (l->calm && m->friendly &&
	    (m->final == FINAL_OUTAGE || m->final == FINAL_UNSURE || m->final == FINAL_ROOM ||
	     m->final == FINAL_CLOSED))
		sim_fail("mail %d: put off and nothing was wrong: %s", id_of(l, m), text);
	if (m->final == FINAL_SPLIT && !(m->ok_mask & ~m->split_mask) && !l->reloads)
		sim_fail("mail %d: recipients differ at try %u again\n", id_of(l, m), m->attempt);
}

void
ledger_prdr_answer(struct ledger *l, struct ledger_mail *m, unsigned i, unsigned code,
                   const char *text)
{
	unsigned r = m->order[i];
	enum ledger_final f = classify(l, m, code, text);

	if (code / 100 == 2 && f == FINAL_TAKEN)
		m->prdr_mask |= (uint16_t)(1u << r);
	else if (code / 100 == 2)
		sim_fail("mail %d: %s was told %s", id_of(l, m), cust_rcpts[r].address, text);
	m->prdr_later = m->prdr_later || code / 100 == 4;
	if (f == FINAL_BLOCKED && m->generation &&
	    cust_action(r, m->content, m->generation) != ACTION_BLOCK)
		sim_fail("mail %d: %s was refused and its policy does not\n", id_of(l, m),
		         cust_rcpts[r].address);
}

/* ---- verdicts ---- */

/* What stands at the end of a mail that is sent on before is seen in time or not. */
static bool
is_seen_late(const struct ledger_mail *m)
{
	return m->content & CONTENT_LATE && m->bytes >= SIM_HOLD_BYTES;
}

/* Of a mail whose generation had to go, the end may have been judged by the other one. */
static bool
was_evicted(const struct ledger *l, const struct ledger_mail *m)
{
	return l->evicted_us[m->generation] > m->data_us;
}

void
ledger_verdict(struct ledger *l, int sender, int rcpt, enum policy_action action,
               unsigned generation)
{
	struct ledger_mail *m;
	enum policy_action right;

	if (sender < 0 || sender >= (int)l->cnt || rcpt < 0)
		return;
	m = &l->mails[l->latest[sender]];
	if (generation < 1 || generation > CUST_GENERATIONS ||
	    (l->gone_us[generation] && l->gone_us[generation] < m->data_us)) {
		sim_fail("mail %d: the verdict names generation %u, which was gone before\n",
		         id_of(l, m), generation);
		return;
	}
	if (m->generation && m->generation != generation && !was_evicted(l, m))
		sim_fail("mail %d: was judged by generation %u and by %u\n", id_of(l, m),
		         m->generation, generation);
	m->generation = generation;
	right = cust_action((unsigned)rcpt, m->content, generation);
	if (action == ACTION_CONTINUE)
		action = ACTION_DELIVER;
	if (action != right && !(is_seen_late(m) && action == ACTION_DELIVER))
		sim_fail("mail %d: verdict %s for %s, generation %u says %s\n", id_of(l, m),
		         policy_action_name(action), cust_rcpts[rcpt].address, generation,
		         policy_action_name(right));
}

/* ---- after the seed ---- */

static bool
all_block(const struct ledger_mail *m, unsigned mask, unsigned g)
{
	for (unsigned r = 0; r < CUST_RCPTS; r++)
		if (mask & 1u << r && cust_action(r, m->content, g) != ACTION_BLOCK)
			return false;
	return true;
}

static bool
any_block(const struct ledger_mail *m, unsigned mask, unsigned g)
{
	for (unsigned r = 0; r < CUST_RCPTS; r++)
		if (mask & 1u << r && cust_action(r, m->content, g) == ACTION_BLOCK)
			return true;
	return false;
}

/* Nobody got what his policy blocks; who got it got it as his policy says. */
static void
check_policy(struct ledger *l, struct ledger_mail *m)
{
	unsigned g = m->generation ? m->generation : 1, first = 0;
	bool late = is_seen_late(m), tag;

	if (m->final == FINAL_BLOCKED && !late && !all_block(m, m->ok_mask, g) && !m->prdr)
		sim_fail("mail %d: blocked for all and not everybody's policy says so\n",
		         id_of(l, m));
	if (m->taken == 0)
		return;
	if (!late && any_block(m, m->taken_mask, g))
		sim_fail("mail %d: must be blocked and reached a server\n", id_of(l, m));
	if (late && any_block(m, m->taken_mask, g) &&
	    (!was_evicted(l, m) || any_block(m, m->taken_mask, 3 - g)))
		sim_fail("mail %d: its end must be blocked and reached a server\n", id_of(l, m));
	if (late || m->taken_mask == 0)
		return;
	first = (unsigned)__builtin_ctz(m->taken_mask);
	tag = cust_action(first, m->content, g) == ACTION_TAG;
	if (m->tagged != tag)
		sim_fail("mail %d: %s\n", id_of(l, m), tag ? "has no tag" : "has a tag");
	if (m->weir_header != (cust_action(first, m->content, g) == ACTION_HEADER))
		sim_fail("mail %d: X-Weir fields are %s\n", id_of(l, m),
		         m->weir_header ? "there" : "missing");
}

static void
check_delivery(struct ledger *l, struct ledger_mail *m)
{
	bool heard = m->final_code / 100 == 2;
	unsigned told = m->final == FINAL_PRDR || m->prdr_mask ? m->prdr_mask : m->ok_mask;

	if (heard && m->taken == 0 && !m->lied)
		sim_fail("mail %d: the sender got %u and no server took it\n", id_of(l, m),
		         m->final_code);
	if (m->ends > 1)
		sim_fail("mail %d: its end was sent %u times\n", id_of(l, m), m->ends);
	if (heard && m->bare)
		sim_fail("mail %d: has a bare LF and was accepted\n", id_of(l, m));
	if (heard && m->taken && told != m->taken_mask)
		sim_fail("mail %d: accepted for %x, taken for %x\n", id_of(l, m), told,
		         m->taken_mask);
	if (m->told && l->lossless && !m->lied && m->final_code && !heard &&
	    m->final != FINAL_CLOSED)
		sim_fail("mail %d: a server took it, the sender heard %u\n", id_of(l, m),
		         m->final_code);
	if (m->final == FINAL_SPLIT && !is_seen_late(m) && m->generation) {
		bool mixed = false;

		for (unsigned i = 1; i < m->rcpts_ok; i++)
			mixed = mixed ||
			        cust_action(m->order[i], m->content, m->generation) !=
			                cust_action(m->order[0], m->content, m->generation);
		if (!mixed)
			sim_fail("mail %d: its recipients do not differ\n", id_of(l, m));
	}
}

void
ledger_check(struct ledger *l)
{
	for (unsigned i = 0; i < l->cnt; i++) {
		struct ledger_mail *m = &l->mails[i];

		check_delivery(l, m);
		check_policy(l, m);
		if (m->began && m->final_code == 0 && !m->gave_up)
			sim_fail("mail %u: has no end\n", i);
	}
}

void
ledger_print(const struct ledger *l)
{
	for (unsigned i = 0; i < l->cnt; i++) {
		const struct ledger_mail *m = &l->mails[i];

		printf("mail %u: s%d try %u content %x bytes %u%s%s%s: ok %x, heard %u (%d)%s, "
		       "ends %u, "
		       "taken %u for %x, prdr %x, generation %u%s\n",
		       i, m->sender, m->attempt, m->content, m->bytes,
		       m->friendly ? " friendly" : "", m->bad_sender ? " bad" : "",
		       m->bare ? " bare" : "", m->ok_mask, m->final_code, (int)m->final,
		       m->gave_up ? " gave up" : "", m->ends, m->taken, m->taken_mask, m->prdr_mask,
		       m->generation, m->lied ? " lied to" : "");
	}
}
