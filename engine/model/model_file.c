/* SPDX-License-Identifier: BSD-3-Clause
 * model_file.c - the file of a model: read, checked, written
 */
#include "engine/model/model_file.h"
#include "base/rng.h"
#include "engine/model/model.h"
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (sizeof(struct model_head) + MODEL_SLOTS * sizeof(int16_t))

/* Four bits a step. */
uint32_t
model_crc32c(uint32_t crc, const void *data, size_t n)
{
	static const uint32_t step[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		                           0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		                           0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		                           0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ step[crc & 15];
		crc = crc >> 4 ^ step[crc & 15];
	}
	return crc;
}

static uint32_t
file_crc(const struct model_head *head, const void *weights)
{
	struct model_head h = *head;
	uint32_t crc;

	h.crc = 0;
	crc = model_crc32c(UINT32_MAX, &h, sizeof(h));
	return ~model_crc32c(crc, weights, MODEL_SLOTS * sizeof(int16_t));
}

static bool
numbers_are_good(const struct model_head *h)
{
	return isfinite(h->slope) && h->slope > 0 && isfinite(h->offset) &&
	       isfinite(h->strict_logodds) && h->strict_logodds >= MODEL_STRICT_MIN &&
	       h->strict_logodds <= MODEL_LOGODDS_MAX && isfinite(h->wide_logodds) &&
	       h->wide_logodds <= h->strict_logodds;
}

static struct model *
refuse(char *why, size_t cap, const char *text)
{
	snprintf(why, cap, "%s", text);
	return NULL;
}

struct model *
model_parse(struct span file, char *why, size_t cap)
{
	struct model_head h;
	struct model *m;

	if (file.len < sizeof(h) || memcmp(file.p, MODEL_MAGIC, sizeof(h.magic)) != 0)
		return refuse(why, cap, "is no model of weirctl train");
	memcpy(&h, file.p, sizeof(h));
	if (h.version != MODEL_VERSION || h.bits != MODEL_BITS ||
	    h.feature_set != MODEL_FEATURE_SET) {
		snprintf(why, cap,
		         "is a model of version %u.%u with 2^%u weights; this is %u.%u with 2^%u: "
		         "train it again",
		         h.version, h.feature_set, h.bits, MODEL_VERSION, MODEL_FEATURE_SET,
		         MODEL_BITS);
		return NULL;
	}
	if (file.len != FILE_BYTES) {
		snprintf(why, cap, "is damaged: %zu bytes instead of %zu", file.len,
		         (size_t)FILE_BYTES);
		return NULL;
	}
	if (h.crc != file_crc(&h, file.p + sizeof(h)))
		return refuse(why, cap, "is damaged: its checksum is wrong");
	if (!numbers_are_good(&h))
		return refuse(why, cap, "has numbers that make no sense in its head");
	m = malloc(sizeof(*m));
	BUG_ON(!m);
	m->ref_cnt = 1;
	m->head = h;
	memcpy(m->weight, file.p + sizeof(h), sizeof(m->weight));
	return m;
}

struct model *
model_load(const char *path, char *why, size_t cap)
{
	FILE *f = fopen(path, "rbe");
	struct model *m = NULL;
	char *bytes;
	size_t n;

	if (!f) {
		snprintf(why, cap, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	bytes = malloc(FILE_BYTES + 1);
	BUG_ON(!bytes);
	errno = 0;
	n = fread(bytes, 1, FILE_BYTES + 1, f);
	if (ferror(f))
		snprintf(why, cap, "cannot be read: %s", strerror(errno));
	else
		m = model_parse(span(bytes, n), why, cap);
	fclose(f);
	free(bytes);
	return m;
}

static bool
write_all(int fd, const void *data, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t w = write(fd, (const char *)data + at, n - at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		at += (size_t)w;
	}
	return true;
}

int
model_write_parts(const char *path, const struct span *part, size_t cnt)
{
	char temp[4096];
	int fd, rc = 0;

	/* A name that no other writer of this file has. */
	if ((size_t)snprintf(temp, sizeof(temp), "%s.new-%016llx", path,
	                     (unsigned long long)rng_entropy()) >= sizeof(temp))
		return -ENAMETOOLONG;
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < cnt && rc == 0; i++)
		rc = write_all(fd, part[i].p, part[i].len) ? 0 : -errno;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (rc == 0 && rename(temp, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(temp);
	return rc;
}

int
model_save(struct model *m, const char *path)
{
	struct span parts[] = { span(&m->head, sizeof(m->head)),
		                span(m->weight, sizeof(m->weight)) };

	memcpy(m->head.magic, MODEL_MAGIC, sizeof(m->head.magic));
	m->head.version = MODEL_VERSION;
	m->head.bits = MODEL_BITS;
	m->head.feature_set = MODEL_FEATURE_SET;
	m->head.crc = file_crc(&m->head, m->weight);
	return model_write_parts(path, parts, ARRAY_LEN(parts));
}

struct model *
model_get(struct model *m)
{
	m->ref_cnt++;
	return m;
}

void
model_put(struct model *m)
{
	if (m && --m->ref_cnt == 0)
		free(m);
}
