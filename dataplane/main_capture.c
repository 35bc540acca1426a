/* SPDX-License-Identifier: BSD-3-Clause
 * main_capture.c - weirctl capture: frames of all ports into one file
 */
#include "base/clock.h"
#include "dataplane/main_wire.h"
#include "dataplane/packet/packet_capture.h"
#include <fcntl.h>
#include <unistd.h>

static int
start_all(struct boot *b, const struct packet_filter *filter, char *err)
{
	for (unsigned i = 0; i < b->port_cnt; i++) {
		struct packet_port *port = packet_eal_port(b->ports[i]);
		int ret, tries = 1000;

		/* A worker that sleeps has not seen the end of the last capture: it will within some ms. */
		while ((ret = packet_capture_start(port, filter)) == -EAGAIN && tries-- > 0)
			usleep(1000);
		if (ret == 0)
			continue;
		snprintf(err, 256, "%s: %s", packet_port_name(port),
		         ret == -EBUSY ? "a capture is running" : strerror(-ret));
		while (i-- > 0)
			packet_capture_stop(packet_eal_port(b->ports[i]));
		return ret;
	}
	return 0;
}

/* What waits in the rings, at most `left` frames; how many, or -errno. */
static int64_t
write_some(struct boot *b, FILE *f, uint64_t left)
{
	int64_t n = 0;

	for (unsigned i = 0; i < b->port_cnt; i++) {
		struct pcapng_frame frame;

		while ((uint64_t)n < left &&
		       packet_capture_next(packet_eal_port(b->ports[i]), &frame)) {
			frame.iface = i;
			if (pcapng_write(f, &frame) < 0)
				return -EIO;
			n++;
		}
	}
	return n;
}

static int
run(struct boot *b, FILE *f, uint64_t count, uint64_t seconds, uint64_t *captured)
{
	uint64_t until = clock_mono_us() + seconds * 1000000;

	while (*captured < count && clock_mono_us() < until &&
	       !__atomic_load_n(&b->stopping, __ATOMIC_RELAXED)) { /* the ports go soon */
		int64_t n = write_some(b, f, count - *captured);

		if (n < 0)
			return (int)n;
		*captured += (uint64_t)n;
		if (n == 0)
			usleep(1000);
	}
	return 0;
}

int
boot_capture(void *ctx, const char *filter_text, uint64_t count, uint64_t seconds, const char *path,
             uint64_t *captured, char *err)
{
	struct boot *b = ctx;
	struct packet_filter filter;
	const char *names[PORTS_MAX];
	char text[PACKET_ERROR_TEXT];
	FILE *f;
	int fd, ret;

	*captured = 0;
	if (packet_filter_parse(filter_text, &filter, text) < 0) {
		snprintf(err, 256, "%.255s", text);
		return -EINVAL;
	}
	/* The daemon writes as its own user, and never over a file that is there. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		ret = -errno;
		snprintf(err, 256, "%.200s: %s", path, strerror(errno));
		return ret;
	}
	for (unsigned i = 0; i < b->port_cnt; i++)
		names[i] = packet_port_name(packet_eal_port(b->ports[i]));
	ret = pcapng_write_head(f, names, b->port_cnt);
	if (ret == 0)
		ret = start_all(b, &filter, err);
	if (ret == 0) {
		ret = run(b, f, count ? count : UINT64_MAX, seconds, captured);
		for (unsigned i = 0; i < b->port_cnt; i++)
			packet_capture_stop(packet_eal_port(b->ports[i]));
	}
	if (fclose(f) != 0 && ret == 0)
		ret = -EIO;
	if (ret == -EIO)
		snprintf(err, 256, "%.200s: cannot be written", path);
	return ret;
}
