/* SPDX-License-Identifier: BSD-3-Clause
 * claim.c - two record locks and a name a device
 */
#include "ctrl/claim.h"
#include "ctrl/files.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

struct claim {
	int fds[2 + PORTS_MAX];
	size_t cnt;
};

static int
taken(const char *key, const char *what, long pid)
{
	fprintf(stderr, "weir: %s: %s: another weir (pid %ld) has it\n", key, what, pid);
	return -EADDRINUSE;
}

static int
failed(const char *key, const char *what, int ret)
{
	fprintf(stderr, "weir: %s: %s: %s\n", key, what, strerror(-ret));
	return ret;
}

static int
lock_file(struct claim *c, const char *key, const char *what, const char *path)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return failed(key, path, -errno);
	c->fds[c->cnt++] = fd;
	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN)
		return failed(key, path, -errno);
	if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
		l.l_pid = 0; /* it ended between the two calls */
	return taken(key, what, l.l_pid);
}

static int
claim_state_dir(struct claim *c, const struct settings *s)
{
	const char *dir = s->node_state_dir;
	char path[PATH_ROOM];
	int ret = dir_make(dir);

	if (ret < 0)
		return failed("node.state_dir", dir, ret);
	if (!path_format(path, sizeof(path), "%s/lock", dir))
		return failed("node.state_dir", dir, -ENAMETOOLONG);
	return lock_file(c, "node.state_dir", dir, path);
}

static int
claim_socket(struct claim *c, const struct settings *s)
{
	const char *what = s->node_control_socket;
	char path[PATH_ROOM];
	int ret = dir_make_for(what);

	if (ret < 0)
		return failed("node.control_socket", what, ret);
	if (!path_format(path, sizeof(path), "%s.lock", what))
		return failed("node.control_socket", what, -ENAMETOOLONG);
	return lock_file(c, "node.control_socket", what, path);
}

/* The interface of a DPDK device text that names one ("net_tap0,iface=weir0,mac=fixed"), else the whole text. */
static struct span
device_name(const char *device)
{
	const char *iface = strstr(device, ",iface=");

	return iface ? span(iface + 7, strcspn(iface + 7, ",")) : span_z(device);
}

static long
pid_behind(const struct sockaddr_un *a, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer = { 0 };
	socklen_t n = sizeof(peer);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)a, len) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
	if (fd >= 0)
		close(fd);
	return peer.pid;
}

static int
claim_device(struct claim *c, const char *device)
{
	struct span name = device_name(device);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len;
	int n, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return failed("ports", device, -errno);
	c->fds[c->cnt++] = fd;
	n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "weir-port/%.*s", (int)name.len,
	             name.p); /* a first byte of 0: abstract */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                  MIN((size_t)n, sizeof(a.sun_path) - 2));
	if (bind(fd, (const struct sockaddr *)&a, len) == 0 && listen(fd, 8) == 0)
		return 0;
	return errno == EADDRINUSE ? taken("ports", device, pid_behind(&a, len))
	                           : failed("ports", device, -errno);
}

int
claim_take(const struct settings *s, bool with_ports, struct claim **out)
{
	struct claim *c = calloc(1, sizeof(*c));
	int ret;

	BUG_ON(!c);
	ret = claim_state_dir(c, s);
	if (ret == 0)
		ret = claim_socket(c, s);
	for (size_t i = 0; i < s->port_cnt && with_ports && ret == 0; i++)
		ret = claim_device(c, s->ports[i].device);
	if (ret < 0) {
		claim_release(c);
		return ret;
	}
	*out = c;
	return 0;
}

void
claim_release(struct claim *c)
{
	if (!c)
		return;
	while (c->cnt > 0)
		close(c->fds[--c->cnt]);
	free(c);
}
