/* SPDX-License-Identifier: BSD-3-Clause
 * world.h - one worker, one net, one far host on a virtual clock: what the scripted cases of sim_cases.c are played in
 *
 * Owner   world_begin() to world_end(), one at a time; struct world is one global, since a program plays one case after the other.
 * Thread  One.
 */
#pragma once
#include "bench/host.h"
#include "dataplane/worker.h"
#include "tests/sim/net.h"

#define SEC                1000000ull
#define WORLD_HOLD_BYTES   (64 << 10)
#define WORLD_BUDGET_MAILS 16 /* of that size */
#define WORLD_CONNS        64
#define WORLD_SENDERS      24
#define WORLD_GENERATIONS  2

struct line {
	uint64_t at_us; /* since the begin */
	char text[600];
};

struct end {
	struct tcp_conn *tcp; /* NULL: gone */
	bool closed;          /* the other side sent FIN, or RST */
	bool was_reset;
	bool is_deaf;  /* does not read: what comes stays in its receive buffer until hear() */
	uint16_t port; /* of a server */
	char part[1200];
	size_t part_len;
	struct line *lines; /* of a server: commands; of a sender: replies */
	unsigned line_cnt, read_cnt;
	char first[64]; /* the first bytes that came */
	unsigned first_len, proxy_left;
	bool in_data;
	unsigned subject_cnt;                      /* of all bodies */
	uint64_t chunk_left, body_bytes, body_cnt; /* bodies: ended ones */
	char body[4096]; /* the first of the last one, with its line ends */
	char later[200]; /* what it says at later_us */
	uint64_t later_us;
};

/* What a server says to a verb, "" nothing, "!" a reset; bad_rcpt is for RCPTs that have bad_part in them. */
struct answers {
	const char *banner, *ehlo, *mail, *rcpt, *data, *final, *rset, *bad_part, *bad_rcpt;
	const char *chunk;    /* to a BDAT command, before its bytes; NULL: nothing */
	unsigned proxy_bytes; /* of a PROXY header that a server reads first */
	bool stays;           /* QUIT is answered, and the connection is not closed */
	uint64_t banner_after_us, rcpt_after_us, final_after_us;
};

struct world {
	uint64_t now_us;
	struct net net;
	struct host host;
	struct packet_port *port;
	struct packet_dev dev;
	struct upstream_health_table *health;
	struct limits_table *limits;
	struct event_ring events;
	struct worker *worker;
	struct end sender; /* most cases have this one */
	struct end more[WORLD_SENDERS];
	struct end server[WORLD_CONNS];
	unsigned server_cnt;
	struct answers answers;
	struct addr banned; /* all zero: nobody */
	const char *case_name;
	bool failed;
};

extern struct world x;
extern const struct answers polite;
/* Of the next world_begin(): places for connections to customers' servers. */
extern uint32_t world_upstream_conns;

bool world_set_up(void);
struct worker_tunables world_defaults(void);
/* Connects x.sender, reads the banner and says EHLO unless `quiet`. */
void world_begin(const struct worker_tunables *t, const struct answers *a, bool quiet);
void world_end(void);

struct world_case {
	const char *name;
	void (*run)(void);
};

/* Every case, or the one of that name; the program's exit status. */
int world_play(const struct world_case *cases, size_t cnt, const char *only);

/* Generation 1 is current at the begin. */
void world_publish(unsigned generation);
void world_evict(unsigned generation);
bool world_is_pinned(unsigned generation);

void connect_from(struct end *e, const char *address);
void say(struct end *e, const char *z);
void hear(struct end *e); /* it reads again, what waits first */
void say_bytes(struct end *e, struct span bytes);
void turn(void);
void pass_time(uint64_t us);
uint64_t now_s(void);
/* The last line of e's next reply within `us`; "" none. */
const char *reply_of(struct end *e, uint64_t us);
/* Commands that begin so, at all servers; at those of a port. */
unsigned said(const char *verb);
unsigned said_at(uint16_t port, const char *verb);
uint64_t node_counter(const char *metric, const char *labels);
void wrong(const char *name, unsigned line, const char *text);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			wrong(__func__, __LINE__, #cond);                                          \
	} while (0)

#define EXPECT_OF(e, prefix, us)                                                                   \
	do {                                                                                       \
		const char *got_ = reply_of(e, us);                                                \
		if (strncmp(got_, prefix, strlen(prefix))) {                                       \
			char text_[800];                                                           \
			snprintf(text_, sizeof(text_), "expected %s, got \"%s\" at %llu s",        \
			         prefix, got_, (unsigned long long)now_s());                       \
			wrong(__func__, __LINE__, text_);                                          \
		}                                                                                  \
	} while (0)

#define EXPECT(prefix, us) EXPECT_OF(&x.sender, prefix, us)

#define TELL_OF(e, text, prefix)                                                                   \
	do {                                                                                       \
		say(e, text "\r\n");                                                               \
		EXPECT_OF(e, prefix, 3600 * SEC);                                                  \
	} while (0)

#define TELL(text, prefix) TELL_OF(&x.sender, text, prefix)
