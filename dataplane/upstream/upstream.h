/* SPDX-License-Identifier: BSD-3-Clause
 * upstream.h - connections to customers' servers: pools, choice of server, failover
 *
 * Why     A message wants "a greeted session with one of this route's servers"; which server, warm or fresh, how many, and
 *         what happens when one is dead is decided here and nowhere else (decisions 2 and 7).
 * Owner   A message owns its struct upstream_req and holds a reference to the route. While a request is granted the
 *         connection works for it alone. Routes and connections belong to the pool.
 * Thread  The worker; health of servers is shared (upstream_health.h).
 * Limit   max_connections of a route (per node), max_refusals, max_idle_resets of a connection; tables sized at start. A
 *         request waits for a connection until its owner's deadline: upstream itself sets none.
 * Errors  on_failed(): no server could be reached. on_lost(): the dialogue broke.
 *
 * Never close first: a connection that is given up politely gets QUIT and waits for the server's FIN, so that TIME_WAIT is the
 * server's (ports: 1,070 new connections a second and egress address at most). One that is cut gets RST.
 */
#pragma once
#include "base/addr.h"
#include "base/chunk.h"
#include "base/counters.h"
#include "base/event.h"
#include "base/limits.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "dataplane/smtp/smtp_client.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/upstream/upstream_health.h"
#include "dataplane/upstream/upstream_reply.h"

#define UPSTREAM_WHEEL_KINDS 2 /* of connections and of routes */

struct upstream;
struct upstream_route;
struct upstream_conn;
struct upstream_req;

struct upstream_counters {
#define COUNTER COUNTER_FIELD
#include "dataplane/upstream/upstream_counters.def"
#undef COUNTER
};

#define UPSTREAM_COUNTERS (sizeof(struct upstream_counters) / sizeof(uint64_t))
extern const struct counter_desc upstream_counter_desc[UPSTREAM_COUNTERS];

struct upstream_server {
	struct addr addr;
	uint16_t port;
	uint16_t weight;  /* 1.. ; share among servers of one priority */
	uint8_t priority; /* the lowest is tried first */
};

/* Where a customer's mail goes: a copy of what the policy says, keyed by id. */
struct upstream_route_cfg {
	uint64_t id;              /* a hash of all the rest */
	uint32_t max_connections; /* 0: the default */
	uint8_t server_cnt, egress_cnt;
	bool xclient, xforward, proxy_v2, reject_eightbit;
	struct upstream_server servers[ROUTE_SERVERS_MAX];
	struct addr egress[ROUTE_EGRESS_MAX];
};

struct upstream_config {
	struct span hostname; /* EHLO; outlives the pool */
	uint32_t conn_cnt, route_cnt;
	uint32_t max_connections, max_refusals, max_idle_resets;
	uint64_t greet_us;                   /* from connect to the end of EHLO */
	uint64_t reset_us;                   /* RSET and QUIT answered */
	uint64_t idle_us;                    /* a warm connection is kept so long */
	uint64_t retry_min_us, retry_max_us; /* back-off of a dead server: from, to */
	uint32_t wheel_kind;                 /* first of UPSTREAM_WHEEL_KINDS */
	uint16_t worker;                     /* in event records */
};

/* What the pool stands on; all outlive it. */
struct upstream_env {
	struct tcp_stack *tcp;
	struct wheel *wheel;
	struct rng *rng;
	struct upstream_health_table *health;
	struct event_ring *events; /* NULL: none */
	struct upstream_counters *counters;
	void *ctx;
	bool (*source_for)(void *ctx, const struct addr *dst, struct addr *src);
	bool (*is_local)(void *ctx, const struct addr *a); /* one of this node's addresses */
};

/* What a request calls back. A callback may call anything below, but for upstream_free(). */
struct upstream_user {
	/* A greeted session is yours: upstream_begin() now. Comes again after a warm connection was found dead. */
	void (*on_ready)(void *user);
	/* What smtp_client.h says; not MORE, ROOM, GREETED, CLOSED, BROKEN. */
	void (*on_event)(void *user, enum smtp_client_event_kind kind,
	                 const struct smtp_client_event *ev);
	/* More of the body may be sent. */
	void (*on_room)(void *user);
	/* The dialogue broke; the connection is gone. may_retry: the end of the mail was not sent. Then upstream_retry() or nothing. */
	void (*on_lost)(void *user, bool may_retry);
	/* No server (left) to try. */
	void (*on_failed)(void *user);
	bool question; /* no mail comes of it: of servers by weight it has a turn of its own */
};

/* One wish for a connection. All zero is ready to use. */
struct upstream_req {
	struct list link;
	struct upstream_route *route;
	struct upstream_conn *conn;
	const struct upstream_user *ops;
	void *user;
	const struct smtp_origin *origin; /* for PROXY v2; NULL: none */
	uint16_t tried;                   /* servers, bit by bit */
	uint8_t state;                    /* enum of upstream.c */
	bool fresh;                       /* no warm connection any more */
	bool want_ready;                  /* on_ready was not called yet for this connection */
	uint8_t server;                   /* the last one */
};

/* NULL without memory. */
struct upstream *upstream_new(const struct upstream_config *cfg, const struct upstream_env *env);

/* No request may be left. Connections are dropped without a segment. */
void upstream_free(struct upstream *u);

/* Once a turn, before anything else: the time; and warm connections that other workers wait for are given up. */
void upstream_set_time(struct upstream *u, uint64_t now_us, uint64_t wall_us);

/* Warm connections get QUIT, and none are kept. false: undo. */
void upstream_drain(struct upstream *u, bool on);

/* Figures that an operator may change while it runs. */
void upstream_tune(struct upstream *u, uint32_t max_connections, uint32_t max_refusals,
                   uint32_t max_idle_resets, uint64_t retry_min_us, uint64_t retry_max_us,
                   uint64_t idle_us);

/* The route of this id, made from cfg if it is not there; a reference. NULL: table full (counted). */
struct upstream_route *upstream_route_get(struct upstream *u, const struct upstream_route_cfg *cfg);
void upstream_route_put(struct upstream *u, struct upstream_route *r);
const struct upstream_route_cfg *upstream_route_cfg(const struct upstream_route *r);

/* Ask for a connection; may call back before it returns. req->origin is set by the caller before. */
void upstream_want(struct upstream *u, struct upstream_req *req, struct upstream_route *r,
                   const struct upstream_user *ops, void *user);

/* From on_lost() with may_retry: the next server. May call back before it returns. */
void upstream_retry(struct upstream *u, struct upstream_req *req);

/* Done with it: waiting, granted or neither. A connection before its data is reset and kept, one in its data is cut. */
void upstream_release(struct upstream *u, struct upstream_req *req);

/* Cut the connection, whatever it does. */
void upstream_cut(struct upstream *u, struct upstream_req *req);

bool upstream_is_granted(const struct upstream_req *req);
bool upstream_is_active(const struct upstream_req *req); /* waiting or granted */

/* --- the dialogue on a granted connection --- */

void upstream_begin(struct upstream *u, struct upstream_req *req, const struct smtp_client_mail *m,
                    bool chunking);
void upstream_more(struct upstream *u, struct upstream_req *req);
unsigned upstream_caps(const struct upstream_req *req);
size_t upstream_room(const struct upstream_req *req);
/* False: TCP's pools are full, on_room() tells when to go on. */
bool upstream_send(struct upstream_req *req, struct chunk *c, uint32_t off, uint32_t len);
bool upstream_end(struct upstream *u, struct upstream_req *req, struct span tail);
/* BDAT: announce, then upstream_send() exactly `bytes`, upstream_sent() each. */
bool upstream_chunk(struct upstream *u, struct upstream_req *req, uint64_t bytes, bool last);
void upstream_sent(struct upstream_req *req, uint64_t bytes);

/* The server's reply, cleaned of what the Internet should not see. */
void upstream_take_reply(const struct upstream_req *req, const struct smtp_reply *r,
                         struct upstream_reply *out);

/* The server of the last grant or try. */
const struct upstream_server *upstream_server(const struct upstream_req *req);

/* For tests: nothing in use but warm connections, which are closed. */
struct upstream_usage {
	uint32_t conns, idle, waiting, routes_held;
};
void upstream_get_usage(const struct upstream *u, struct upstream_usage *out);
