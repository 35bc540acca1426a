/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_client_reply.h - bytes of a server to replies, for smtp_client.c alone
 *
 * Why     Lines are taken apart as they come, so a reply costs no line buffer. A line may end in LF
 *         alone: in a reply that harms nobody.
 * Limit   SMTP_UPSTREAM_LINES_MAX lines, SMTP_UPSTREAM_LINE_MAX bytes of one (the rest is cut),
 *         SMTP_REPLY_TEXT_MAX in all.
 */
#pragma once
#include "dataplane/smtp/smtp_client.h"

enum smtp_client_reply_status {
	SMTP_CR_MORE, /* input used up */
	SMTP_CR_DONE, /* c->reply is whole */
	SMTP_CR_BAD,  /* c->why is set */
};

/*
 * `ehlo`: lines are the server's capabilities and go to smtp_client_capability() instead of
 * c->reply.text.
 */
enum smtp_client_reply_status smtp_client_reply_feed(struct smtp_client *c, struct span *in,
                                                     bool ehlo);

/* Line number `no` (0: the host's name) of an EHLO or HELO reply of code 250. smtp_client_caps.c */
void smtp_client_capability(struct smtp_client *c, unsigned no, struct span line);

/* The first word of a line, for what the server calls itself. smtp_client_caps.c */
void smtp_client_take_name(char name[SMTP_DOMAIN_MAX + 1], struct span line);

/*
 * " NAME=… ADDR=…" for XCLIENT or XFORWARD, of those attributes that the server takes.
 * smtp_client_caps.c
 */
bool smtp_client_put_attrs(struct smtp_out *out, const struct smtp_origin *o, unsigned attrs,
                           bool xforward);
