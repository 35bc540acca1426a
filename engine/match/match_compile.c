/* SPDX-License-Identifier: BSD-3-Clause
 * match_compile.c - inside the child: patterns to a serialised database
 *
 * Why     A pattern can make the compiler eat gigabytes or minutes. The child pays with its life, the relay goes on.
 * Thread  The child has only this one. It came from fork() in a process with threads: malloc is usable (libc and jemalloc
 *         take their locks around fork), stdio and the log are not touched.
 */
#include "engine/match/match_internal.h"
#include <unistd.h>

/* Every byte that is not a letter or digit as \xHH: nothing is special then (finding 1). */
static char *
escape(struct span s)
{
	static const char hex[] = "0123456789abcdef";
	char *z = malloc(s.len * 4 + 1), *o = z;

	if (!z)
		return NULL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') ||
		    (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z')) {
			*o++ = (char)c;
			continue;
		}
		*o++ = '\\';
		*o++ = 'x';
		*o++ = hex[c >> 4];
		*o++ = hex[c & 15];
	}
	*o = 0;
	return z;
}

static unsigned
flags_of(const struct match_pattern *p)
{
	return (p->is_caseless ? HS_FLAG_CASELESS : 0u) |
	       (p->is_multiline ? HS_FLAG_MULTILINE : 0u) | (p->is_dotall ? HS_FLAG_DOTALL : 0u);
}

static void
add_error(struct match_result_head *h, size_t pattern, const char *text)
{
	struct match_error *e;

	if (h->error_cnt == MATCH_ERRORS_MAX)
		return;
	e = &h->error[h->error_cnt++];
	e->pattern = (uint32_t)pattern;
	snprintf(e->text, sizeof(e->text), "%s", text);
}

/* Each expression alone, so that all errors are named and not only the first. */
static void
check_each(const struct match_spec *spec, char **expr, const unsigned *flags, unsigned mode,
           struct match_result_head *h)
{
	for (size_t i = 0; i < spec->cnt; i++) {
		hs_compile_error_t *err = NULL;
		hs_database_t *db = NULL;

		if (spec->pattern[i].is_literal)
			continue;
		if (hs_compile(expr[i], flags[i], mode, NULL, &db, &err) == HS_SUCCESS)
			hs_free_database(db);
		else
			add_error(h, i, err ? err->message : "refused");
		hs_free_compile_error(err);
	}
}

bool
match_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did <= 0)
			return false;
		p += did;
		n -= (size_t)did;
	}
	return true;
}

static int
compile_all(int fd, const struct match_spec *spec, char **expr, const unsigned *flags,
            const unsigned *ids, struct match_result_head *h)
{
	unsigned mode = spec->mode == MATCH_STREAM ? HS_MODE_STREAM : HS_MODE_BLOCK;
	hs_compile_error_t *err = NULL;
	hs_database_t *db = NULL;
	char *bytes = NULL;
	size_t n = 0;

	if (hs_compile_multi((const char *const *)expr, flags, ids, (unsigned)spec->cnt, mode, NULL,
	                     &db, &err) != HS_SUCCESS) {
		check_each(spec, expr, flags, mode, h);
		if (h->error_cnt == 0)
			add_error(h,
			          err && err->expression >= 0 ? (size_t)err->expression
			                                      : UINT32_MAX,
			          err ? err->message : "refused");
		return -EINVAL;
	}
	if (hs_serialize_database(db, &bytes, &n) != HS_SUCCESS)
		return -ENOMEM;
	h->db_bytes = n;
	return match_write_all(fd, bytes, n) ? 0 : -EIO;
}

void
match_compile_to(int fd, const struct match_spec *spec)
{
	static struct match_result_head h;
	char **expr = calloc(spec->cnt + 1, sizeof(*expr));
	unsigned *flags = calloc(spec->cnt + 1, sizeof(*flags));
	unsigned *ids = calloc(spec->cnt + 1, sizeof(*ids));

	h.status = -ENOMEM;
	if (!expr || !flags || !ids || lseek(fd, sizeof(h), SEEK_SET) < 0)
		goto out;
	for (size_t i = 0; i < spec->cnt; i++) {
		const struct match_pattern *p = &spec->pattern[i];

		expr[i] = p->is_literal ? escape(p->text) : strndup(p->text.p, p->text.len);
		if (!expr[i])
			goto out;
		flags[i] = flags_of(p);
		ids[i] = (unsigned)i;
	}
	h.status = compile_all(fd, spec, expr, flags, ids, &h);
out:
	if (pwrite(fd, &h, sizeof(h), 0) != sizeof(h))
		_exit(2);
}
