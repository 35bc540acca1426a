/* SPDX-License-Identifier: BSD-3-Clause
 * ledger.h - what both ends of the relay saw and said of each mail; the promises are checked on this alone
 *
 * Why     The node is not asked whether it is right. A sender's answer must have a reason that the ledger knows: a word that a
 *         server gave for this very mail, a word that may be kept, or the policy of customers.h.
 * Owner   The simulator; zeroed at the start of a seed.
 * Thread  One.
 */
#pragma once
#include "tests/sim/customers.h"

#define LEDGER_MAILS_MAX 256
#define MAIL_RCPTS_MAX   4
#define SIM_HOLD_BYTES                                                                             \
	(64u << 10) /* the least that settings allow; what is scanned of a mail, and its end */
#define SIM_BIG_BYTES (512u << 10)

enum ledger_final {
	FINAL_NONE,
	FINAL_TAKEN,   /* 2xx with the server's words */
	FINAL_SERVER,  /* 4xx, 5xx with the server's words */
	FINAL_BLOCKED, /* by a filter */
	FINAL_SPLIT,   /* 451 4.7.1 recipients differ */
	FINAL_REPLAY,  /* 451 4.2.0 */
	FINAL_OUTAGE,  /* 451 4.4.1 */
	FINAL_UNSURE,  /* 451 4.4.2 no answer after the dot */
	FINAL_ROOM,    /* 452 4.3.1, 451 4.3.0 */
	FINAL_CLOSED,  /* 421 */
	FINAL_BARE,    /* 550 5.6.0 */
	FINAL_NOBODY,  /* every recipient was refused */
	FINAL_PRDR,    /* 250 after the recipients' own answers */
	FINAL_NO_PRDR, /* 550 after them: all of them refused, not all alike */
	FINAL_OTHER,
};

/* One try of a mail. */
struct ledger_mail {
	int sender; /* s%d@… of its envelope: a retry keeps it */
	unsigned attempt;
	uint32_t crc, bytes; /* in CR LF form, without the final dot */
	uint16_t port;       /* the sender's */
	uint8_t content;     /* CONTENT_… */
	bool friendly;       /* its sender keeps to the rules and waits */
	bool bad_sender, bare, v6, prdr;
	uint16_t split_mask; /* recipients of tries before that were told to differ */
	/* the sender's end */
	uint8_t order[MAIL_RCPTS_MAX]; /* accepted ones */
	unsigned rcpts_ok;
	uint16_t ok_mask, prdr_mask; /* of recipients: accepted; 2xx after the end by PRDR */
	bool prdr_later;             /* 4xx for one of them */
	bool began;                  /* the sender gave its first RCPT */
	bool gave_up;                /* the sender went away by itself */
	uint64_t data_us, end_us;    /* DATA was said; the last byte was */
	uint16_t final_code;         /* 0: none came */
	enum ledger_final final;
	/* the server's end */
	unsigned ends, taken; /* final dots that were seen; 2xx given for them */
	uint16_t taken_mask;  /* the recipients of that */
	bool told;            /* the 2xx went out on a connection that nothing is wrong with */
	bool lied;            /* a server spoke out of turn: its words may belong to others */
	bool tagged, weir_header;
	/* the node's verdict */
	unsigned generation; /* 0: none */
};

/* A server's word on a recipient for one sender. */
struct ledger_word {
	uint64_t yes_us, no_us;
};

struct ledger {
	struct ledger_mail mails[LEDGER_MAILS_MAX];
	unsigned cnt;
	int latest[LEDGER_MAILS_MAX]; /* the last try of a sender's mail */
	struct ledger_word word[LEDGER_MAILS_MAX][CUST_RCPTS];
	uint64_t mail_no_us[LEDGER_MAILS_MAX];            /* a server refused MAIL */
	uint64_t live_us[LEDGER_MAILS_MAX][CUST_RCPTS];   /* asked live since then */
	uint64_t good_us[CUST_RCPTS], bad_us[CUST_RCPTS]; /* a word that may be kept */
	uint64_t gone_us[CUST_GENERATIONS +
	                 1]; /* when a generation was replaced; 0: it is published */
	uint64_t evicted_us[CUST_GENERATIONS + 1]; /* when the node was last told to let it go */
	uint64_t now_us, drain_us;                 /* drain_us 0: not yet */
	bool cache, lossless, reloads;
	bool big;          /* hold_bytes is more than TCP's send buffer, some mails are too */
	bool banner_waits; /* longer than a sender's first words take */
	bool calm; /* whatever happens in this seed, no mail of a friendly sender may be put off */
};

void ledger_init(struct ledger *l);

/* A mail begins; -1 when the ledger is full. retry_of: the try before, or -1. */
int ledger_begin(struct ledger *l, int retry_of);

/* What a sender heard. `text` is the whole line. asked_us: when it began to wait. */
void ledger_rcpt_answer(struct ledger *l, struct ledger_mail *m, unsigned rcpt, unsigned code,
                        const char *text, uint64_t asked_us);
void ledger_final_answer(struct ledger *l, struct ledger_mail *m, unsigned code, const char *text);
void ledger_prdr_answer(struct ledger *l, struct ledger_mail *m, unsigned i, unsigned code,
                        const char *text);
void ledger_mail_accepted(struct ledger *l, struct ledger_mail *m);

/* What a server said to RCPT. lied: on a connection where an answer too many was given. */
void ledger_server_word(struct ledger *l, int sender, int rcpt, unsigned code, bool may_keep,
                        bool lied);

/* A verdict by the node: action and generation. */
void ledger_verdict(struct ledger *l, int sender, int rcpt, enum policy_action action,
                    unsigned generation);

/* After a seed: each mail by itself. */
void ledger_check(struct ledger *l);
void ledger_print(const struct ledger *l);
