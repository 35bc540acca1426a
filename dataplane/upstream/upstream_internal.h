/* SPDX-License-Identifier: BSD-3-Clause
 * upstream_internal.h - what upstream.c (who gets which connection) and upstream_conn.c (one connection) share
 */
#pragma once
#include "base/pool.h"
#include "dataplane/upstream/upstream.h"

#define ROUTE_BUCKETS 1024
#define UPSTREAM_OUT  8192
#define PUMP_LOOK_MAX 16     /* waiting requests looked at when a connection comes free */
#define RETRY_US      20000  /* another worker probes, or the node's limit is reached: look again */
#define PROBE_WAIT_US 900000 /* a request waits for a probe that is due so soon */

enum req_state {
	REQ_NONE,
	REQ_WAITING,
	REQ_OPENING, /* a connection is being opened for it */
	REQ_GRANTED,
};

enum conn_state {
	CONN_OPENING, /* connect to the end of EHLO */
	CONN_IDLE,
	CONN_BUSY,      /* works for a request */
	CONN_RESETTING, /* RSET under way, then idle */
	CONN_CLOSING,   /* QUIT sent or the server's FIN seen */
	CONN_DEAD,      /* to be freed by whoever is in its loop */
};

struct upstream_conn {
	struct list link; /* in its route's idle list */
	struct list idle; /* in u->idle, longest first */
	struct list all;
	struct upstream *u;
	struct upstream_route *route;
	struct upstream_req *req; /* OPENING (may be none), BUSY */
	struct tcp_conn *tcp;
	struct wheel_timer timer;
	uint64_t due_us;
	uint8_t server, state;
	bool in_loop;
	bool warm;    /* served somebody before */
	bool replied; /* an answer came since it was granted */
	bool early; /* it refused a mail whose end it cannot have seen: cut, or it might still get it */
	bool tcp_gone; /* inside or after on_close() */
	bool mute;     /* a command found no room in TCP: it ends with the next tick */
	bool counted;  /* in the limits of route and server */
	bool evicted;  /* it ends to make room in the table */
	struct smtp_client_config ccfg;
	struct smtp_client_mail
	        left; /* stands in for the mail of a request that went while RSET is under way */
	struct smtp_client client;
};

struct upstream_route {
	struct upstream_route_cfg cfg;
	struct list hash;
	struct list unused; /* in u->unused while nobody holds it */
	struct list idle;
	struct list waiting;
	struct wheel_timer timer;
	struct upstream *u;
	uint32_t user_cnt, conn_cnt;
	uint32_t closing_cnt; /* of conn_cnt: QUIT was said, and the server still counts them */
	struct upstream_health *own; /* counts the route's connections, node-wide */
	struct upstream_health *health[ROUTE_SERVERS_MAX];
	int32_t share[2]
	             [ROUTE_SERVERS_MAX]; /* of the smooth weighted round robin: mails, questions */
	uint8_t next_egress;
	bool pumping;
	bool owes; /* its next idle connection ends: another worker wants one */
};

struct upstream {
	struct upstream_config cfg;
	struct upstream_env env;
	uint64_t now_us, wall_us;
	bool draining;
	uint32_t waiting_cnt, held_cnt;
	uint32_t evicting_cnt; /* evicted connections that are not gone yet */
	uint32_t wanted_seen;  /* wishes of other workers that were looked at */
	struct pool conns, routes;
	struct list all;  /* every connection */
	struct list idle; /* of all routes, the longest idle first */
	struct list unused;
	struct list buckets[ROUTE_BUCKETS];
	struct smtp_out out;
	char out_bytes[UPSTREAM_OUT];
};

/* upstream_conn.c */
bool
conn_open(struct upstream *u, struct upstream_route *r, unsigned server, const struct addr *src,
          struct upstream_req *
                  req); /* false: no connection to be had now. Counted at the route by the caller */
void conn_grant(struct upstream_conn *c, struct upstream_req *req, bool warm);
void conn_run(struct upstream_conn *c);
void conn_flush(struct upstream_conn *c);
void conn_release(struct upstream_conn *c, bool before_data);
void conn_quit(struct upstream_conn *c);
void conn_cut(struct upstream_conn *c);
void conn_arm(struct upstream_conn *c, uint64_t for_us);
void conn_on_timer(void *ctx, struct wheel_timer *t, uint64_t now_us);

/* upstream.c */
void req_failed_try(struct upstream *u, struct upstream_req *req); /* go on with the next server */
void req_serve_again(struct upstream *u, struct upstream_req *req);
void route_conn_is_idle(struct upstream_conn *c);
void route_conn_is_gone(struct upstream *u, struct upstream_route *r);
void upstream_log(struct upstream *u, const struct upstream_route *r, unsigned server,
                  const char *what, unsigned code, struct span text);

/* upstream_share.c */
/* The table is full: the longest idle connection of any route gets QUIT. */
void share_evict(struct upstream *u);
/* The longest idle one of this route gets QUIT, unless another is on its way out. False: there is none. */
bool share_evict_of_route(struct upstream *u, struct upstream_route *r);
/* The route is at its limit: other workers may give one up; and what they asked for, once a turn. */
void share_ask(struct upstream *u, const struct upstream_route *r);
void share_look(struct upstream *u);

/* upstream_route.c */
struct upstream_route *route_find(struct upstream *u, uint64_t id); /* NULL: not here */
void route_free(struct upstream *u, struct upstream_route *r);
void route_maybe_unused(struct upstream *u, struct upstream_route *r);
/* The server to use now, or -1: then *wait_us says when to look again, UINT64_MAX when never. */
int route_pick_server(struct upstream_route *r, bool question, unsigned tried, uint64_t *wait_us,
                      uint64_t now_us);
/* Our address to talk to dst from: the route's egress in turn, else what the ports say. False: none of its family. */
bool route_source_address(struct upstream *u, struct upstream_route *r, const struct addr *dst,
                          struct addr *src);
