/* SPDX-License-Identifier: BSD-3-Clause
 * policy_internal.h - tables that policy's files share
 *
 * Owner   See policy.h.
 */
#pragma once
#include "base/arena.h"
#include "engine/policy/policy.h"

/* Keys of mailboxes and entries begin with the customer's number, so that one hash holds all customers'. */
struct policy_key {
	uint32_t customer;
	uint32_t mailbox; /* POLICY_NO_MAILBOX: the customer's own */
};

#define POLICY_KEY_MAX (sizeof(struct policy_key) + 1 + SMTP_PATH_MAX)

struct policy {
	struct arena arena;
	struct policy_customer *customers;
	struct policy_mailbox *mailboxes; /* [0] is none */
	struct policy_route **routes;
	struct ip_set **ip_sets;
	struct key_set *domains;     /* canonical domain -> customer */
	struct key_set *mailbox_set; /* {customer, 0} local or local@domain -> mailbox */
	struct key_set *entries;     /* {customer, mailbox} address or @domain -> ENTRY_* */
	size_t customer_cnt, mailbox_cnt, entry_cnt, profile_cnt, route_cnt, ip_set_cnt;
};

/* Bytes written to out, or 0 when text does not fit. Text is lower-cased. */
size_t policy_key_make(uint32_t customer, uint32_t mailbox, struct span text,
                       char out[POLICY_KEY_MAX]);
