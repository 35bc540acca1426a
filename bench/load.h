/* SPDX-License-Identifier: BSD-3-Clause
 * load.h - generator and sink of mails on one host of our own stack: closed loop, everything checked
 *
 * Why     `weirload ring` needs senders and a customer's server that cost little and believe nothing: each mail has a number
 *         and a checksum, each number's fate is kept, and the sum must come out (decisions 12, 25).
 * Owner   The caller owns the struct and the host's device and pool.
 * Thread  One.
 * Limit   `sessions` senders at a time; 16 M mail numbers a run.
 */
#pragma once
#include "base/hist.h"
#include "bench/host.h"
#include "bench/mail_text.h"

struct load_config {
	struct host_config host;
	struct addr sources[16]; /* the generator's addresses, used in turn */
	unsigned source_cnt;
	struct addr relay;
	uint16_t relay_port, sink_port;
	unsigned sessions;
	unsigned connects_per_s; /* 0: as fast as sessions become free */
	unsigned reuse;          /* mails a connection */
	size_t bytes;            /* of a mail */
	unsigned hit_permille;   /* mails that carry one known hit */
	const char *rcpt;        /* "sink@load.test" */
};

enum load_fate {
	LOAD_UNUSED,
	LOAD_SENT,
	LOAD_DELIVERED,
	LOAD_REFUSED,
	LOAD_DEFERRED,
	LOAD_GIVEN_UP
};

struct load_result {
	uint64_t sent, delivered, refused, deferred, given_up, in_flight;
	uint64_t at_sink;          /* whole and right mails that the sink took */
	uint64_t altered;          /* checksum wrong or no number */
	uint64_t duplicated, lost; /* lost: delivered by the relay's word, and not at the sink */
	uint64_t wrong_verdict;    /* a hit that passed, or a clean mail that was refused */
	uint64_t connects, connect_errors;
	struct hist latency_us; /* MAIL to the final reply */
};

struct load;

struct load *load_new(const struct load_config *c, uint64_t now_us);

/* Senders begin no new mail any more. */
void load_stop(struct load *l);
bool load_is_idle(const struct load *l);
void load_turn(struct load *l, uint64_t now_us);

/* From here on mails and latencies count (a warm-up is over). Fates go on. */
void load_mark(struct load *l);

/* Sums since the mark; lost and duplicated over all of the run. */
void load_result(const struct load *l, struct load_result *out);
void load_free(struct load *l);
