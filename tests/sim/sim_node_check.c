/* SPDX-License-Identifier: BSD-3-Clause
 * sim_node_check.c - what must hold after a seed: the ledger's promises, the node's own sums, nothing left
 */
#include "dataplane/message_internal.h"
#include "tests/sim/sim.h"
#include "dataplane/limits.h"
#include "tests/sim/sim_report.h"

#define SHUT_US (3 * SEC) /* room is looked for once a second */

/* The sum of all counters of a metric; labels NULL: of any. */
static uint64_t
node_counter(const struct sim *s, const char *metric, const char *labels)
{
	struct counter_set sets[24];
	size_t n = worker_counter_sets(s->worker, sets, ARRAY_LEN(sets));
	uint64_t sum = 0;
	bool found = false;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i].cnt; k++)
			if (!strcmp(sets[i].desc[k].metric, metric) &&
			    (!labels || !strcmp(sets[i].desc[k].labels, labels))) {
				sum += counter_read(&sets[i].values[k]);
				found = true;
			}
	if (!found)
		sim_fail("there is no counter %s{%s}\n", metric, labels ? labels : "");
	return sum;
}

/* A mail that is half in, of what its sender said or of all that is held, waits for room although budget and pool have a chunk. */
static bool
is_shut_for_nothing(const struct worker *w, const struct message *m)
{
	uint64_t whole = m->expected > 0 && m->expected < w->cfg.hold_bytes ? m->expected
	                                                                    : w->cfg.hold_bytes;

	return m->starved && m->s && !m->streaming && 2 * m->body_bytes >= whole &&
	       m->body_bytes <= whole && w->hold_used + CHUNK_BYTES <= w->hold_budget &&
	       w->chunks.used_cnt < w->chunks.cnt;
}

void
sim_check_shut(struct sim *s)
{
	const struct message *still = NULL;

	list_for_each_safe(it, tmp, &s->worker->in_body)
	{
		const struct message *m = list_entry(it, struct message, body_link);

		if (is_shut_for_nothing(s->worker, m) && (!still || m == s->shut))
			still = m;
	}
	if (still != s->shut)
		s->shut_us = s->now_us;
	s->shut = still;
	if (still && s->now_us - s->shut_us > SHUT_US) {
		sim_fail("mail %llx is half in and gets no room, %llu of %llu bytes are held\n",
		         (unsigned long long)still->id, (unsigned long long)s->worker->hold_used,
		         (unsigned long long)s->worker->hold_budget);
		s->shut_us = s->now_us;
	}
}

/* What senders heard, beside what the node counts. Some of its ends nobody heard of. */
static void
check_heard(const struct sim *s, uint64_t delivered, uint64_t refused, uint64_t deferred)
{
	uint64_t heard2 = 0, heard4 = 0, heard5 = 0, taken = 0, lied = 0;

	for (unsigned i = 0; i < s->far->ledger.cnt; i++) {
		const struct ledger_mail *m = &s->far->ledger.mails[i];
		bool own = m->final != FINAL_NOBODY && m->final != FINAL_ROOM &&
		           m->final != FINAL_CLOSED;

		taken += m->taken > 0;
		lied += m->lied;
		heard2 += m->final_code / 100 == 2;
		heard4 += own && m->final_code / 100 == 4;
		heard5 += own && m->final_code / 100 == 5;
	}
	if (delivered < heard2 || refused < heard5 || deferred < heard4)
		sim_fail("senders heard of %llu, %llu, %llu delivered, refused, deferred, the node "
		         "counts %llu, %llu, %llu\n",
		         (unsigned long long)heard2, (unsigned long long)heard5,
		         (unsigned long long)heard4, (unsigned long long)delivered,
		         (unsigned long long)refused, (unsigned long long)deferred);
	if (delivered > taken + lied)
		sim_fail("servers took %llu mails, the node counts %llu delivered\n",
		         (unsigned long long)taken, (unsigned long long)delivered);
}

static void
check_sums(const struct sim *s)
{
	uint64_t sent = node_counter(s, "weir_mails_total", "result=\"sent\"");
	uint64_t delivered = node_counter(s, "weir_mails_total", "result=\"delivered\"");
	uint64_t refused = node_counter(s, "weir_mails_total", "result=\"refused\"");
	uint64_t deferred = node_counter(s, "weir_mails_total", "result=\"deferred\"");
	uint64_t given_up = node_counter(s, "weir_mails_total", "result=\"given_up\"");
	uint64_t by_filter = node_counter(s, "weir_refusals_total", NULL);

	if (sent != delivered + refused + deferred + given_up)
		sim_fail(
		        "sent %llu is not delivered %llu + refused %llu + deferred %llu + given_up "
		        "%llu\n",
		        (unsigned long long)sent, (unsigned long long)delivered,
		        (unsigned long long)refused, (unsigned long long)deferred,
		        (unsigned long long)given_up);
	if (by_filter != refused)
		sim_fail("refused %llu, by what: %llu\n", (unsigned long long)refused,
		         (unsigned long long)by_filter);
	if (node_counter(s, "weir_mails_in_flight", NULL) != 0)
		sim_fail("mails are in flight and none is there\n");
	if (sent > s->far->ledger.cnt)
		sim_fail("sent %llu of %u mails\n", (unsigned long long)sent, s->far->ledger.cnt);
	check_heard(s, delivered, refused, deferred);
}

bool
sim_is_clean(const struct sim *s)
{
	struct worker_leaks l;

	worker_get_leaks(s->worker, &l);
	return l.sessions + l.messages + l.chunks + l.small_chunks + l.lines + l.jobs +
	                       l.upstream_waiting + l.routes_held ==
	               0 &&
	       l.hold_bytes == 0;
}

bool
sim_has_timers(const struct sim *s)
{
	struct worker_leaks l;

	worker_get_leaks(s->worker, &l);
	return l.timers > 0;
}

#define NO_LEAK(l, what)                                                                           \
	do {                                                                                       \
		if ((l).what != 0)                                                                 \
			sim_fail("left over: %llu " #what "\n", (unsigned long long)(l).what);     \
	} while (0)

static void
check_leaks(const struct sim *s)
{
	struct worker_leaks l;

	worker_get_leaks(s->worker, &l);
	NO_LEAK(l, sessions);
	NO_LEAK(l, messages);
	NO_LEAK(l, chunks);
	NO_LEAK(l, small_chunks);
	NO_LEAK(l, lines);
	NO_LEAK(l, jobs);
	NO_LEAK(l, timers);
	NO_LEAK(l, routes_held);
	NO_LEAK(l, upstream_waiting);
	NO_LEAK(l, hold_bytes);
	if (limits_held(s->limits) != 0)
		sim_fail("left over: %llu connections in the limits\n",
		         (unsigned long long)limits_held(s->limits));
}

void
sim_check(struct sim *s)
{
	ledger_check(&s->far->ledger);
	check_sums(s);
	check_leaks(s);
	if (s->far->ledger.cnt < 20)
		sim_fail("only %u mails\n", s->far->ledger.cnt);
}
