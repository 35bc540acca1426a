/* SPDX-License-Identifier: BSD-3-Clause
 * primaries.c - a connection and its "220", without ever waiting
 */
#include "ctrl/primaries.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMTP_PORT 25

static int
begin(const struct addr *a)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(SMTP_PORT) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(SMTP_PORT) };
	bool is_v4 = addr_is_v4(a);
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -1;
	memcpy(&four.sin_addr, a->b + 12, 4);
	memcpy(&six.sin6_addr, a->b, 16);
	ret = is_v4 ? connect(fd, (const struct sockaddr *)&four, sizeof(four))
	            : connect(fd, (const struct sockaddr *)&six, sizeof(six));
	if (ret == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static void
tell(uint32_t *up, unsigned i, bool is_up)
{
	uint32_t bit = 1u << i, was = __atomic_load_n(up, __ATOMIC_RELAXED);

	__atomic_store_n(up, is_up ? was | bit : was & ~bit, __ATOMIC_RELAXED);
}

/* 1: it greeted; 0: not yet; -1: it did not. */
static int
look(int fd)
{
	char head[3];
	ssize_t n = recv(fd, head, sizeof(head), MSG_PEEK);

	if (n < 0)
		return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
	if (n < (ssize_t)sizeof(head))
		return n == 0 ? -1 : 0;
	return memcmp(head, "220", sizeof(head)) == 0 ? 1 : -1;
}

void
primaries_tick(struct primaries *p, const struct settings *s, uint64_t now_us, uint32_t *up)
{
	static const struct addr none = { { 0 } };

	for (unsigned i = 0; i < s->listen_cnt; i++) {
		int state = p->of[i].fd > 0 ? look(p->of[i].fd) : -1;

		if (addr_eq(&s->listen[i].backup_of, &none))
			continue;
		if (p->of[i].fd > 0 && (state != 0 || now_us >= p->of[i].due_us)) {
			tell(up, i, state == 1);
			close(p->of[i].fd);
			p->of[i].fd = 0;
			p->of[i].due_us = now_us + PRIMARY_PERIOD_US;
		} else if (p->of[i].fd == 0 && now_us >= p->of[i].due_us) {
			p->of[i].fd = MAX(begin(&s->listen[i].backup_of), 0);
			p->of[i].due_us =
			        now_us + (p->of[i].fd ? PRIMARY_WAIT_US : PRIMARY_PERIOD_US);
			if (p->of[i].fd == 0)
				tell(up, i, false);
		}
	}
}

void
primaries_fini(struct primaries *p)
{
	for (unsigned i = 0; i < LISTEN_MAX; i++)
		if (p->of[i].fd > 0)
			close(p->of[i].fd);
}
