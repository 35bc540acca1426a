/* SPDX-License-Identifier: BSD-3-Clause
 * pcapng.c - see pcapng.h; blocks are in the machine's byte order, as the format allows
 */
#include "base/pcapng.h"

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { LINK_ETHERNET = 1, OPT_IF_NAME = 2, OPT_FLAGS = 2, NAME_MAX_BYTES_PCAPNG = 64 };

static uint32_t
padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

static int
put(FILE *f, const void *p, size_t n)
{
	return fwrite(p, 1, n, f) == n ? 0 : -EIO;
}

static int
put_padding(FILE *f, uint32_t n)
{
	static const uint8_t zero[4];

	return put(f, zero, padded(n) - n);
}

static int
put_interface(FILE *f, const char *name)
{
	uint32_t n = (uint32_t)strnlen(name, NAME_MAX_BYTES_PCAPNG);
	uint32_t len = 20 + 4 + padded(n) + 4;
	uint32_t head[4] = { BLOCK_INTERFACE, len, LINK_ETHERNET, 0 };
	uint16_t option[2] = { OPT_IF_NAME, (uint16_t)n };
	uint32_t tail[2] = { 0, len };

	if (put(f, head, sizeof(head)) || put(f, option, sizeof(option)) || put(f, name, n) ||
	    put_padding(f, n))
		return -EIO;
	return put(f, tail, sizeof(tail));
}

int
pcapng_write_head(FILE *f, const char *const *iface_names, unsigned iface_cnt)
{
	uint32_t section[7] = { BLOCK_SECTION, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28 };
	int rc = put(f, section, sizeof(section));

	for (unsigned i = 0; i < iface_cnt && rc == 0; i++)
		rc = put_interface(f, iface_names[i]);
	return rc;
}

int
pcapng_write(FILE *f, const struct pcapng_frame *frame)
{
	uint32_t len = 28 + padded(frame->cap_len) +
	               16; /* head, frame, flags and end of options, length */
	uint32_t head[7] = { BLOCK_PACKET,
		             len,
		             frame->iface,
		             (uint32_t)(frame->wall_us >> 32),
		             (uint32_t)frame->wall_us,
		             frame->cap_len,
		             frame->len };
	uint16_t option[2] = { OPT_FLAGS, 4 };
	uint32_t flags[3] = { frame->outbound ? 2 : 1, 0, len };

	if (put(f, head, sizeof(head)) || put(f, frame->data, frame->cap_len) ||
	    put_padding(f, frame->cap_len) || put(f, option, sizeof(option)))
		return -EIO;
	return put(f, flags, sizeof(flags));
}
