/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_args.h - what stands behind a verb, parsed to a value before anything acts on it
 *
 * Thread  Any; pure functions. Outputs are written in part on an error too: the caller drops them
 *         then.
 * RFC     5321 4.1.1, 4.1.2 (esmtp-param), 1870, 6152, 6531, 3030.
 */
#pragma once
#include "dataplane/smtp/smtp_server.h"

/* The reply that says what is wrong, or SMTP_R_OK. */
enum smtp_reply_id smtp_args_helo(struct span arg, struct smtp_server_event *ev);
enum smtp_reply_id smtp_args_mail(struct span arg, struct smtp_server_event *ev);
enum smtp_reply_id smtp_args_rcpt(struct span arg, struct smtp_server_event *ev);

/* "size [LAST]". */
bool smtp_args_bdat(struct span arg, uint64_t *size, bool *last);
