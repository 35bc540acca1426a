/* SPDX-License-Identifier: BSD-3-Clause
 * message.h - ONE MAIL END TO END: envelope, hold, scan, verdict, upstream, reply
 *
 * Why     The one place where session, engine and upstream meet (architecture: The way of a message). Read message.c first.
 * Owner   The worker's pool. A mail belongs to its session until its end was sent to the customer's server; from there on
 *         it may outlive the session, since that server's answer still counts.
 * Thread  The worker.
 * Limit   A mail holds hold_bytes at most, of a budget per worker; recipients as configured.
 *
 * Promise a 2xx after the end of data is given only when the customer's server gave 2xx for it. Every mail ends in exactly one
 *         of delivered, refused, deferred, given_up.
 */
#pragma once
#include "base/wheel.h"
#include "dataplane/session.h"

struct message;
struct worker;

/* ---- from session: what smtp_server said ---- */

void message_mail(struct session *s, struct smtp_server_event *ev);
void message_rcpt(struct session *s, struct smtp_server_event *ev);
void message_data(struct session *s, struct smtp_server_event *ev);
void message_body(struct session *s, struct span bytes);
void message_end(struct session *s);

/* smtp_server itself refuses the rest of this mail (SMTP_EV_DROP). */
void message_dropped(struct session *s, enum smtp_reply_id id);

/* RSET, HELO, the connection's end: the sender does not want it any more. */
void message_sender_gone(struct message *m);

/* May `bytes` more of the body be taken? False: session pauses, session_resume() tells when to go on. */
bool message_has_room(struct message *m, size_t bytes);

/* It goes on to the customer's server while it comes in. */
bool message_is_streaming(const struct message *m);

/* Its body comes in. */
bool message_in_body(const struct message *m);

/* When its DATA was accepted. */
uint64_t message_data_us(const struct message *m);

/* ---- from worker ---- */

void message_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us);

/* Scan slices within the budget. True when something was done. */
bool message_scan_turn(struct worker *w);
bool message_scan_is_waiting(const struct worker *w);

/* Once a second: whose mail has to go when the hold budget is spent (decisions 5). */
void message_pressure_turn(struct worker *w);

/* Worker's end: nobody is told. */
void message_drop(struct message *m);
void message_drop_all(struct worker *w);
size_t message_bytes(void); /* of one object, for the pool */
