/* SPDX-License-Identifier: BSD-3-Clause
 * limits.h - every bound that outside input is compared with, in one place
 *
 * Why     A length from outside is compared with a name of this file before it is used (conventions 3).
 *         What an operator may change is in ctrl/settings.def; the figures here are hard ceilings.
 */
#pragma once

/* SMTP (RFC 5321 4.5.3) */
#define SMTP_COMMAND_MAX                                                                           \
	2048 /* bytes of a command line with CR LF; MAIL with extensions needs more than 512 */
#define SMTP_REPLY_MAX          512 /* bytes of a reply line with CR LF that we send */
#define SMTP_LOCAL_MAX          64
#define SMTP_DOMAIN_MAX         255
#define SMTP_PATH_MAX           320 /* local part, @, domain */
#define SMTP_HELO_MAX           255
#define SMTP_RCPT_HARD_MAX      1000 /* smtp.max_recipients may not go beyond */
#define SMTP_UPSTREAM_LINE_MAX  1024 /* of a customer's server; what is longer is cut */
#define SMTP_UPSTREAM_LINES_MAX 64   /* lines of one multi-line reply; more is a broken server */

/* Message (engine) */
#define MIME_DEPTH_MAX        16
#define MIME_PARTS_MAX        512
#define MIME_HEADERS_MAX      2000  /* header fields that are looked at, in all parts */
#define MIME_HEADER_BYTES_MAX 65536 /* of one unfolded field; the rest is skipped and flagged */
#define MIME_BOUNDARY_MAX     255
#define RECEIVED_MAX          50 /* more Received fields than this is a loop: 554 5.4.6 */
#define URL_MAX               2048
#define URLS_PER_MAIL_MAX     1024
#define RULE_HITS_MAX         512
#define MATCH_EVENTS_MAX      4096
#define EXCERPT_MAX           80

/* Policy */
#define ROUTE_SERVERS_MAX 16
#define ROUTE_EGRESS_MAX  16
#define NAME_MAX_BYTES    63 /* of a customer id, rule name, list name */

/* Process */
#define CHUNK_BYTES          16384
#define WORKERS_MAX          64
#define PORTS_MAX            16
#define GENERATIONS_LIVE_MAX 8
