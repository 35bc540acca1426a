/* SPDX-License-Identifier: BSD-3-Clause
 * message_internal.h - struct message, for the files message*.c alone
 *
 *   message.c          the story: states, begin, end, every end of a mail in one place
 *   message_rcpt.c     RCPT: whose is it, is it known
 *   message_ask.c      asking the customer's server
 *   message_body.c     bytes into chunks, the hold budget
 *   message_scan.c     scan jobs, verdicts, recipients that differ
 *   message_deliver.c  the envelope again, the body, the server's answer
 */
#pragma once
#include "dataplane/message.h"
#include "dataplane/smtp/smtp_stuff.h"
#include "dataplane/trace.h"
#include "dataplane/worker_internal.h"

#define TEXT_SMALL  768
#define ASKED_MAX   64 /* recipients asked on one connection before it goes back */
#define ASK_HOLD_US 2000000
#define SPLIT_US    (4 * 3600ull * 1000000)
/* A server that takes nothing of a streamed mail: before its sender's 3 minutes for a block are over (RFC 5321 4.5.3.2.5). */
#define STREAM_SERVER_US   150000000u
#define TARPIT_UNKNOWN_MAX 10 /* the tarpit grows by a step with each unknown mailbox up to this */

enum message_state {
	MSG_ENVELOPE, /* MAIL was taken; RCPTs come */
	MSG_BODY,     /* the body comes in; may be scanned and sent on meanwhile */
	MSG_JUDGE,    /* all is here: waits for a scan slot, or is scanned */
	MSG_DELIVER,  /* all is here and judged: its way to the server */
};

enum scan_state {
	SCAN_NONE,
	SCAN_WAITING, /* in a queue of the worker */
	SCAN_RUNNING,
	SCAN_DONE, /* of what was to be scanned first: a whole mail, or the window of a streamed one */
	SCAN_TAIL_WAITING, /* the end of a streamed mail waits, runs, is done */
	SCAN_TAIL_RUNNING,
	SCAN_TAIL_DONE,
};

/* What was decided for one recipient; text follows: path, local part, domain. */
struct message_rcpt {
	uint64_t fingerprint;
	uint32_t group; /* of its verdict: equal groups end alike */
	uint16_t path_len, local_len, domain_len;
	uint8_t action, filter; /* enum policy_action, policy_filter */
	bool utf8;
	char text[];
};

/* Spans of recipients' paths: a few inside, more in a chunk. container_of(span.p, struct message_rcpt, text) is the rest. */
struct rcpt_list {
	struct span *item;
	unsigned cnt, cap;
	struct chunk *spill;
	struct span few[4];
};

struct message {
	struct list all;
	struct list link;      /* in a scan queue */
	struct list body_link; /* in w->in_body */
	struct list kept_link; /* in w->scan_kept, as long as kept is set */
	struct worker *w;
	struct session *s; /* NULL: the sender is gone, its server's answer is waited for */
	struct wheel_timer timer;
	uint64_t due_us;
	uint64_t id;
	uint8_t state, scan;
	bool counted; /* in sent: a recipient was named */
	bool esmtp, eightbit, smtputf8, prdr, bdat;
	bool filtered;  /* some accepted recipient's filtering is on */
	bool mixed;     /* recipients with different ends */
	bool streaming; /* it goes on while it comes in */
	bool discard;   /* its end is known (reply) before it was read: the rest is thrown away */
	bool starved;   /* its sender waits for room */
	bool whole;     /* the end of data was read */
	struct addr client;
	struct smtp_origin origin;
	char helo[SMTP_HELO_MAX];
	uint8_t helo_len;

	/* envelope */
	struct span sender;
	uint64_t declared_size;
	struct rcpt_list rcpts; /* accepted ones */
	struct rcpt_list asked; /* of the connection at hand: asked for, or sent the mail to */
	struct chunk *text;     /* when text_small was not enough; linked by next */
	uint32_t text_used;
	_Alignas(8) char text_small[TEXT_SMALL];
	uint64_t route_id, fingerprint, max_message;
	uint64_t
	        silent_route; /* id of the route whose servers let a RCPT wait to its deadline; 0: none */
	struct upstream_route *route;
	char customer[NAME_MAX_BYTES + 1];
	uint16_t last_code; /* of the last answer to RCPT that refused */
	uint8_t last_ref;   /* what it was refused by: a filter or REF_… */

	/* RCPT at hand */
	struct message_rcpt *pending;
	uint64_t rcpt_began_us;
	uint64_t pending_max_message;
	bool pending_filtered;
	bool rcpt_is_new_route, tarpitted;
	struct upstream_reply reply; /* to be given: after a tarpit, or at the end */

	/* upstream */
	struct upstream_req req;
	struct smtp_client_mail mail;

	/* body */
	struct chunk *head, *tail;
	struct chunk *fill; /* tail, or the one before it while tail is a spare one */
	uint32_t chunk_cnt;
	uint64_t body_bytes; /* taken in all */
	uint64_t held;       /* of the hold budget */
	uint64_t expected;   /* what room was reserved for at DATA; 0: its sender did not say */
	uint64_t data_us, end_us;
	struct trace_scan trace;

	/* scan */
	struct engine_job *job;
	const struct snapshot *kept; /* pinned: what its window was judged by; NULL: none */
	struct chunk *scan_chunk;
	uint32_t scan_off;
	uint64_t scan_left;
	bool scan_ending;
	uint32_t deliver_group;
	struct engine_verdict
	        verdict; /* of the first recipient that is delivered to, else of the first */

	/* delivery */
	struct chunk *prefix, *tag;
	uint64_t tag_at;          /* offset in the body where tag goes; 0: nowhere */
	struct chunk *send_chunk; /* next body chunk to send from; NULL: none was reached yet */
	uint32_t send_off, prefix_off, tag_off;
	uint64_t sent_bytes;  /* of the body */
	uint64_t stream_mark; /* sent_bytes when its server was looked at last */
	uint64_t bdat_left;   /* announced and not queued yet */
	struct smtp_stuff stuff;
	bool going; /* the server said go */
	bool by_bdat, last_announced;
	bool dot_sent; /* the dot in front of the next run is out, the run is not */
	bool end_sent; /* the dot, or BDAT LAST: from here on the server may have it */
	bool have_final;
	bool no_forward; /* the address it was to be forwarded to was refused: to its recipients */
};

static inline struct message_rcpt *
rcpt_of(struct span path)
{
	return container_of(path.p, struct message_rcpt, text);
}

static inline struct span
rcpt_path(const struct message_rcpt *r)
{
	return span(r->text, r->path_len);
}

static inline struct span
rcpt_local(const struct message_rcpt *r)
{
	return span(r->text + r->path_len, r->local_len);
}

static inline struct span
rcpt_domain(const struct message_rcpt *r)
{
	return span(r->text + r->path_len + r->local_len, r->domain_len);
}

/* message.c */
enum mail_result {
	MAIL_DELIVERED,
	MAIL_REFUSED,
	MAIL_DEFERRED,
	MAIL_GIVEN_UP,
};

/* What a refusal is counted under: a filter, or one of these. */
enum { REF_RELAY = FILTERS, REF_SERVER, REF_FORMAT, REF_KINDS };

void message_arm(struct message *m, uint64_t due_us);
void *message_text(struct message *m, size_t n);             /* NULL: no room */
void message_text_back(struct message *m, const void *last); /* what message_text() gave last */
void message_count(struct message *m);

/* The end of every mail: counted, logged, freed. `code` is what the sender got, 0 nothing. Answer before, not after. */
void message_finish(struct message *m, enum mail_result how, unsigned code, unsigned ref);

/* The end of data gets m->reply or a row as its answer, and the mail ends by its code. Before the end of data was read: what is
 * still to come is thrown away first. */
void message_answer_reply(struct message *m, unsigned ref);
void message_answer_own(struct message *m, enum smtp_reply_id id, unsigned ref);
void message_answer_blocked(struct message *m, unsigned filter);
struct smtp_answer message_reply_of(const struct upstream_reply *r, const char *enhanced_default);

/* message_rcpt.c */
bool rcpt_list_push(struct message *m, struct rcpt_list *l, struct span path);
void rcpt_list_reset(struct rcpt_list *l);
void rcpt_list_fini(struct rcpt_list *l);
void message_rcpt_timer(struct message *m);
/* Answers to the RCPT at hand. `ref` is what the mail is counted under if every recipient is refused. */
void rcpt_refuse(struct message *m, const struct smtp_answer *a, struct span rcpt, unsigned ref);
void rcpt_refuse_own(struct message *m, enum smtp_reply_id id, struct span rcpt, unsigned ref);
void rcpt_refuse_unknown(struct message *m, const struct upstream_reply *r, struct span rcpt,
                         unsigned ref);
void rcpt_accept(struct message *m, struct message_rcpt *r);
uint64_t message_split_key(const struct message *m, struct span rcpt);

/* message_ask.c */
void message_ask(struct message *m); /* for m->pending */
void message_ask_failed(struct message *m);
void message_ask_over(struct message *m); /* the connection goes back */

/* message_body.c */
bool message_reserve(struct message *m, uint64_t size);
void message_free_body(struct message *m);
void message_stream_timer(struct message *m); /* does its server take anything? */
void message_free_sent(struct message *m);    /* streamed: chunks behind us, but for the tail */

/* message_scan.c */
void message_scan_queue(struct message *m, bool tail);
void message_scan_cancel(struct message *m); /* no job and no kept generation after it */
void message_log_verdict(struct message *m, const struct message_rcpt *r,
                         const struct engine_verdict *v);

/* message_deliver.c */
void message_deliver(struct message *m);
void
message_deliver_more(struct message *m); /* more of the body came, or its end, or its verdict */
void message_deliver_deadline(struct message *m);
