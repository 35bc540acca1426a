/* SPDX-License-Identifier: BSD-3-Clause
 * session_internal.h - what session.c (the loop) and session_open.c (from SYN to banner) share
 */
#pragma once
#include "dataplane/session.h"
#include "dataplane/worker_internal.h"

enum session_state {
	SESSION_PROXY,  /* waits for a PROXY v2 header */
	SESSION_BANNER, /* waits for banner_delay */
	SESSION_OPEN,
};

/* session_time.c */
void session_arm(struct session *s, uint64_t due_us);
uint64_t session_next_due(const struct session *s);

/* session.c */
void session_log_own(struct session *s, const char *stage, enum smtp_reply_id id);

/* The session ends for the reason that `counter`, an end_… row of session_counters.def, stands for: counted and logged. */
void session_count_end(struct session *s, uint64_t *counter);
void session_flush(struct session *s); /* send what w->out holds */
void session_leave(struct session *s); /* polite end: what is queued goes out, then FIN */
void session_over(struct session *s);  /* free it, cut its connection if it still has one */

/* session_open.c */
void session_on_open(struct tcp_conn *t, void *user);
void session_banner(struct session *s);
void session_read_proxy(struct session *s);
