/* SPDX-License-Identifier: BSD-3-Clause
 * policy_internal.h - tables that policy's files share
 *
 * Owner   See policy.h.
 */
#pragma once
#include "base/arena.h"
#include "engine/lists/print_set.h"
#include "engine/policy/policy.h"

/* Keys of entries, and of mailboxes with settings, begin with the customer's number, so that one hash holds all customers'. */
struct policy_key {
	uint32_t customer;
	uint32_t mailbox; /* POLICY_NO_MAILBOX: the customer's own */
};

#define POLICY_KEY_MAX (sizeof(struct policy_key) + 1 + SMTP_PATH_MAX)

struct policy {
	unsigned ref_cnt;
	struct policy *below; /* NULL, or this is a layer above it */
	uint64_t *gone;       /* of a layer: bit i: customer i below is replaced or removed */
	struct siphash_key
	        key; /* of all sets, and of the layers above: a recipient is hashed once */
	struct arena arena;
	struct policy_customer *customers;
	struct policy_mailbox *mailboxes; /* [0] is none */
	struct ip_set **ip_sets;
	struct key_set *ids;      /* id -> customer */
	struct key_set *domains;  /* canonical domain -> customer */
	struct print_set *listed; /* of each customer: local or local@domain */
	struct key_set
	        *mailbox_set;    /* {customer, 0} the same of mailboxes with settings -> mailbox */
	struct key_set *entries; /* {customer, mailbox} address or @domain -> ENTRY_* */
	size_t customer_cnt, mailbox_cnt, profile_cnt, route_cnt, ip_set_cnt, ip_set_bytes;
	size_t gone_cnt;
};

static inline bool
policy_is_gone(const struct policy *layer, uint32_t customer_below)
{
	return layer->gone[customer_below / 64] >> (customer_below % 64) & 1;
}

/* Bytes written to out, or 0 when text does not fit. Text is lower-cased. */
size_t policy_key_make(uint32_t customer, uint32_t mailbox, struct span text,
                       char out[POLICY_KEY_MAX]);
