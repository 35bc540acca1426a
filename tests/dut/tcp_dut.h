/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_dut.h - wire protocol between a TCP conformance tester and the stack under test
 *
 * Why     Packet-script testers want socket calls on the stack and raw frames on the wire. `tcp-dut` owns the addresses of one
 *         tap (net_tap) or veth (net_af_packet), runs dataplane/packet and dataplane/tcp as the relay builds them, with no SMTP
 *         on top, and carries out the socket calls that arrive here.
 * Wire    AF_UNIX, SOCK_SEQPACKET; one request, one response, in order, per connection; several connections at a time.
 *         Integers are host order, a sockaddr is as the kernel's (port and address in network order). `data` is cut to `len`.
 *         Every call blocks as a blocking socket would, unless O_NONBLOCK was set by DUT_FCNTL.
 * Errors  ret is -1 and err is an errno of Linux: ECONNRESET, EPIPE, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, ENOTCONN, EAGAIN ...
 */
#ifndef TCP_DUT_H
#define TCP_DUT_H
#include <stdint.h>

enum dut_op {
	DUT_SOCKET = 1, /* a domain, b type, c protocol -> fd */
	DUT_BIND,       /* fd, data sockaddr */
	DUT_LISTEN,     /* fd, a backlog */
	DUT_ACCEPT,     /* fd -> new fd, data sockaddr of the peer */
	DUT_CONNECT,    /* fd, data sockaddr */
	DUT_READ, /* fd, a bytes wanted, b flags (MSG_PEEK, MSG_DONTWAIT) -> bytes in data, 0 at FIN */
	DUT_WRITE,      /* fd, data -> bytes taken */
	DUT_CLOSE,      /* fd */
	DUT_SHUTDOWN,   /* fd, a how */
	DUT_GETSOCKOPT, /* fd, a level, b name, c room -> data */
	DUT_SETSOCKOPT, /* fd, a level, b name, data */
	DUT_FCNTL,      /* fd, a command, b argument; F_GETFL, F_SETFL */
	DUT_IOCTL,      /* fd, a request -> data; SIOCINQ, SIOCOUTQ */
	DUT_POLL, /* a count, b timeout in ms, data array of struct pollfd -> the same array in data */
};

#define DUT_DATA_MAX 65536

struct dut_request {
	int32_t op, fd, a, b, c, len;
	uint8_t data[DUT_DATA_MAX];
};

struct dut_response {
	int32_t ret, err, len;
	uint8_t data[DUT_DATA_MAX];
};

#define DUT_REQUEST_HEAD  24 /* bytes before data */
#define DUT_RESPONSE_HEAD 12
#endif
