/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_share.c - who gives a connection up so that somebody else gets one
 *
 * Why     Warm connections are a guess that more mail comes. Mail that is there goes first: of another route when the
 *         table is full, of another worker when the route is at its limit, which holds for the node.
 */
#include "dataplane/upstream/upstream_internal.h"

#define EVICT_US 1000000 /* an answer to QUIT that makes room is not waited for longer */

static void
give_up(struct upstream *u, struct upstream_conn *c)
{
	counter_inc(&u->env.counters->quit_room);
	conn_quit(c);
}

void
share_evict(struct upstream *u)
{
	struct upstream_conn *c;

	/* One for each request that waits and the one that asks, however often they look again. */
	if (u->conns.used_cnt < u->cfg.conn_cnt || u->evicting_cnt > u->waiting_cnt ||
	    list_is_empty(&u->idle))
		return;
	c = list_entry(u->idle.next, struct upstream_conn, idle);
	c->evicted = true;
	u->evicting_cnt++;
	give_up(u, c);
	conn_arm(c, EVICT_US);
}

bool
share_evict_of_route(struct upstream *u, struct upstream_route *r)
{
	struct upstream_conn *c;

	if (r->closing_cnt > 0) /* one is on its way out */
		return true;
	if (list_is_empty(&r->idle))
		return false;
	c = list_entry(r->idle.prev, struct upstream_conn, link);
	give_up(u, c);
	conn_arm(c, EVICT_US);
	return true;
}

void
share_ask(struct upstream *u, const struct upstream_route *r)
{
	if (upstream_health_conns(r->own) > r->conn_cnt)
		upstream_health_want(u->env.health, r->cfg.id, r->conn_cnt);
}

/* Another worker wants a connection to a route that is at its limit, and has conn_cnt of them. */
void
share_look(struct upstream *u)
{
	struct upstream_route *r;
	uint32_t conn_cnt;
	uint64_t id;

	if (!upstream_health_is_wanted(u->env.health, &u->wanted_seen, &id, &conn_cnt))
		return;
	r = route_find(u, id);
	if (!r || share_evict_of_route(u, r))
		return;
	r->owes = r->conn_cnt > conn_cnt + 1 || (r->conn_cnt > 0 && conn_cnt == 0);
}
