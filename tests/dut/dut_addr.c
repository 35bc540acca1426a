/* SPDX-License-Identifier: BSD-3-Clause
 * dut_addr.c - sockaddr of the kernel and struct addr
 */
#include "tests/dut/dut.h"
#include <arpa/inet.h>
#include <netinet/in.h>

bool
dut_addr_is_any(const struct addr *a)
{
	static const struct addr zero;
	struct addr any4 = addr_v4(0);

	return addr_eq(a, &zero) || addr_eq(a, &any4);
}

int
dut_addr_take(int domain, const void *data, size_t len, struct addr *a, uint16_t *port)
{
	struct sockaddr_in s4;
	struct sockaddr_in6 s6;
	sa_family_t family;

	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, data, sizeof(family));
	if (family != domain)
		return len < sizeof(s4) ? -EINVAL : -EAFNOSUPPORT;
	if (domain == AF_INET) {
		if (len < sizeof(s4))
			return -EINVAL;
		memcpy(&s4, data, sizeof(s4));
		*a = addr_v4(ntohl(s4.sin_addr.s_addr));
		*port = ntohs(s4.sin_port);
		return 0;
	}
	if (len < sizeof(s6) - sizeof(s6.sin6_scope_id))
		return -EINVAL;
	memset(&s6, 0, sizeof(s6));
	memcpy(&s6, data, MIN(len, sizeof(s6)));
	memcpy(a->b, &s6.sin6_addr, 16);
	*port = ntohs(s6.sin6_port);
	return 0;
}

size_t
dut_addr_give(int domain, const struct addr *a, uint16_t port, void *out)
{
	if (domain == AF_INET) {
		struct sockaddr_in s4 = { .sin_family = AF_INET,
			                  .sin_port = htons(port),
			                  .sin_addr.s_addr = htonl(addr_v4_of(a)) };

		memcpy(out, &s4, sizeof(s4));
		return sizeof(s4);
	}
	struct sockaddr_in6 s6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memcpy(&s6.sin6_addr, a->b, 16);
	memcpy(out, &s6, sizeof(s6));
	return sizeof(s6);
}
