/* SPDX-License-Identifier: BSD-3-Clause
 * uri_target.c - see uri_forms.h: where a page's link leads, without a base
 *
 * Source  target_uri() of Mail::SpamAssassin::HTML 4.0.1, RFC 3986 5.2.
 */
#include "engine/uri_forms.h"

static bool
starts(struct span s, const char *z)
{
	size_t n = strlen(z);

	return s.len >= n && span_ieq_z(span(s.p, n), z);
}

/* "/a/./b/../c" to "/a/c"; bytes written. */
static size_t
without_dots(struct span in, char *out)
{
	size_t n = 0;

	if (in.len > 1 && in.p[0] == '.' && in.p[1] == '/')
		in = span_skip(in, 1);
	else if (in.len > 2 && !memcmp(in.p, "../", 3))
		in = span_skip(in, 2);
	while (in.len > 0) {
		const char *next = memchr(in.p + 1, '/', in.len - 1);
		size_t len = next ? (size_t)(next - in.p) : in.len;
		bool is_up = len == 3 && !memcmp(in.p, "/..", 3);

		if (is_up || (len == 2 && !memcmp(in.p, "/.", 2))) {
			while (is_up && n > 0 && out[--n] != '/')
				;
			if (!next) /* the last of them leaves its slash */
				out[n++] = '/';
		} else {
			memcpy(out + n, in.p, len);
			n += len;
		}
		in = span_skip(in, len);
	}
	return n;
}

/* "www." or "www2."; name: "www". */
static bool
is_named(struct span host, const char *name)
{
	size_t n = strlen(name);

	if (!starts(host, name))
		return false;
	while (n < host.len && host.p[n] >= '0' && host.p[n] <= '9')
		n++;
	return n < host.len && host.p[n] == '.';
}

struct span
uri_target(struct span uri, char out[URI_FORM_MAX])
{
	static const char *const whole[] = { "data:", "mailto:", "file:", "cid:", "tel:" };
	size_t n = 0, path = 0, end;

	uri.len = MIN(uri.len, (size_t)URI_FORM_MAX - 8);
	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (starts(uri, whole[i]))
			return uri;
	while (path < uri.len && !strchr(":/?#", uri.p[path]))
		path++;
	path = path > 0 && path < uri.len && uri.p[path] == ':' ? path + 1 : 0;
	if (uri.len - path >= 2 && !memcmp(uri.p + path, "//", 2)) {
		struct span host = span_skip(uri, path + 2);

		if (path == 0 && (is_named(host, "www") || is_named(host, "ftp")))
			n = (size_t)sprintf(out, "%s", is_named(host, "www") ? "http:" : "ftp:");
		for (path += 2; path < uri.len && !strchr("/?#", uri.p[path]); path++)
			;
	}
	for (end = path; end < uri.len && !strchr("?#", uri.p[end]); end++)
		;
	memcpy(out + n, uri.p, path);
	n += path;
	n += without_dots(span(uri.p + path, end - path), out + n);
	memcpy(out + n, uri.p + end, uri.len - end);
	return span(out, n + uri.len - end);
}
