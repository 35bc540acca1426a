/* SPDX-License-Identifier: BSD-3-Clause
 * file_bench.c - what looking into attached files costs: MB/s, the longest slice, bytes looked at
 *
 * Usage   file-micro FILE...
 *         Hostile ones: tests/unit/make_files.py --hostile FOLDER. Each file is fed in slices of 1 KiB as a scan does; time is this
 *         thread's, the least of ROUNDS for the whole file and for each slice by itself.
 */
#include "bench/micro/measure.h"
#include "engine/file/file.h"

#define ROUNDS     9
#define SLICE      1024
#define FILE_BYTES (32u << 20)
#define SLICES     (FILE_BYTES / SLICE)

static void
take(void *ctx, struct span s)
{
	*(uint64_t *)ctx += s.len;
}

static void
measure(struct file *f, const char *path, struct span s)
{
	static double slice[SLICES];
	double least = 1e18, longest = 0;
	size_t cnt = (s.len + SLICE - 1) / SLICE;

	for (size_t i = 0; i < cnt; i++)
		slice[i] = 1e18;
	for (unsigned r = 0; r < ROUNDS; r++) {
		double start = measure_cpu_ms(), last = start;

		file_reset(f);
		for (size_t i = 0; i < cnt; i++) {
			double now;

			file_feed(f, span(s.p + i * SLICE, MIN((size_t)SLICE, s.len - i * SLICE)));
			now = measure_cpu_ms();
			slice[i] = MIN(slice[i], now - last);
			last = now;
		}
		file_end(f);
		least = MIN(least, measure_cpu_ms() - start);
	}
	for (size_t i = 0; i < cnt; i++)
		longest = MAX(longest, slice[i]);
	printf("%-20s %9zu %9llu %9.1f %8.1f %7.1f\n", path, s.len,
	       (unsigned long long)file_work(f), least * 1e3, (double)s.len / least / 1e3,
	       longest * 1e3);
}

int
main(int argc, char **argv)
{
	static const struct file_ops ops = {
		.on_name = take, .on_link = take, .on_text = take, .on_page = take
	};
	char *buf = malloc(FILE_BYTES);
	uint64_t sum = 0;
	struct file *f = file_new(&ops, &sum);

	BUG_ON(!buf || !f);
	printf("%-20s %9s %9s %9s %8s %7s\n", "file", "bytes", "looked at", "us", "MB/s", "slice");
	for (int i = 1; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");
		const char *slash = strrchr(argv[i], '/');
		size_t n;

		if (!in) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		n = fread(buf, 1, FILE_BYTES, in);
		fclose(in);
		measure(f, slash ? slash + 1 : argv[i], span(buf, n));
	}
	file_free(f);
	free(buf);
	return sum == 0;
}
