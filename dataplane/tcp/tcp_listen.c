/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_listen.c - who listens: a short table, looked through
 *
 * Limit   TCP_LISTENERS_MAX. A listener on the very address wins over one on any.
 */
#include "dataplane/tcp/tcp_conn.h"

static bool
is_any(const struct addr *a)
{
	static const struct addr zero;

	return addr_eq(a, &zero);
}

const struct tcp_listener *
tcp_listener_find(const struct tcp_stack *s, const struct addr *local, uint16_t port)
{
	const struct tcp_listener *any = NULL;

	for (size_t i = 0; i < TCP_LISTENERS_MAX; i++) {
		const struct tcp_listener *l = &s->listeners[i];

		if (l->port != port || port == 0)
			continue;
		if (addr_eq(&l->local, local))
			return l;
		if (is_any(&l->local))
			any = l;
	}
	return any;
}

static struct tcp_listener *
listener_exact(struct tcp_stack *s, const struct addr *local, uint16_t port)
{
	for (size_t i = 0; i < TCP_LISTENERS_MAX; i++)
		if (s->listeners[i].port == port && addr_eq(&s->listeners[i].local, local))
			return &s->listeners[i];
	return NULL;
}

int
tcp_listen(struct tcp_stack *s, const struct addr *local, uint16_t port, const struct tcp_ops *ops,
           void *ctx)
{
	BUG_ON(port == 0 || !ops->on_close);
	if (listener_exact(s, local, port))
		return -EADDRINUSE;
	for (size_t i = 0; i < TCP_LISTENERS_MAX; i++)
		if (s->listeners[i].port == 0) {
			s->listeners[i] = (struct tcp_listener){ *local, port, ops, ctx };
			return 0;
		}
	return -ENOSPC;
}

int
tcp_unlisten(struct tcp_stack *s, const struct addr *local, uint16_t port)
{
	struct tcp_listener *l = port ? listener_exact(s, local, port) : NULL;

	if (!l)
		return -ENOENT;
	memset(l, 0, sizeof(*l));
	return 0;
}
