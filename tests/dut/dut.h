/* SPDX-License-Identifier: BSD-3-Clause
 * dut.h - tcp-dut inside: the node, its sockets, and the calls of its clients
 *
 * Why     The stack has no socket layer: this is one, for testers alone. A call that must wait is parked in its client and
 *         tried again every turn, so nothing here blocks the loop and no list of waiters exists.
 * Owner   struct dut owns everything. A socket is a place in a table; a parked call holds its number and generation.
 * Thread  One: it turns the stack and serves the clients.
 * Errors  A call's answer is a count or -errno of Linux, DUT_PARK when it must wait.
 */
#pragma once
#include "base/chunk.h"
#include "base/counters.h"
#include "base/rng.h"
#include "base/wheel.h"
#include "dataplane/packet/packet_eal.h"
#include "dataplane/tcp/tcp.h"
#include "tests/dut/tcp_dut.h"

#define DUT_FD_FIRST    3
#define DUT_SOCKS_MAX   1024
#define DUT_CLIENTS_MAX 64
#define DUT_BACKLOG_MAX 128
#define DUT_PARK        INT32_MIN

struct dut;
struct sock;

struct dut_options {
	const char *interface, *socket_path;
	bool is_tap, has_seed;
	uint64_t seed;
	struct packet_port_config port;
};

enum sock_state {
	SOCK_FREE,
	SOCK_FRESH, /* neither connected nor listening; after a failed connect again */
	SOCK_LISTENING,
	SOCK_CONNECTING,
	SOCK_OPEN, /* was ESTABLISHED; conn is NULL once the protocol is over */
};

struct sock {
	struct dut *dut;
	uint8_t state;
	uint32_t generation; /* of this place in the table */
	int domain;          /* AF_INET or AF_INET6 */
	int error;           /* what the next call is told, once */
	int soft_flags;      /* O_NONBLOCK */
	bool rd_shut, wr_shut;
	bool is_bound, is_reuse, is_v6_only;
	bool told;      /* a connect that ended well was answered */
	bool peer_ends; /* its FIN was reached before conn went */
	struct addr local, peer;
	uint16_t lport, pport;
	struct tcp_conn *conn;
	struct chunk *tail; /* what writes append to */
	uint32_t snd_buf;   /* bytes that may be queued */
	uint32_t rcv_buf;   /* as reported, twice the window; 0: the stack's */
	uint16_t mss;       /* as set; 0: the link's */
	int linger_s;       /* -1: off */
	bool is_keepalive;
	struct tcp_times times;

	/* what came before a reset and was not read */
	uint8_t *left;
	size_t left_at, left_len;

	/* a listener's */
	unsigned backlog, queue_cnt;
	struct sock *queue[DUT_BACKLOG_MAX];
};

/* Who asks. One request at a time; the next one waits in the kernel. */
struct client {
	int fd; /* -1: free */
	bool is_readable, is_gone, is_parked, has_answer;
	uint32_t sock_generation; /* of request.fd's socket when it was parked */
	struct sock *closing;     /* by SO_LINGER: out of the table, nobody else knows it */
	uint64_t until_us;        /* a parked poll's or close's end; UINT64_MAX: none */
	uint32_t done;            /* bytes of a parked write that were taken */
	struct dut_request request;
	struct dut_response response;
};

struct dut {
	struct dut_options opt;
	struct packet_eal_port *port;
	struct packet *packet;
	struct rte_mempool *mbufs;
	struct tcp_stack *tcp;
	struct tcp_config cfg;
	struct tcp_counters n_tcp;
	struct wheel wheel;
	struct rng rng;
	struct pool chunks;
	uint64_t now_us;
	int listen_fd, epoll_fd;
	struct client *clients[DUT_CLIENTS_MAX];
	struct sock
	        *socks[DUT_SOCKS_MAX]; /* by fd - DUT_FD_FIRST; those in a queue are not in it */
};

/* --- dut_iface.c: a veth end of the kernel that is silent while we use it */
int dut_iface_take(const char *name, char *err);
void dut_iface_give_back(void);

/* --- dut_node.c: packet, TCP and the turn of the loop */
int dut_node_open(struct dut *d, char *err);
/* RST to whatever is open, then everything goes. */
void dut_node_close(struct dut *d);
/* What arrived, and what became ready. */
bool dut_node_in(struct dut *d);
/* Timers and output. True: a timer fired. */
bool dut_node_out(struct dut *d);
uint64_t dut_node_next_us(const struct dut *d, uint64_t max_us);

/* --- dut_server.c: clients and their calls */
int dut_server_open(struct dut *d, char *err);
void dut_server_close(struct dut *d);
/* Waits up to wait_us for a client, then serves those that have something to say or wait. True if any call was carried out. */
bool dut_server_turn(struct dut *d, uint32_t wait_us);

/* --- dut_sock.c: life of a socket */
/* NULL: no such number. */
struct sock *dut_sock(struct dut *d, int fd);
/* NULL: out of memory. It has no number yet. */
struct sock *dut_sock_new(struct dut *d, int domain);
/* The lowest free number, -EMFILE. */
int dut_sock_install(struct sock *k);
void dut_sock_uninstall(struct sock *k);
/* The connection goes on without its user, or is reset where Linux would. */
void dut_sock_free(struct sock *k);
void dut_sock_reset(struct sock *k);
/* Its options to its connection, if it has one. */
void dut_sock_apply(struct sock *k);
int dut_sock_listen(struct sock *k);
/* What is in the queue is reset. Harmless when it does not listen. */
void dut_sock_unlisten(struct sock *k);
/* Unread bytes, those left by a reset included. */
size_t dut_sock_unread(const struct sock *k);
bool dut_sock_is_eof(const struct sock *k);
/* Bytes that a write may add now. */
size_t dut_sock_room(const struct sock *k);
/* -errno that waits for the next call, which clears it; 0: none. */
int dut_sock_error(struct sock *k);
extern const struct tcp_ops dut_sock_ops, dut_listen_ops;

/* --- the calls: c->request is theirs, what they return is the answer */
int dut_call_socket(struct dut *d, struct client *c, struct sock *none);
int dut_call_bind(struct dut *d, struct client *c, struct sock *k);
int dut_call_listen(struct dut *d, struct client *c, struct sock *k);
int dut_call_accept(struct dut *d, struct client *c, struct sock *k);
int dut_call_connect(struct dut *d, struct client *c, struct sock *k);
int dut_call_read(struct dut *d, struct client *c, struct sock *k);
int dut_call_write(struct dut *d, struct client *c, struct sock *k);
int dut_call_close(struct dut *d, struct client *c, struct sock *k);
int dut_call_shutdown(struct dut *d, struct client *c, struct sock *k);
int dut_call_getsockopt(struct dut *d, struct client *c, struct sock *k);
int dut_call_setsockopt(struct dut *d, struct client *c, struct sock *k);
int dut_call_fcntl(struct dut *d, struct client *c, struct sock *k);
int dut_call_ioctl(struct dut *d, struct client *c, struct sock *k);
int dut_call_poll(struct dut *d, struct client *c, struct sock *none);
/* c->closing again. */
int dut_call_close_again(struct dut *d, struct client *c);

/* --- dut_info.c */
/* struct tcp_info of Linux, cut to room; returns its bytes. */
size_t dut_info(const struct sock *k, void *out, size_t room);

/* --- dut_addr.c: sockaddr of the kernel and struct addr */
/* 0 or -errno. domain: of the socket. */
int dut_addr_take(int domain, const void *data, size_t len, struct addr *a, uint16_t *port);
size_t dut_addr_give(int domain, const struct addr *a, uint16_t port, void *out);
bool dut_addr_is_any(const struct addr *a);
