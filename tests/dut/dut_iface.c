/* SPDX-License-Identifier: BSD-3-Clause
 * dut_iface.c - the kernel's own stack on a veth end that is ours: silent while we use it, as it was afterwards
 *
 * Why     AF_PACKET only copies: the kernel would still answer ND, speak MLD and router solicitations, and forward what is for us.
 */
#include "tests/dut/dut.h"
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	const char *path, *value;
	char was[16];
} held[] = {
	{ "/proc/sys/net/ipv6/conf/%s/disable_ipv6", "1", "" },
	{ "/proc/sys/net/ipv4/conf/%s/forwarding", "0", "" },
	{ "/proc/sys/net/ipv4/conf/%s/arp_ignore", "8", "" }, /* to no request at all */
};

static char interface[IFNAMSIZ];
static bool was_down;

/* Reads the old value if `was` is given, then writes. */
static void
set(const char *format, const char *value, char *was)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), format, interface);
	f = fopen(path, was ? "r+" : "w");
	if (!f)
		return; /* a kernel without IPv6 has nothing to be silenced */
	if (was && !fgets(was, 16, f))
		was[0] = 0;
	rewind(f);
	if (!was || atoi(was) != atoi(value))
		fputs(value, f);
	else
		was[0] = 0;
	fclose(f);
}

static int
set_up(bool up)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ret;
	struct ifreq r = { 0 };

	memcpy(r.ifr_name, interface, sizeof(r.ifr_name));
	ret = fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) ? -errno : 0;
	if (ret == 0 && !(r.ifr_flags & IFF_UP) == up) {
		was_down = up;
		r.ifr_flags = (short)(r.ifr_flags ^ IFF_UP);
		if (ioctl(fd, SIOCSIFFLAGS, &r))
			ret = -errno;
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

int
dut_iface_take(const char *name, char *err)
{
	int ret;

	snprintf(interface, sizeof(interface), "%s", name);
	ret = set_up(true);
	if (ret) {
		snprintf(err, PACKET_ERROR_TEXT, "interface %s: %s", name, strerror(-ret));
		interface[0] = 0;
		return ret;
	}
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		set(held[i].path, held[i].value, held[i].was);
	return 0;
}

void
dut_iface_give_back(void)
{
	if (!interface[0])
		return;
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		if (held[i].was[0])
			set(held[i].path, held[i].was, NULL);
	if (was_down)
		set_up(false);
}
