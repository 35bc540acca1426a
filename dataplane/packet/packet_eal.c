/* SPDX-License-Identifier: BSD-3-Clause
 * packet_eal.c - EAL start-up, its cores and its pools
 */
#include "dataplane/packet/packet_eal_log.h"
#include "dataplane/packet/packet_eal.h"
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <rte_log.h>
#include <ctype.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#define ARGS_MAX      (16 + 2 * PORTS_MAX)
#define DEFAULT_BYTES (256u << 20)
#define MBUFS_MIN     4096u
#define MBUFS_MAX     16384u
#define MBUF_COST     4400u /* bytes of a 2 KB mbuf without hugepages: whole pages */

static struct {
	unsigned worker_cnt;
	unsigned cpus[WORKERS_MAX];
	bool has_hugepages;
} eal;

static int fail(char *err, int code, const char *format, ...) PRINTF(3, 4);

static int
fail(char *err, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, PACKET_ERROR_TEXT, format, ap);
	va_end(ap);
	return code;
}

/* ---- cores */

static int
add_cpu(unsigned long cpu, const cpu_set_t *usable, unsigned *cpus, int n, char *err)
{
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, usable))
		return fail(err, -EINVAL,
		            "cores: this machine has no usable core %lu (%ld are online)", cpu,
		            sysconf(_SC_NPROCESSORS_ONLN));
	for (int i = 0; i < n; i++)
		if (cpus[i] == cpu)
			return fail(err, -EINVAL, "cores: %lu is named twice", cpu);
	if (n == WORKERS_MAX)
		return fail(err, -EINVAL, "cores: more than %d", WORKERS_MAX);
	cpus[n] = (unsigned)cpu;
	return n + 1;
}

static int
last_cpu(const cpu_set_t *usable, unsigned *cpus)
{
	for (unsigned c = CPU_SETSIZE; c-- > 0;)
		if (CPU_ISSET(c, usable)) {
			cpus[0] = c;
			return 1;
		}
	return 0;
}

int
packet_cores_parse(const char *text, unsigned *cpus, char *err)
{
	cpu_set_t usable;
	int n = 0;

	CPU_ZERO(&usable);
	if (sched_getaffinity(0, sizeof(usable), &usable))
		return fail(err, -errno, "sched_getaffinity: %s", strerror(errno));
	if (!text || !*text)
		return last_cpu(&usable, cpus);
	for (const char *t = text;; t++) {
		char *end;
		unsigned long from, to;

		if (!isdigit((unsigned char)*t))
			return fail(err, -EINVAL,
			            "cores: \"%s\" is not like \"1\", \"0-1\" or \"1,3\"", text);
		from = to = strtoul(t, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			to = strtoul(end + 1, &end, 10);
		if (to < from || (*end != ',' && *end != 0))
			return fail(err, -EINVAL,
			            "cores: \"%s\" is not like \"1\", \"0-1\" or \"1,3\"", text);
		for (unsigned long c = from; c <= to; c++) {
			n = add_cpu(c, &usable, cpus, n, err);
			if (n < 0)
				return n;
		}
		if (*end == 0)
			return n;
		t = end;
	}
}

struct text {
	char *out;
	size_t at, room;
};

static void text_add(struct text *t, const char *format, ...) PRINTF(2, 3);

static void
text_add(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->out + t->at, t->room - t->at, format, ap);
	va_end(ap);
	t->at = MIN(t->at + (size_t)n, t->room - 1);
}

bool
packet_lcores_text(const bool *usable, unsigned cpu_cnt, const unsigned *workers,
                   unsigned worker_cnt, char *out, size_t room)
{
	struct text t = { out, 0, room };
	bool spare[CPU_SETSIZE] = { false }, any = false;

	BUG_ON(cpu_cnt > CPU_SETSIZE);
	memcpy(spare, usable, cpu_cnt * sizeof(*spare));
	for (unsigned i = 0; i < worker_cnt; i++)
		spare[workers[i]] = false;
	for (unsigned c = 0; c < cpu_cnt; c++)
		any = any || spare[c];
	text_add(&t, "0@(");
	for (unsigned c = 0, end, more = 0; c < cpu_cnt; c = end + 1) {
		const bool *set = any ? spare : usable;

		for (end = c; set[c] && end + 1 < cpu_cnt && set[end + 1];)
			end++;
		if (!set[c])
			continue;
		text_add(&t, "%s%u", more++ ? "," : "", c);
		if (end > c)
			text_add(&t, "-%u", end);
	}
	text_add(&t, ")");
	for (unsigned i = 0; i < worker_cnt; i++)
		text_add(&t, ",%u@%u", i + 1, workers[i]);
	return t.at + 1 < room;
}

static bool
lcores_text(char *out, size_t room)
{
	bool usable[CPU_SETSIZE];
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (unsigned c = 0; c < CPU_SETSIZE; c++)
		usable[c] = CPU_ISSET(c, &set);
	return packet_lcores_text(usable, CPU_SETSIZE, eal.cpus, eal.worker_cnt, out, room);
}

/* ---- hugepages */

static uint64_t
free_hugepage_bytes(void)
{
	static const unsigned sizes_kb[] = { 2048, 1048576 };
	uint64_t bytes = 0;

	for (unsigned i = 0; i < ARRAY_LEN(sizes_kb); i++) {
		char path[128];
		unsigned long n = 0;
		FILE *f;

		snprintf(path, sizeof(path),
		         "/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", sizes_kb[i]);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%lu", &n) == 1)
			bytes += (uint64_t)n * sizes_kb[i] * 1024;
		fclose(f);
	}
	return bytes;
}

static int
choose_memory(const struct packet_eal_config *c, uint64_t bytes, char *err)
{
	uint64_t there = c->hugepages == PACKET_HUGEPAGES_NEVER ? 0 : free_hugepage_bytes();

	eal.has_hugepages = there >= bytes;
	if (c->hugepages == PACKET_HUGEPAGES_ALWAYS && !eal.has_hugepages)
		return fail(err, -ENOMEM,
		            "hugepages: always, but %llu MiB are wanted and %llu MiB are free "
		            "(sysctl vm.nr_hugepages)",
		            (unsigned long long)(bytes >> 20), (unsigned long long)(there >> 20));
	return 0;
}

/* ---- devices */

/* "0000:00:08.0" or "00:08.0", options behind a comma. */
static bool
is_pci(const char *device)
{
	size_t n = strcspn(device, ",");

	return n >= 7 && strspn(device, "0123456789abcdefABCDEF:.") == n && strchr(device, ':') &&
	       device[n - 2] == '.';
}

static const char *
hint(const char *device)
{
	if (!strncmp(device, "net_tap", 7))
		return "needs CAP_NET_ADMIN and /dev/net/tun, and no other process on that "
		       "interface";
	if (!strncmp(device, "net_af_", 7))
		return "needs CAP_NET_RAW, and the interface must exist and be up";
	if (!strncmp(device, "net_", 4))
		return "see its options in DPDK's documentation of the driver";
	if (is_pci(device))
		return "it must be bound to vfio-pci, and its driver installed";
	return "no driver of that name; expected net_tap0,iface=NAME or net_af_packet0,iface=NAME "
	       "or a PCI address";
}

static int
check_devices(const struct packet_eal_config *c, char *err)
{
	for (unsigned i = 0; i < c->device_cnt; i++) {
		char name[RTE_ETH_NAME_MAX_LEN];
		uint16_t id;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(c->devices[i], ","),
		         c->devices[i]);
		if (rte_eth_dev_get_port_by_name(name, &id))
			return fail(err, -ENODEV, "device %s did not start: %s", c->devices[i],
			            hint(c->devices[i]));
	}
	return 0;
}

static void
ignore_signal(int s)
{
	(void)s;
}

/* The tap driver takes a real-time signal for every packet received (28,000 cycles) when it finds one that is free. It polls when all are
 * taken. */
static void
occupy_signals(void)
{
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		signal(s, ignore_signal);
}

/* ---- DPDK's log: held back, so that an error is one line of ours with the driver's first words in it */

static struct {
	FILE *f;
	char *text;
	size_t len;
} held;

void
packet_log_hold(void)
{
	if (held.f)
		return;
	held.f = open_memstream(&held.text, &held.len);
	if (held.f)
		rte_openlog_stream(held.f);
}

void
packet_log_release(char *err)
{
	size_t end, used = err ? strlen(err) : 0;

	if (!held.f)
		return;
	rte_openlog_stream(NULL);
	fclose(held.f);
	held.f = NULL;
	end = held.text ? strcspn(held.text, "\n") : 0;
	if (err && end > 0)
		snprintf(err + used, PACKET_ERROR_TEXT - used, " (%.*s)", (int)end, held.text);
	free(held.text);
	held.text = NULL;
}

/* ---- start */

struct args {
	int n;
	char *v[ARGS_MAX];
	char text[ARGS_MAX][512];
};

static void arg(struct args *a, const char *format, ...) PRINTF(2, 3);

static void
arg(struct args *a, const char *format, ...)
{
	va_list ap;

	BUG_ON(a->n == ARGS_MAX);
	va_start(ap, format);
	vsnprintf(a->text[a->n], sizeof(a->text[0]), format, ap);
	va_end(ap);
	a->v[a->n] = a->text[a->n];
	a->n++;
}

/* AF_PACKET and AF_XDP open the queues that their arguments say. */
static const char *
queues_option(const char *device)
{
	if (eal.worker_cnt == 1)
		return NULL;
	if (!strncmp(device, "net_af_packet", 13) && !strstr(device, "qpairs="))
		return "qpairs";
	if (!strncmp(device, "net_af_xdp", 10) && !strstr(device, "queue_count="))
		return "queue_count";
	return NULL;
}

static void
device_args(struct args *a, const struct packet_eal_config *c)
{
	bool any_pci = false;

	for (unsigned i = 0; i < c->device_cnt; i++) {
		const char *d = c->devices[i], *queues = queues_option(d);

		if (!strncmp(d, "net_tap", 7))
			occupy_signals();
		any_pci |= is_pci(d);
		if (queues)
			arg(a, "--vdev=%s,%s=%u", d, queues, eal.worker_cnt);
		else
			arg(a, is_pci(d) ? "--allow=%s" : "--vdev=%s", d);
	}
	if (!any_pci)
		arg(a, "--no-pci");
}

int
packet_eal_start(const struct packet_eal_config *c, char *err)
{
	struct args *a = calloc(1, sizeof(*a));
	uint64_t bytes = c->memory_bytes ? c->memory_bytes : DEFAULT_BYTES;
	char lcores[400];
	int n = a ? packet_cores_parse(c->cores, eal.cpus, err) : -ENOMEM;

	if (n > 0 && c->device_cnt > PORTS_MAX)
		n = fail(err, -EINVAL, "more than %d ports", PORTS_MAX);
	if (n > 0 && choose_memory(c, bytes, err))
		n = -ENOMEM;
	if (n <= 0) {
		free(a);
		return n ? n : fail(err, -EINVAL, "cores: none usable");
	}
	eal.worker_cnt = (unsigned)n;
	if (!lcores_text(lcores, sizeof(lcores))) {
		free(a);
		return fail(err, -E2BIG,
		            "cores: the process may use too many separate groups of CPUs");
	}
	arg(a, "weir");
	arg(a, "--lcores=%s", lcores);
	arg(a, "--main-lcore=0");
	arg(a, eal.has_hugepages ? "--in-memory" : "--no-huge");
	if (!eal.has_hugepages)
		arg(a, "--no-shconf");
	arg(a, "-m%u", (unsigned)(bytes >> 20));
	if (c->file_prefix)
		arg(a, "--file-prefix=%s", c->file_prefix);
	else
		arg(a, "--file-prefix=weir-%d", (int)getpid());
	arg(a, "--no-telemetry");
	arg(a, "--log-level=error");
	device_args(a, c);
	packet_log_hold();
	if (rte_eal_init(a->n, a->v) < 0)
		n = fail(err, -EIO, "EAL did not start: %s", rte_strerror(rte_errno));
	free(a); /* EAL has copied what it keeps */
	if (n > 0 && check_devices(c, err))
		n = -ENODEV;
	packet_log_release(n < 0 ? err : NULL);
	return n;
}

void
packet_eal_stop(void)
{
	rte_eal_cleanup();
}

int
packet_eal_launch(unsigned worker, int (*fn)(void *), void *arg_)
{
	return rte_eal_remote_launch(fn, arg_, worker + 1);
}

int
packet_eal_join(unsigned worker)
{
	return rte_eal_wait_lcore(worker + 1);
}

unsigned
packet_eal_cpu(unsigned worker)
{
	return eal.cpus[worker];
}

bool
packet_eal_has_hugepages(void)
{
	return eal.has_hugepages;
}

/* ---- pools */

/* The kernel keeps XDP_PACKET_HEADROOM bytes before a frame of AF_XDP, and drops a frame that then does not fit without a word. */
#define FRAME_EXTRA (64u + 256u)

static uint16_t
data_room(unsigned mtu)
{
	return (uint16_t)(RTE_PKTMBUF_HEADROOM + MAX(mtu + FRAME_EXTRA, 2048u));
}

unsigned
packet_pool_size(uint64_t memory_bytes, unsigned worker_cnt, unsigned mtu)
{
	uint64_t cost = mtu + FRAME_EXTRA <= 2048u ? MBUF_COST : mtu + 8192u;
	uint64_t n = (memory_bytes ? memory_bytes : DEFAULT_BYTES) / 4 * 3 / cost / worker_cnt;

	return (unsigned)MIN(MAX(n, (uint64_t)MBUFS_MIN), (uint64_t)MBUFS_MAX) - 1;
}

struct rte_mempool *
packet_pool_new(const char *name, unsigned cnt, unsigned mtu)
{
	return rte_pktmbuf_pool_create(name, cnt, MIN(256u, cnt / 8), 0, data_room(mtu),
	                               SOCKET_ID_ANY);
}
