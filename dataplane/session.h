/* SPDX-License-Identifier: BSD-3-Clause
 * session.h - one sender: bytes between TCP and smtp_server, one mail at a time
 *
 * Why     Everything about a sender that is not about a mail: who it is, what it may do, how long it may take.
 * Owner   The worker's pool. A session is freed when its connection ends; a mail may outlive it (message.h).
 * Thread  The worker.
 * Limit   sizeof(struct session) <= 640: with 256 of TCP a parked session is under 1 KB.
 */
#pragma once
#include "base/addr.h"
#include "base/wheel.h"
#include "dataplane/smtp/smtp_client.h"
#include "dataplane/smtp/smtp_server.h"
#include "dataplane/tcp/tcp.h"
#include "engine/engine.h"

struct message;
struct worker;

struct session {
	struct list link; /* all of the worker */
	struct worker *w;
	struct tcp_conn *tcp;
	struct message *msg; /* the mail under way; NULL: none */
	struct limits_source *source,
	        *prefix; /* count as a connection of its client, of its network; NULL: not limited */
	struct chunk *unsent; /* replies for which TCP had no room */
	struct wheel_timer timer;
	uint64_t due_us;
	uint64_t opened_us, last_us; /* last_us: the last byte that came */
	uint64_t
	        line_us; /* the last whole command, or our last answer: half a command buys no time */
	uint64_t window_us, window_bytes; /* rate window of the body under way */
	uint64_t bytes_in;
	struct addr client, local;
	uint16_t client_port, local_port;
	uint16_t mail_cnt;
	uint16_t unknown_cnt; /* unknown mailboxes: the tarpit grows with them */
	uint8_t state;        /* enum of session.c */
	uint8_t helo_len;
	bool esmtp, in_loop, over, paused;
	bool has_result; /* of weir_smtp_sessions_total, one each */
	char country[2];
	struct smtp_server smtp;
	char helo[SMTP_HELO_MAX];
};

static_assert(sizeof(struct session) <= 640, "a parked session is under 1 KB with its TCP");

/* What listeners call (tcp_listen): ctx is the worker. */
extern const struct tcp_ops session_ops;

/* The wheel kind of sessions; ctx is the worker. */
void session_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us);

/* ---- for message: answers to what is pending. The rest of the input goes on by itself ---- */

void session_answer(struct session *s, const struct smtp_answer *a);
void session_answer_own(struct session *s, enum smtp_reply_id id);
void session_answer_arg(struct session *s, enum smtp_reply_id id, struct span arg);
void session_answer_rcpt(struct session *s, const struct smtp_answer *a);

/* End it with this reply, whatever it is doing. The mail under way is let go (message_sender_gone()). */
void session_end(struct session *s, enum smtp_reply_id id, uint64_t *counter);

/* Input may go on: room for the body came free. */
void session_resume(struct session *s);

struct engine_client session_engine_client(const struct session *s);
void session_origin(const struct session *s, struct smtp_origin *out);

/* Worker's end: no replies, no TCP calls. */
void session_drop(struct session *s);
/* Draining: an idle one gets 421. */
void session_drain(struct session *s);
