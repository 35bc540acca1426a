/* SPDX-License-Identifier: BSD-3-Clause
 * bridge.c - frames from one interface to another and back over a bad line, until SIGTERM
 *
 * lab-bridge IF_A IF_B [--both MODEL] [--ab MODEL] [--ba MODEL] [--seed N] [--spin] [--trace FILE]      (MODEL: bridge.h)
 * Why     This kernel has no netem, and netem's chance depends on time: here it depends on the frame's number alone.
 *         Sleeps in ppoll() to the next due frame, as SCHED_FIFO where it may; --spin polls without sleep.
 * Prints {"ready": true}, and at the end one JSON object: counts of each direction, and how late frames left (jitter).
 * Limit   FRAMES frames under way in both directions together; what finds none free is counted as `full`.
 */
#include "tests/lab/bridge.h"
#include "tests/until_signal.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAMES    16384
#define BATCH     32
#define LATE_US   20000 /* slots of the histogram of lateness */
#define SOCK_ROOM (8 << 20)

struct frame {
	uint64_t due_ns, order;
	uint32_t bytes;
	uint8_t dir;
	uint8_t data[LAB_FRAME_MAX];
};

struct counts {
	uint64_t in, out, bytes_out, lost, lost_burst, lost_queue, full, late, doubled, corrupted,
	        send_failed;
};

static struct frame frames[FRAMES];
static uint32_t free_list[FRAMES], free_cnt;
static uint32_t heap[FRAMES], heap_cnt; /* earliest first */
static uint64_t order;
static struct lab_path paths[2]; /* 0: from a to b */
static struct counts counts[2];
static int socks[2]; /* of a, of b */
static uint64_t lateness[LATE_US + 1], lateness_max_ns;
static FILE *trace;
static uint64_t start_ns;
static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- frames under way --- */

static bool
is_before(uint32_t a, uint32_t b)
{
	const struct frame *x = &frames[a], *y = &frames[b];

	return x->due_ns < y->due_ns || (x->due_ns == y->due_ns && x->order < y->order);
}

static void
heap_push(uint32_t f)
{
	uint32_t i = heap_cnt++;

	for (; i > 0 && is_before(f, heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = f;
}

static uint32_t
heap_pop(void)
{
	uint32_t top = heap[0], last = heap[--heap_cnt], i = 0, k;

	while ((k = 2 * i + 1) < heap_cnt) {
		if (k + 1 < heap_cnt && is_before(heap[k + 1], heap[k]))
			k++;
		if (!is_before(heap[k], last))
			break;
		heap[i] = heap[k];
		i = k;
	}
	heap[i] = last;
	return top;
}

static void
put_under_way(unsigned dir, const uint8_t *data, uint32_t bytes, uint64_t due_ns,
              uint32_t corrupt_bit)
{
	uint32_t f;

	if (free_cnt == 0) {
		counts[dir].full++;
		return;
	}
	f = free_list[--free_cnt];
	frames[f].due_ns = due_ns;
	frames[f].order = order++;
	frames[f].bytes = bytes;
	frames[f].dir = (uint8_t)dir;
	memcpy(frames[f].data, data, bytes);
	if (corrupt_bit)
		frames[f].data[(corrupt_bit - 1) / 8] ^= (uint8_t)(1u << (corrupt_bit - 1) % 8);
	heap_push(f);
}

/* --- what a frame is --- */

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Offset of the TCP header; 0: it is none. IPv6 without extension headers. */
static uint32_t
tcp_offset(const uint8_t *d, uint32_t bytes)
{
	uint32_t type = bytes >= 54 ? (uint32_t)d[12] << 8 | d[13] : 0;

	if (type == ETHERTYPE_IP && d[23] == IPPROTO_TCP)
		return 14 + (d[14] & 15u) * 4;
	return type == ETHERTYPE_IPV6 && d[20] == IPPROTO_TCP ? 54 : 0;
}

/* µs, direction, fate, seq, ack, payload, window, flags, SACK blocks: enough for a plot of sequence numbers. */
static void
write_trace(unsigned dir, const uint8_t *d, uint32_t bytes, uint32_t off, const char *fate)
{
	const uint8_t *t = d + off;
	uint32_t ip_end, head, k = 20;

	if (bytes < off + 20)
		return;
	ip_end = off == 54 ? 54 + ((uint32_t)d[18] << 8 | d[19])
	                   : 14 + ((uint32_t)d[16] << 8 | d[17]);
	head = (t[12] >> 4) * 4u;
	if (ip_end > bytes || off + head > ip_end)
		return;
	fprintf(trace, "%llu %s %s %u %u %u %u %02x",
	        (unsigned long long)(now_ns() - start_ns) / 1000, dir ? "ba" : "ab", fate,
	        be32(t + 4), be32(t + 8), ip_end - off - head, (unsigned)t[14] << 8 | t[15], t[13]);
	while (k + 1 < head && t[k] != 0) {
		if (t[k] == 5 && k + t[k + 1] <= head)
			for (uint32_t b = k + 2; b + 8 <= k + t[k + 1]; b += 8)
				fprintf(trace, " %u-%u", be32(t + b), be32(t + b + 4));
		k += t[k] == 1 ? 1u : MAX(t[k + 1], (uint8_t)2);
	}
	fputc('\n', trace);
}

static void
take(unsigned dir, const uint8_t *d, uint32_t bytes)
{
	static const char *const names[] = { "ok", "lost", "burst", "queue" };
	struct counts *c = &counts[dir];
	uint64_t now = now_ns();
	uint32_t off = tcp_offset(d, bytes);
	struct lab_verdict v;

	if (!off) {
		put_under_way(dir, d, bytes, lab_path_pass(&paths[dir], bytes, now), 0);
		return;
	}
	c->in++;
	v = lab_path_take(&paths[dir], bytes, now);
	if (trace)
		write_trace(dir, d, bytes, off, names[v.fate]);
	c->lost += v.fate == LAB_LOST;
	c->lost_burst += v.fate == LAB_LOST_BURST;
	c->lost_queue += v.fate == LAB_LOST_QUEUE;
	if (v.fate != LAB_PASSES)
		return;
	c->late += v.is_late;
	c->corrupted += v.corrupt_bit != 0;
	put_under_way(dir, d, bytes, v.due_ns, v.corrupt_bit);
	if (v.is_double) {
		c->doubled++;
		put_under_way(dir, d, bytes, v.due_ns, 0);
	}
}

/* --- sockets --- */

static int
open_socket(const char *name)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd, one = 1, room = SOCK_ROOM;

	a.sll_ifindex = (int)if_nametoindex(name);
	fd = a.sll_ifindex ? socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0) : -1;
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		fprintf(stderr, "lab-bridge: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

static void
receive(unsigned dir)
{
	static uint8_t data[BATCH][LAB_FRAME_MAX + 1];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH] = { 0 };
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(socks[dir], m, BATCH, 0, NULL);
	for (int i = 0; i < n; i++) {
		if (m[i].msg_len > LAB_FRAME_MAX) {
			fprintf(stderr,
			        "lab-bridge: a frame of %u bytes: switch tso, gso and gro off\n",
			        m[i].msg_len);
			stop = 1;
			return;
		}
		take(dir, data[i], m[i].msg_len);
	}
}

static void
send_due(uint64_t now)
{
	while (heap_cnt > 0 && frames[heap[0]].due_ns <= now) {
		uint32_t f = heap_pop();
		const struct frame *x = &frames[f];
		uint64_t late = now - x->due_ns;

		lateness[MIN(late / 1000, (uint64_t)LATE_US)]++;
		lateness_max_ns = MAX(lateness_max_ns, late);
		if (send(socks[!x->dir], x->data, x->bytes, 0) == (ssize_t)x->bytes) {
			counts[x->dir].out++;
			counts[x->dir].bytes_out += x->bytes;
		} else {
			counts[x->dir].send_failed++;
		}
		free_list[free_cnt++] = f;
		now = now_ns();
	}
}

static void
run(bool spin)
{
	struct pollfd p[2] = { { .fd = socks[0], .events = POLLIN },
		               { .fd = socks[1], .events = POLLIN } };
	const struct timespec none = { 0 };

	while (!stop) {
		uint64_t now = now_ns();
		uint64_t wait = heap_cnt == 0                  ? 100000000
		                : frames[heap[0]].due_ns > now ? frames[heap[0]].due_ns - now
		                                               : 0;
		struct timespec t = { .tv_sec = 0, .tv_nsec = (long)MIN(wait, 100000000ull) };

		if (ppoll(p, 2, spin ? &none : &t, NULL) > 0)
			for (unsigned dir = 0; dir < 2; dir++)
				if (p[dir].revents)
					receive(dir);
		send_due(now_ns());
	}
}

/* --- report --- */

static unsigned
late_us(double share)
{
	uint64_t all = 0, seen = 0;

	for (unsigned i = 0; i <= LATE_US; i++)
		all += lateness[i];
	for (unsigned i = 0; i <= LATE_US; i++) {
		seen += lateness[i];
		if (all && (double)seen >= share * (double)all)
			return i;
	}
	return 0;
}

static void
report(void)
{
	printf("{");
	for (unsigned dir = 0; dir < 2; dir++) {
		const struct counts *c = &counts[dir];
		const struct {
			const char *name;
			uint64_t v;
		} rows[] = {
			{ "in", c->in },
			{ "out", c->out },
			{ "bytes_out", c->bytes_out },
			{ "lost", c->lost },
			{ "lost_burst", c->lost_burst },
			{ "lost_queue", c->lost_queue },
			{ "full", c->full },
			{ "late", c->late },
			{ "doubled", c->doubled },
			{ "corrupted", c->corrupted },
			{ "send_failed", c->send_failed },
			{ "queue_max_bytes", paths[dir].queue_max_bytes },
		};

		printf("\"%s\": {", dir ? "ba" : "ab");
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			printf("%s\"%s\": %llu", i ? ", " : "", rows[i].name,
			       (unsigned long long)rows[i].v);
		printf("}, ");
	}
	printf("\"late_us\": {\"p50\": %u, \"p99\": %u, \"p999\": %u, \"max\": %llu}}\n",
	       late_us(.5), late_us(.99), late_us(.999),
	       (unsigned long long)lateness_max_ns / 1000);
}

static int
usage(void)
{
	fprintf(stderr, "lab-bridge IF_A IF_B [--both MODEL] [--ab MODEL] [--ba MODEL] [--seed N] "
	                "[--spin] [--trace FILE]; MODEL: see tests/lab/README.md\n");
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option table[] = { { "both", 1, 0, '2' },
		                               { "ab", 1, 0, 'a' },
		                               { "ba", 1, 0, 'b' },
		                               { "seed", 1, 0, 's' },
		                               { "spin", 0, 0, 'p' },
		                               { "trace", 1, 0, 't' },
		                               { 0 } };
	struct sched_param prio = { .sched_priority = 10 };
	struct lab_config cfg[2] = { 0 };
	uint64_t seed = 1;
	bool spin = false;
	int o;

	while ((o = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if ((o == '2' || o == 'a') && !lab_config_parse(optarg, &cfg[0]))
			return usage();
		if ((o == '2' || o == 'b') && !lab_config_parse(optarg, &cfg[1]))
			return usage();
		if (o == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (o == 'p')
			spin = true;
		else if (o == 't' && !(trace = fopen(optarg, "w")))
			return usage();
		else if (o == '?')
			return usage();
	}
	if (argc - optind != 2)
		return usage();
	for (unsigned i = 0; i < 2; i++) {
		socks[i] = open_socket(argv[optind + (int)i]);
		lab_path_init(&paths[i], &cfg[i], seed, i);
	}
	while (free_cnt < FRAMES) {
		frames[free_cnt].due_ns = 0; /* the page is there before the first frame */
		free_list[free_cnt] = free_cnt;
		free_cnt++;
	}
	stop_on_signals();
	sched_setscheduler(0, SCHED_FIFO,
	                   &prio); /* without the right: later frames, and the report says so */
	start_ns = now_ns();
	printf("{\"ready\": true}\n");
	fflush(stdout);
	run(spin);
	report();
	return trace ? fclose(trace) : 0;
}
