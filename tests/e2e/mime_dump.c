/* SPDX-License-Identifier: BSD-3-Clause
 * mime_dump.c - parts of each file named on stdin, one line a part: for comparisons with other parsers
 *
 * Prints  "F name", then "P path type encoding bytes sha256 flags", and "H path name value" with -h. -c N feeds N bytes at a
 *         time; the output must not change.
 */
#include "engine/mime/mime.h"
#include "engine/text/charset.h"
#include <openssl/evp.h>
#include <unistd.h>

struct dump {
	struct charset_set *charsets;
	EVP_MD_CTX *sha[MIME_DEPTH_MAX + 3];
	bool headers, quiet;
};

static void
on_header(void *ctx, const struct mime_header *h)
{
	struct dump *d = ctx;

	if (d->headers)
		printf("H %.*s %.*s %.*s\n", (int)h->path.len, h->path.p, (int)h->name.len,
		       h->name.p, (int)h->value.len, h->value.p);
}

static void
on_begin(void *ctx, const struct mime_part *p)
{
	struct dump *d = ctx;

	if (!d->quiet)
		EVP_DigestInit_ex(d->sha[p->depth], EVP_sha256(), NULL);
}

static void
on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset)
{
	struct dump *d = ctx;

	BUG_ON(offset + data.len != p->bytes);
	if (!d->quiet)
		EVP_DigestUpdate(d->sha[p->depth], data.p, data.len);
}

static void
on_end(void *ctx, const struct mime_part *p)
{
	struct dump *d = ctx;
	unsigned char md[32];

	if (d->quiet)
		return;
	EVP_DigestFinal_ex(d->sha[p->depth], md, NULL);
	printf("P %.*s %.*s %s %llu ", (int)p->path.len, p->path.p, (int)p->type.len, p->type.p,
	       mime_encoding_name(p->encoding), (unsigned long long)p->bytes);
	for (int i = 0; i < 32; i++)
		printf("%02x", md[i]);
	printf(" %x %.*s\n", p->flags, (int)p->name.len, p->name.p);
}

static size_t
to_utf8(void *ctx, struct span charset, struct span in, char *out, size_t cap)
{
	return charset_to_utf8(((struct dump *)ctx)->charsets, charset, in, out, cap);
}

static void
one_file(struct mime *m, struct dump *d, const char *name, size_t step)
{
	static char buf[1 << 26];
	FILE *f = fopen(name, "rb");
	size_t n;

	if (!f) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		return;
	}
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	if (!d->quiet)
		printf("F %s\n", name);
	mime_reset(m);
	for (size_t i = 0; i < n; i += step)
		mime_feed(m, span(buf + i, MIN(step, n - i)));
	mime_end(m);
}

int
main(int argc, char **argv)
{
	static const struct mime_ops ops = { .on_header = on_header,
		                             .on_part_begin = on_begin,
		                             .on_data = on_data,
		                             .on_part_end = on_end,
		                             .to_utf8 = to_utf8 };
	struct dump d = { .charsets = charset_set_new() };
	struct mime *m = mime_new(&ops, &d);
	size_t step = SIZE_MAX / 2;
	char name[4096];

	for (int c; (c = getopt(argc, argv, "hqc:")) != -1;) {
		d.headers |= c == 'h';
		d.quiet |= c == 'q';
		if (c == 'c')
			step = strtoul(optarg, NULL, 10);
	}
	for (size_t i = 0; i < ARRAY_LEN(d.sha); i++)
		d.sha[i] = EVP_MD_CTX_new();
	while (fgets(name, sizeof(name), stdin)) {
		name[strcspn(name, "\n")] = 0;
		one_file(m, &d, name, step);
	}
	mime_free(m);
	charset_set_free(d.charsets);
	for (size_t i = 0; i < ARRAY_LEN(d.sha); i++)
		EVP_MD_CTX_free(d.sha[i]);
	return 0;
}
