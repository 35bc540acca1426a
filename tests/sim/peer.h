/* SPDX-License-Identifier: BSD-3-Clause
 * peer.h - simulated senders and simulated customers' servers, as dialogues that know no TCP
 *
 * Why     The node simulator needs both ends of the relay, honest and not, from one seed. A peer gets bytes and a clock, and
 *         answers through its ops; who carries the bytes is the simulator's matter.
 * Owner   The simulator owns peers and the ledger; spans handed to ops live until the op returns.
 * Thread  The simulator's one.
 */
#pragma once
#include "base/base.h"
#include "base/rng.h"

#define LEDGER_MAILS_MAX 256

/* What the two ends saw of one mail; the properties are checked on this alone. */
struct ledger_mail {
	uint32_t crc; /* of the body as sent, CR LF form, without the final dot */
	uint32_t bytes;
	uint8_t rcpts_ok;      /* RCPTs that the sender saw accepted */
	bool must_block;       /* carries the test line: may never be delivered */
	bool began;            /* the sender gave its first RCPT */
	uint16_t final_code;   /* the sender's last answer; 0: none came */
	bool gave_up;          /* the sender went away by itself */
	uint16_t server_2xx;   /* final 2xx that a server gave */
	uint16_t server_other; /* final answers other than 2xx */
	bool corrupted;        /* a server got other bytes than were sent */
};

struct ledger {
	struct ledger_mail mails[LEDGER_MAILS_MAX];
	unsigned cnt;
	uint64_t faults[64]; /* how often each enum server_fault was injected */
};

struct peer_ops {
	void (*send)(void *ctx, struct span bytes);
	void (*close)(void *ctx);                /* FIN after what was sent */
	void (*abort)(void *ctx);                /* RST */
	void (*wake)(void *ctx, uint64_t at_us); /* call peer_tick() then */
};

enum server_fault {
	SF_NONE,
	SF_BANNER_LATE,
	SF_BANNER_4XX,
	SF_BANNER_5XX,
	SF_BANNER_SILENT,
	SF_BANNER_RESET,
	SF_BANNER_GARBAGE,
	SF_EHLO_5XX,
	SF_EHLO_421,
	SF_EHLO_SILENT,
	SF_EHLO_RESET,
	SF_EHLO_POOR,
	SF_MAIL_4XX,
	SF_MAIL_5XX,
	SF_MAIL_421,
	SF_MAIL_SILENT,
	SF_MAIL_RESET,
	SF_RCPT_4XX,
	SF_RCPT_5XX,
	SF_RCPT_POLICY_5XX,
	SF_RCPT_421,
	SF_RCPT_SILENT,
	SF_RCPT_RESET,
	SF_RCPT_LATE,
	SF_DATA_4XX,
	SF_DATA_5XX,
	SF_DATA_SILENT,
	SF_DATA_RESET,
	SF_BODY_RESET,
	SF_BODY_CLOSE,
	SF_CHUNK_5XX,
	SF_FINAL_4XX,
	SF_FINAL_5XX,
	SF_FINAL_SILENT,
	SF_FINAL_RESET,
	SF_FINAL_LATE,
	SF_FINAL_250_RESET,
	SF_FINAL_MULTILINE,
	SF_RSET_SILENT,
	SF_RSET_RESET,
	SF_UNASKED,
	SF_BYTEWISE,
	SF_KINDS
};

extern const char *const server_fault_names[SF_KINDS];

struct peer_server {
	const struct peer_ops *ops;
	void *ctx;
	struct ledger *ledger;
	struct rng *rng;
	enum server_fault fault; /* of this connection */
	bool fired;              /* it struck already */
	enum { PS_COMMANDS, PS_DATA, PS_BDAT } mode;
	bool body_open, dead, poor;
	bool envelope;  /* a MAIL was accepted */
	bool no_chunks; /* one was refused: the others are, up to RSET */
	unsigned rcpts;
	char line[1100];
	size_t line_len;
	char head[200]; /* the header line under way, while in_ours is false */
	size_t head_len;
	uint64_t bdat_left;
	bool bdat_last;
	/* body automaton: the last bytes, the running checksum, which mail it is */
	unsigned eod; /* progress through CR LF . CR LF; starts at 2 (a line begins) */
	uint32_t crc, bytes;
	int mail;     /* -1 until its X-Sim-Id line was seen */
	bool in_ours; /* after the relay's own header lines */
	uint64_t late_at_us;
	char late[200];
};

/* One connection to the server was accepted: it speaks first. */
void peer_server_start(struct peer_server *s, const struct peer_ops *ops, void *ctx,
                       struct ledger *l, struct rng *rng, enum server_fault fault, uint64_t now_us);
void peer_server_feed(struct peer_server *s, struct span in, uint64_t now_us);
void peer_server_tick(struct peer_server *s, uint64_t now_us);

enum sender_habit {
	SH_HONEST,
	SH_PIPELINE,
	SH_BDAT,
	SH_ABORT_IN_BODY,  /* RST half way through the body */
	SH_ABORT_AT_DOT,   /* RST right after the dot */
	SH_SILENT_IN_BODY, /* stops half way and stays connected */
	SH_SILENT,         /* says nothing after the banner */
	SH_RSET,           /* RSET after RCPT, then a mail */
	SH_SLOW,           /* the body in small pieces with pauses */
	SH_EARLY,          /* talks before the banner */
	SH_KINDS
};

struct peer_sender {
	const struct peer_ops *ops;
	void *ctx;
	struct ledger *ledger;
	struct rng *rng;
	enum sender_habit habit;
	unsigned mails_left;
	int mail; /* index in the ledger; -1 between mails */
	unsigned state;
	unsigned rcpts_asked, rcpts_answered;
	const char *rcpts[4];
	unsigned rcpt_cnt;
	char line[1100];
	size_t line_len;
	char *body; /* of the mail under way; heap */
	size_t body_len, body_at;
	bool done, reset_done; /* reset_done: the RSET was given, or the first BDAT answered */
	uint64_t wake_us;
};

void peer_sender_start(struct peer_sender *s, const struct peer_ops *ops, void *ctx,
                       struct ledger *l, struct rng *rng, enum sender_habit habit, unsigned mails);
void peer_sender_opened(struct peer_sender *s, uint64_t now_us);
void peer_sender_feed(struct peer_sender *s, struct span in, uint64_t now_us);
void peer_sender_tick(struct peer_sender *s, uint64_t now_us);
/* The connection is gone, however: a mail under way has no answer. */
void peer_sender_closed(struct peer_sender *s);

uint32_t peer_crc(uint32_t crc, const void *p, size_t n);
