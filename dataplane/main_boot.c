/* SPDX-License-Identifier: BSD-3-Clause
 * main_boot.c - start-up as a table: each step has its way back, and the first that fails takes back those before
 */
#include "dataplane/main_boot.h"
#include "base/clock.h"
#include "base/rng.h"
#include "ctrl/claim.h"
#include "dataplane/main_wire.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#define EVENTS_PER_WORKER 8192
#define TURN_BUDGET_US    200 /* of scan slices */

/* Before any device is touched: opening a tap takes the link down under who serves it. */
static int
step_claim(struct boot *b)
{
	return claim_take(b->settings, !b->options.make_ports, &b->claim);
}

static void
undo_claim(struct boot *b)
{
	claim_release(b->claim);
}

static int
step_eal(struct boot *b)
{
	const char *devices[PORTS_MAX];
	const struct settings *s = b->settings;
	struct packet_eal_config c = {
		.cores = b->options.cores ? b->options.cores : s->dataplane_cores,
		.memory_bytes = boot_eal_bytes(s),
		.devices = devices,
		.hugepages = (enum packet_hugepages)s->dataplane_hugepages,
	};
	char err[PACKET_ERROR_TEXT];
	int n;

	for (size_t i = 0; i < s->port_cnt && !b->options.make_ports; i++)
		devices[c.device_cnt++] = s->ports[i].device;
	n = packet_eal_start(&c, err);
	if (n < 0) {
		fprintf(stderr, "weir: %s\n", err);
		return n;
	}
	b->worker_cnt = b->options.relay_workers ? b->options.relay_workers : (unsigned)n;
	b->is_eal_up = true;
	return 0;
}

static void
undo_eal(struct boot *b)
{
	if (b->is_eal_up)
		packet_eal_stop();
}

/* A buffer holds the largest packet of any port. */
static unsigned
largest_mtu(const struct settings *s)
{
	uint64_t mtu = 1500;

	for (size_t i = 0; i < s->port_cnt; i++)
		mtu = MAX(mtu, s->ports[i].mtu);
	return (unsigned)mtu;
}

static int
step_pools(struct boot *b)
{
	unsigned mtu = largest_mtu(b->settings);
	unsigned cnt = packet_pool_size(boot_eal_bytes(b->settings), b->worker_cnt, mtu);

	for (unsigned i = 0; i < b->worker_cnt; i++) {
		char name[32];

		snprintf(name, sizeof(name), "mbufs%u", i);
		b->pools[i] = packet_pool_new(name, cnt, mtu);
		if (!b->pools[i]) {
			fprintf(stderr,
			        "weir: no memory for %u packet buffers; raise dataplane.memory\n",
			        cnt);
			return -ENOMEM;
		}
	}
	return 0;
}

static int
step_ports(struct boot *b)
{
	const struct settings *s = b->settings;
	struct packet_key key = packet_key_from(rng_entropy());
	int dpdk_ports[PORTS_MAX];

	if (b->options.make_ports) {
		int ret = b->options.make_ports(b->options.ctx, b->worker_cnt, dpdk_ports,
		                                (unsigned)s->port_cnt);

		if (ret < 0)
			return ret;
	}
	for (size_t i = 0; i < s->port_cnt; i++) {
		struct packet_eal_port_config c = { .device = s->ports[i].device,
			                            .software_checksums =
			                                    s->dataplane_software_checksums };
		char err[PACKET_ERROR_TEXT];

		if (!boot_port_config(&s->ports[i], &key, &c.port))
			return -EINVAL;
		if (b->options.make_ports) {
			c.device = NULL;
			c.dpdk_port = dpdk_ports[i];
		}
		b->ports[i] = packet_eal_open(&c, b->worker_cnt, b->pools, err);
		if (!b->ports[i]) {
			fprintf(stderr, "weir: %s\n", err);
			return -ENODEV;
		}
		b->port_cnt++;
	}
	return 0;
}

static void
undo_ports(struct boot *b)
{
	while (b->port_cnt > 0)
		packet_eal_close(b->ports[--b->port_cnt]);
}

static bool
is_banned(void *ctx, const struct addr *a)
{
	return ban_set_has(rcu_dereference(((struct ctrl_published *)ctx)->bans), a);
}

static int
make_worker(struct boot *b, unsigned i)
{
	struct engine_config ec = { .scan_bytes = b->settings->smtp_scan_bytes };
	struct worker_config wc;
	struct worker_env env = { .port_cnt = b->port_cnt,
		                  .snapshot = &b->published.snapshot,
		                  .is_banned = is_banned,
		                  .ban_ctx = &b->published,
		                  .health = b->health,
		                  .limits = b->limits,
		                  .events = &b->events[i],
		                  .primaries_up = &b->primaries_up };
	char err[PACKET_ERROR_TEXT];

	if (event_ring_init(&b->events[i], EVENTS_PER_WORKER) < 0)
		return -ENOMEM;
	b->engines[i] = engine_worker_new(&ec);
	if (!b->engines[i])
		return -ENOMEM;
	env.engine = b->engines[i];
	for (unsigned p = 0; p < b->port_cnt; p++)
		env.ports[p] = (struct worker_port){ packet_eal_port(b->ports[p]),
			                             packet_eal_dev(b->ports[p], i), b->pools[i] };
	boot_worker_config(b->settings, i, b->worker_cnt, &wc);
	wc.scan_budget_cycles = b->cycles_per_second / 1000000 * TURN_BUDGET_US;
	b->workers[i] = worker_new(&wc, &env, err);
	if (!b->workers[i]) {
		fprintf(stderr, "weir: %s\n", err);
		return -ENOMEM;
	}
	return 0;
}

static int
step_workers(struct boot *b)
{
	struct siphash_key limits_key = { rng_entropy(), rng_entropy() };
	struct worker_config wc;
	int ret = 0;

	b->cycles_per_second = clock_cycles_per_second();
	boot_worker_config(b->settings, 0, b->worker_cnt, &wc);
	b->health = upstream_health_new();
	b->limits = limits_table_new((uint64_t)wc.sizes.sources * b->worker_cnt, &limits_key);
	if (!b->health || !b->limits)
		return -ENOMEM;
	for (unsigned i = 0; i < b->worker_cnt && ret == 0; i++)
		ret = make_worker(b, i);
	return ret;
}

/* Workers put their jobs before control takes its snapshots back from the engines; rings were emptied by ctrl_stop(). */
static void
undo_workers(struct boot *b)
{
	for (unsigned i = 0; i < b->worker_cnt; i++)
		worker_free(b->workers[i]);
	ctrl_free(b->ctrl);
	for (unsigned i = 0; i < b->worker_cnt; i++) {
		if (b->engines[i])
			engine_worker_free(b->engines[i]);
		event_ring_fini(&b->events[i]);
	}
	upstream_health_free(b->health);
	limits_table_free(b->limits);
}

static int
step_ctrl(struct boot *b)
{
	boot_wire_ctrl(b);
	b->ctrl = ctrl_new(b->settings, &b->node);
	if (!b->ctrl)
		return -EINVAL;
	return ctrl_start(b->ctrl);
}

static void
undo_ctrl(struct boot *b)
{
	if (b->ctrl)
		ctrl_stop(b->ctrl);
}

/* clang-format off */
static const struct step {
	const char *name;
	int (*up)(struct boot *b);
	void (*down)(struct boot *b); /* also of a step that failed half way */
} steps[] = {
	{ "claim",          step_claim,   undo_claim },
	{ "DPDK",           step_eal,     undo_eal },
	{ "packet buffers", step_pools,   NULL },
	{ "ports",          step_ports,   undo_ports },
	{ "workers",        step_workers, undo_workers },
	{ "control",        step_ctrl,    undo_ctrl },
};
/* clang-format on */

static void
take_back(struct boot *b, size_t from)
{
	for (size_t i = from; i > 0; i--)
		if (steps[i - 1].down)
			steps[i - 1].down(b);
	free(b);
}

struct boot *
boot_start(const struct settings *s, const struct boot_options *o)
{
	struct boot *b = calloc(1, sizeof(*b));

	BUG_ON(!b);
	b->settings = s;
	if (o)
		b->options = *o;
	pthread_mutex_init(&b->post_lock, NULL);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int ret = steps[i].up(b);

		if (ret < 0) {
			fprintf(stderr, "weir: start failed at %s: %s\n", steps[i].name,
			        strerror(-ret));
			take_back(b, i + 1);
			return NULL;
		}
	}
	return b;
}

static int
worker_main(void *arg)
{
	struct boot_lcore *l = arg;

	return worker_run(l->worker, l->busy_poll_always);
}

/* Under post_lock: control's threads run already, and must not take a worker that turns for one that does not. */
int
boot_run(struct boot *b)
{
	int ret = 0;

	pthread_mutex_lock(&b->post_lock);
	for (unsigned i = 0; i < b->worker_cnt && ret == 0; i++) {
		b->lcores[i] =
		        (struct boot_lcore){ b->workers[i],
			                     b->settings->dataplane_busy_poll == BUSY_POLL_ALWAYS };
		ret = packet_eal_launch(i, worker_main, &b->lcores[i]);
		b->running_cnt += ret == 0;
	}
	pthread_mutex_unlock(&b->post_lock);
	return ret;
}

/* ---- to another user ---- */

#define OWN_DEPTH_MAX 4 /* state_dir/snapshots/G/rules-N/file */

static void
own_failed(const char *name)
{
	fprintf(stderr, "weir: node.user: %s: %s\n", name, strerror(errno));
}

/* A file, folder or socket of root's, the link itself where it is one; what is another's stays so. */
static void
own_one(int dir, const char *name, const struct owner *to)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			own_failed(name);
		return;
	}
	if (st.st_uid != 0 || S_ISLNK(st.st_mode))
		return;
	if (fchownat(dir, name, to->uid, to->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		own_failed(name);
}

/* A folder that weir alone fills. Opened without following a link, so that no name leads out of it. */
static void
own_tree(int dir, const char *name, const struct owner *to, unsigned depth)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	own_one(dir, name, to);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (depth < OWN_DEPTH_MAX)
			own_tree(fd, e->d_name, to, depth + 1); /* a file is one without entries */
	}
	closedir(d);
}

/* A mistake in node.state_dir must not give away a folder of the system or of another daemon. */
static bool
may_own(const char *path, int fd, const struct owner *to)
{
	static const char *const systems[] = { "/",     "/bin",     "/boot",    "/dev",    "/etc",
		                               "/home", "/lib",     "/opt",     "/proc",   "/root",
		                               "/run",  "/srv",     "/sys",     "/tmp",    "/usr",
		                               "/var",  "/var/lib", "/var/log", "/var/tmp" };
	char real[PATH_MAX];
	struct stat st;

	if (!realpath(path, real) || fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (!strcmp(real, systems[i]))
			return false;
	return st.st_uid == 0 || st.st_uid == to->uid;
}

int
boot_hand_over(const struct settings *s, const struct owner *to)
{
	static const char *const names[] = { "lock", "bans.json", "bans.json.new" };
	static const char *const store[] = { "", "-wal", "-shm", "-journal" };
	int fd = open(s->node_state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[4096 + 16];

	if (fd < 0 || !may_own(s->node_state_dir, fd, to)) {
		fprintf(stderr,
		        "weir: node.state_dir: %s is not a folder of weir's own: it must be root's "
		        "or "
		        "node.user's and none of the system's\n",
		        s->node_state_dir);
		if (fd >= 0)
			close(fd);
		return -EPERM;
	}
	own_one(fd, ".", to);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		own_one(fd, names[i], to);
	for (size_t i = 0; i < ARRAY_LEN(store); i++) {
		settings_store_path(s, text);
		strcat(text, store[i]);
		own_one(AT_FDCWD, text, to);
	}
	own_tree(fd, "snapshots", to, 1);
	own_tree(fd, "cache", to, 1);
	close(fd);
	snprintf(text, sizeof(text), "%s.lock", s->node_control_socket); /* claim.h */
	own_one(AT_FDCWD, s->node_control_socket, to);
	own_one(AT_FDCWD, text, to);
	if (*s->log_path)
		own_one(AT_FDCWD, s->log_path, to);
	return 0;
}

/*
 * Control's threads go on meanwhile. First every thread becomes the user but may come back; what they made until then is given
 * to the user by this thread alone, as root (the system call is one thread's); then there is no way back.
 */
static int
become(const struct settings *s, const struct owner *to)
{
	int ret;

	if (setresuid(to->uid, to->uid, 0) < 0 || syscall(SYS_setresuid, -1, 0, -1) < 0)
		return -errno;
	ret = boot_hand_over(s, to);
	if (setresuid(to->uid, to->uid, to->uid) < 0)
		return -errno;
	return ret;
}

int
boot_drop_privileges(struct boot *b)
{
	const char *user = b->settings->node_user;
	struct passwd *pw;
	struct owner to;
	int ret;

	if (!*user || geteuid() != 0)
		return 0;
	pw = getpwnam(user);
	if (!pw) {
		fprintf(stderr,
		        "weir: node.user: there is no user \"%s\"; make it, or set node.user: "
		        "\"\"\n",
		        user);
		return -ENOENT;
	}
	to = (struct owner){ pw->pw_uid, pw->pw_gid };
	ret = boot_hand_over(b->settings, &to);
	if (ret < 0)
		return ret;
	if (initgroups(user, to.gid) < 0 || setgid(to.gid) < 0) {
		fprintf(stderr, "weir: node.user %s: %s\n", user, strerror(errno));
		return -EPERM;
	}
	ret = become(b->settings, &to);
	if (ret < 0)
		fprintf(stderr, "weir: node.user %s: %s\n", user, strerror(-ret));
	return ret;
}

void
boot_request_reload(struct boot *b)
{
	ctrl_request_reload(b->ctrl);
}

unsigned
boot_worker_cnt(const struct boot *b)
{
	return b->worker_cnt;
}

struct worker *
boot_worker(struct boot *b, unsigned i)
{
	BUG_ON(i >= b->worker_cnt);
	return b->workers[i];
}

void
boot_stop(struct boot *b)
{
	__atomic_store_n(&b->stopping, true, __ATOMIC_RELAXED);
	/* A call of control that waits for a worker ends first; later ones find that none turns any more. */
	pthread_mutex_lock(&b->post_lock);
	for (unsigned i = 0; i < b->running_cnt; i++)
		worker_stop(b->workers[i]);
	for (unsigned i = 0; i < b->running_cnt; i++)
		packet_eal_join(i);
	b->running_cnt = 0;
	pthread_mutex_unlock(&b->post_lock);
	take_back(b, ARRAY_LEN(steps));
}
