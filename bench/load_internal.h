/* SPDX-License-Identifier: BSD-3-Clause
 * load_internal.h - what the senders (load.c) and the sink (load_sink.c) share
 *
 * Thread  One.
 */
#pragma once
#include "base/pool.h"
#include "bench/load.h"
#include "dataplane/smtp/smtp_client.h"
#include "dataplane/smtp/smtp_server.h"

#define LOAD_SEQ_MAX (16u << 20)
#define LOAD_OUT     8192

struct load_sender {
	struct load *load;
	struct tcp_conn *tcp; /* NULL: to be connected */
	struct smtp_client client;
	struct smtp_client_mail mail;
	uint64_t seq; /* of the mail under way; 0: none */
	uint64_t began_us;
	enum mail_hit hit;
	unsigned mails_left;
};

struct load {
	struct load_config cfg;
	struct host host;
	struct rng rng;
	struct mail_text text;
	uint64_t now_us, last_seq;
	uint64_t pace_us; /* connects_per_s: when the next one may begin */
	bool stopping;
	uint8_t *fates; /* enum load_fate by number */
	uint8_t *seen;  /* how often the sink took it, by number */
	uint64_t altered, at_sink;
	struct span rcpt;
	struct load_sender *senders;
	unsigned next_sender, next_source;
	struct smtp_client_config client_cfg;
	struct smtp_server_config server_cfg;
	struct pool bodies, lines, sinks;
	struct smtp_out *sender_out;
	char out[LOAD_OUT];
	struct load_result res;
};

int load_sink_init(struct load *l);
void load_sink_fini(struct load *l);
