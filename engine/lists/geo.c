/* SPDX-License-Identifier: BSD-3-Clause
 * geo.c - libmaxminddb behind two functions
 */
#include "engine/lists/geo.h"
#include <maxminddb.h>
#include <sys/mman.h>

struct geo {
	MMDB_s db;
};

int
geo_open(const char *path, struct geo **out, const char **why)
{
	struct geo *g = calloc(1, sizeof(*g));
	int rc;

	if (!g) {
		*why = "no memory";
		return -ENOMEM;
	}
	errno = 0;
	rc = MMDB_open(path, MMDB_MODE_MMAP, &g->db);
	if (rc != MMDB_SUCCESS) {
		rc = rc == MMDB_IO_ERROR || rc == MMDB_FILE_OPEN_ERROR ? errno ? -errno : -EIO
		                                                       : -EINVAL;
		*why = rc == -EINVAL ? "not a MaxMind DB file, or a damaged one" : strerror(-rc);
		free(g);
		return rc;
	}
	/* Best effort: without the limit a look-up may fault once a page. */
	(void)mlock((const void *)(uintptr_t)g->db.file_content, (size_t)g->db.file_size);
	*out = g;
	return 0;
}

void
geo_close(struct geo *g)
{
	if (!g)
		return;
	MMDB_close(&g->db);
	free(g);
}

static bool
two_letters(MMDB_entry_s *entry, const char *const *path, char out[2])
{
	MMDB_entry_data_s d;

	if (MMDB_aget_value(entry, &d, path) != MMDB_SUCCESS || !d.has_data ||
	    d.type != MMDB_DATA_TYPE_UTF8_STRING || d.data_size != 2)
		return false;
	for (size_t i = 0; i < 2; i++) {
		char c = ascii_lower(d.utf8_string[i]);

		if (c < 'a' || c > 'z')
			return false;
		out[i] = (char)(c - 32);
	}
	return true;
}

bool
geo_country(const struct geo *g, const struct addr *a, char out[2])
{
	static const char *const flat[] = { "country_code", NULL };
	static const char *const nested[] = { "country", "iso_code", NULL };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	const struct sockaddr *sa = (const struct sockaddr *)&six;
	MMDB_lookup_result_s r;
	int rc;

	if (!g)
		return false;
	if (addr_is_v4(a)) {
		memcpy(&four.sin_addr, a->b + 12, 4);
		sa = (const struct sockaddr *)&four;
	} else {
		memcpy(&six.sin6_addr, a->b, 16);
	}
	r = MMDB_lookup_sockaddr(&g->db, sa, &rc);
	if (rc != MMDB_SUCCESS || !r.found_entry)
		return false;
	return two_letters(&r.entry, flat, out) || two_letters(&r.entry, nested, out);
}
