/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_table.c - keyed hashes of a connection's four names: table, ISN, timestamp offset
 *
 * RFC     6528 (ISN = clock + keyed hash of the four), 7323 5.4 (an offset for each pair of addresses, as Linux does, so
 *         that the peer's TIME-WAIT may be reused by timestamp, RFC 6191). The PRF is SipHash; the table takes the
 *         1-3 variant, since its output never leaves the node.
 */
#include "dataplane/tcp/tcp_conn.h"

uint32_t
tcp_hash(const struct tcp_stack *s, const struct addr *remote, uint16_t rport,
         const struct addr *local, uint16_t lport)
{
	uint64_t m[5];

	memcpy(m, remote, 16);
	memcpy(m + 2, local, 16);
	m[4] = (uint64_t)36 << 56 | (uint64_t)rport << 16 | lport;
	return (uint32_t)siphash13(&s->cfg.table_key, m, ARRAY_LEN(m));
}

static bool
is_conn(const struct tcp_conn *c, const struct addr *remote, uint16_t rport,
        const struct addr *local, uint16_t lport)
{
	return c->rport == rport && c->lport == lport && addr_eq(&c->remote, remote) &&
	       addr_eq(&c->local, local) && c->state != TCP_CLOSED;
}

struct tcp_conn *
tcp_table_find(const struct tcp_stack *s, uint32_t hash, const struct addr *remote, uint16_t rport,
               const struct addr *local, uint16_t lport)
{
	for (uint32_t i = *heads_of(&s->table, hash); i != TCP_NONE;) {
		struct tcp_conn *c = conn_at(s, i);

		if (is_conn(c, remote, rport, local, lport))
			return c;
		i = c->next;
	}
	return NULL;
}

static uint32_t *
head_of(const struct tcp_conn *c)
{
	const struct tcp_stack *s = c->stack;

	return heads_of(&s->table, tcp_hash(s, &c->remote, c->rport, &c->local, c->lport));
}

void
tcp_table_add(struct tcp_conn *c)
{
	uint32_t *head = head_of(c);

	c->next = *head;
	*head = conn_index(c);
	c->flags |= F_HASHED;
}

void
tcp_table_remove(struct tcp_conn *c)
{
	uint32_t me = conn_index(c);

	if (!(c->flags & F_HASHED))
		return;
	for (uint32_t *at = head_of(c);; at = &conn_at(c->stack, *at)->next) {
		BUG_ON(*at == TCP_NONE);
		if (*at == me) {
			*at = c->next;
			break;
		}
	}
	c->next = TCP_NONE;
	c->flags &= ~(uint32_t)F_HASHED;
}

uint32_t
tcp_isn(const struct tcp_stack *s, const struct addr *local, uint16_t lport,
        const struct addr *remote, uint16_t rport)
{
	uint8_t m[36];

	memcpy(m, local, 16);
	memcpy(m + 16, remote, 16);
	store_be16(m + 32, lport);
	store_be16(m + 34, rport);
	return (uint32_t)siphash(&s->cfg.isn_key, m, sizeof(m)) +
	       (s->cfg.isn_still ? 0 : (uint32_t)(s->now_us / 4));
}

uint32_t
tcp_ts_offset(const struct tcp_stack *s, const struct addr *local, const struct addr *remote)
{
	uint8_t m[32];

	memcpy(m, local, 16);
	memcpy(m + 16, remote, 16);
	return (uint32_t)siphash(&s->cfg.isn_key, m, sizeof(m));
}
