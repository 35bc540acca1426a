/* SPDX-License-Identifier: BSD-3-Clause
 * session_time.c - how long a sender may take: a command, a body's rate, a whole mail
 *
 * One timer a session. It is armed for the nearest of what may be due and looks, when it fires, at what is: nothing is re-armed by
 * bytes that come in.
 */
#include "dataplane/session_internal.h"
#include "dataplane/message.h"

#define STALL_STREAM_US 60000000u /* a streamed mail whose sender says nothing (decisions 11) */

void
session_arm(struct session *s, uint64_t due_us)
{
	struct worker *w = s->w;
	uint32_t armed_ms = s->timer.due_ms;

	s->due_us = due_us;
	if (!wheel_is_armed(&s->timer) ||
	    (int32_t)(armed_ms - w->wheel.now_ms) > (int64_t)((due_us - w->now_us) / 1000 + 1))
		wheel_arm(&w->wheel, &s->timer, due_us);
}

static uint64_t
command_us(const struct worker *w)
{
	const struct worker_tunables *t = &w->cfg.tunables;

	return worker_has_pressure(w) || w->draining ? MIN(t->command_us, t->pressure_us)
	                                             : t->command_us;
}

/* A mail comes in, be it between two of its chunks. */
static bool
is_in_mail(const struct session *s)
{
	return smtp_server_in_body(&s->smtp) || (s->msg && message_in_body(s->msg));
}

static uint64_t
command_due(const struct session *s)
{
	return smtp_server_in_body(&s->smtp) ? UINT64_MAX : s->line_us + command_us(s->w);
}

static uint64_t
body_due(const struct session *s)
{
	const struct worker_tunables *t = &s->w->cfg.tunables;
	uint64_t due = s->window_us + t->rate_window_us;

	if (s->msg && message_is_streaming(s->msg))
		due = MIN(due, s->last_us + STALL_STREAM_US);
	if (s->msg)
		due = MIN(due, message_data_us(s->msg) + t->mail_us);
	return due;
}

/* When the state the session is in has lasted too long; it is looked at when the timer fires, not at every byte. */
uint64_t
session_next_due(const struct session *s)
{
	if (smtp_server_is_pending(&s->smtp) || s->paused)
		return s->w->now_us + 5000000; /* it is us who are waited for */
	return MIN(command_due(s), is_in_mail(s) ? body_due(s) : UINT64_MAX);
}

static void
check_body(struct session *s)
{
	struct worker *w = s->w;
	const struct worker_tunables *t = &w->cfg.tunables;
	uint64_t past = w->now_us - s->window_us;

	if (s->msg && message_is_streaming(s->msg) && w->now_us >= s->last_us + STALL_STREAM_US) {
		session_end(s, SMTP_R_STALLED, &w->n_session.end_slow);
		return;
	}
	if (s->msg && w->now_us >= message_data_us(s->msg) + t->mail_us) {
		session_end(s, SMTP_R_SLOW, &w->n_session.end_slow);
		return;
	}
	if (past >= t->rate_window_us) {
		if (t->min_rate && s->window_bytes < t->min_rate * past / 1000000) {
			session_end(s, SMTP_R_SLOW, &w->n_session.end_slow);
			return;
		}
		s->window_us = w->now_us;
		s->window_bytes = 0;
	}
	session_arm(s, session_next_due(s));
}

void
session_on_timer(void *ctx, struct wheel_timer *timer, uint64_t now_us)
{
	struct session *s = container_of(timer, struct session, timer);
	struct worker *w = ctx;
	uint64_t due;

	if (now_us < s->due_us) {
		wheel_arm(&w->wheel, &s->timer, s->due_us);
		return;
	}
	if (s->state == SESSION_PROXY) {
		s->has_result = true;
		session_end(s, SMTP_R_IDLE, &w->n_session.bad_proxy);
		return;
	}
	if (s->state == SESSION_BANNER) {
		session_banner(s);
		if (s->over)
			session_over(s);
		return;
	}
	if (s->paused && s->msg && now_us >= message_data_us(s->msg) + w->cfg.tunables.mail_us) {
		session_end(s, SMTP_R_STALLED, &w->n_session.end_slow);
		return;
	}
	due = session_next_due(s);
	if (now_us < due)
		session_arm(s, due);
	else if (is_in_mail(s) && now_us < command_due(s))
		check_body(s);
	else
		session_end(s, SMTP_R_IDLE, &w->n_session.end_timeout);
}
