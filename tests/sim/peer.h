/* SPDX-License-Identifier: BSD-3-Clause
 * peer.h - simulated senders and simulated customers' servers, as dialogues that know no TCP
 *
 * Why     The node simulator needs both ends of the relay, honest and not, from one seed. A peer gets bytes and a clock, and
 *         answers through its ops; who carries the bytes is the simulator's matter.
 * Owner   The simulator owns peers and the ledger; spans handed to ops live until the op returns. What a peer has on the heap
 *         goes at peer_server_fini() and peer_sender_closed().
 * Thread  The simulator's one.
 */
#pragma once
#include "base/base.h"
#include "base/rng.h"
#include "tests/sim/ledger.h"

struct peer_ops {
	void (*send)(void *ctx, struct span bytes);
	void (*close)(void *ctx);                /* FIN after what was sent */
	void (*abort)(void *ctx);                /* RST */
	void (*wake)(void *ctx, uint64_t at_us); /* call peer_tick() then */
};

/* ---- a customer's server ---- */

enum sim_stage {
	AT_BANNER,
	AT_EHLO,
	AT_XCLIENT,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_BODY,
	AT_FINAL,
	AT_RSET,
	AT_QUIT,
	SIM_STAGES
};

enum sim_fault {
	FAULT_NONE,
	FAULT_4XX,
	FAULT_5XX,     /* 550 5.1.1 */
	FAULT_POLICY,  /* 550 5.7.1 */
	FAULT_ORDER,   /* 503: something between us and the server */
	FAULT_421,     /* and FIN */
	FAULT_SILENT,  /* for ever */
	FAULT_RESET,   /* instead of an answer */
	FAULT_CLOSE,   /* FIN instead of an answer */
	FAULT_LATE,    /* up to 40 s, and nothing is read meanwhile */
	FAULT_GARBAGE, /* no SMTP at all */
	FAULT_TWICE,   /* an answer that nobody asked for behind the right one */
	FAULT_RESET_AFTER,
	FAULT_CLOSE_AFTER,
	FAULT_MULTILINE, /* no fault, but seen seldom */
	FAULT_BYTEWISE,  /* as this one: answers of one byte a segment */
	FAULT_EARLY,     /* BDAT LAST has its 250 before its bytes; the server then breaks off */
	SIM_FAULTS
};

extern const char *const sim_stage_names[SIM_STAGES];
extern const char *const sim_fault_names[SIM_FAULTS];

/* Can this be done there? */
bool sim_fault_is_there(enum sim_stage stage, enum sim_fault fault);

/* How often each was injected, over all seeds. */
extern uint64_t sim_struck[SIM_STAGES][SIM_FAULTS];

struct peer_server_config {
	enum sim_stage stage; /* of this connection's fault */
	enum sim_fault fault;
	unsigned nth;  /* the fault strikes the n-th time the stage is reached, from 1 */
	bool poor;     /* no extension at all */
	uint16_t port; /* which of cust_ports */
};

struct peer_server {
	const struct peer_ops *ops;
	void *ctx;
	struct ledger *ledger;
	struct rng *rng;
	struct peer_server_config cfg;
	unsigned reached; /* how often the fault's stage was */
	bool fired, lied;
	enum { PS_PROXY, PS_COMMANDS, PS_DATA, PS_BDAT, PS_DEAD } mode;
	uint64_t unasked_us; /* when the answer too many was given */
	/* the relay's words about the sender */
	struct peer_client {
		struct addr addr;
		uint16_t port;
		bool is_set;
	} client, forward; /* XCLIENT or PROXY; XFORWARD */
	/* transaction */
	bool envelope;
	int sender;
	uint16_t rcpt_mask;
	unsigned rcpts;
	uint64_t size; /* of MAIL; 0: none */
	/* input that waits while an answer is late; heap */
	char *held;
	size_t held_len;
	uint64_t late_at_us;
	char late[200];
	enum sim_stage late_stage;
	/* a command, or a line of the header */
	char line[1100];
	size_t line_len;
	/* body: peer_body.c */
	uint64_t bdat_left, total;
	bool bdat_last, body_open, mute; /* mute: the mail was answered before its end */
	uint64_t early_us;               /* when FAULT_EARLY struck; 0: it did not */
	unsigned eod;                    /* progress through CR LF . CR LF; 2: a line begins */
	enum { BODY_OURS, BODY_HEADER, BODY_TEXT } part;
	uint32_t crc, bytes;
	int mail; /* -1 until its X-Sim-Id line was seen */
	unsigned received, foreign;
	bool tagged, weir_header;
};

void peer_server_start(struct peer_server *s, const struct peer_ops *ops, void *ctx,
                       struct ledger *l, struct rng *rng, const struct peer_server_config *cfg);
void peer_server_feed(struct peer_server *s, struct span in);
void peer_server_tick(struct peer_server *s);
void peer_server_fini(struct peer_server *s);

/* peer_body.c: what is inside a mail. */
void peer_body_begin(struct peer_server *s);
void peer_body_byte(struct peer_server *s, char c);
bool peer_body_data_byte(struct peer_server *s, char c); /* DATA: true at the final dot */
/* All of it is here: does it agree with the ledger? NULL: nobody knows this mail. */
struct ledger_mail *peer_body_check(struct peer_server *s);

/* ---- a sender ---- */

/* The first SH_FRIENDLY keep to the rules. */
enum sender_habit {
	SH_HONEST,
	SH_PIPELINE,
	SH_BDAT,
	SH_PRDR,
	SH_RETRY, /* comes again with what was put off */
	SH_SLOW,  /* the body in small pieces with pauses */
	SH_FRIENDLY,
	SH_ABORT_IN_BODY = SH_FRIENDLY, /* RST half way through the body */
	SH_ABORT_AT_DOT,                /* RST right after the dot */
	SH_ABORT_LATER,                 /* RST some time after the dot */
	SH_SILENT_IN_BODY,              /* stops half way and stays connected */
	SH_SILENT,                      /* says nothing after the banner */
	SH_RSET,                        /* RSET after RCPT, then a mail */
	SH_EARLY,                       /* talks before the banner */
	SH_BARE,                        /* a bare LF in the body */
	SH_LEAVE,                       /* goes while RCPT is being asked */
	SH_KINDS
};

extern const char *const sender_habit_names[SH_KINDS];

struct peer_sender {
	const struct peer_ops *ops;
	void *ctx;
	struct ledger *ledger;
	struct rng *rng;
	enum sender_habit habit;
	unsigned mails_left;
	bool v6;
	uint16_t port;
	int mail; /* index in the ledger; -1 between mails */
	unsigned state;
	unsigned rcpts_asked, rcpts_answered;
	uint8_t rcpts[MAIL_RCPTS_MAX];
	unsigned rcpt_cnt;
	uint8_t again[MAIL_RCPTS_MAX]; /* SH_RETRY: put off, to be tried again */
	unsigned again_cnt;
	char line[1100];
	size_t line_len;
	char *body; /* of the mail under way; heap */
	size_t body_len, body_at;
	unsigned chunks; /* SH_BDAT: answers still to come */
	unsigned prdr_at;
	bool prdr_on, was_reset, done;
	bool is_late; /* began when the node drained already */
	uint64_t wake_us, asked_us, waits_us;
	uint64_t said_us; /* its last byte */
};

void peer_sender_start(struct peer_sender *s, const struct peer_ops *ops, void *ctx,
                       struct ledger *l, struct rng *rng, enum sender_habit habit, unsigned mails);
void peer_sender_opened(struct peer_sender *s, uint16_t port, bool v6);
void peer_sender_feed(struct peer_sender *s, struct span in);
void peer_sender_tick(struct peer_sender *s);
/* The connection is gone, however: a mail under way has no answer. */
void peer_sender_closed(struct peer_sender *s);

#define PEER_CRC_INIT 2166136261u
uint32_t peer_crc(uint32_t crc, const void *p, size_t n);
