/* SPDX-License-Identifier: BSD-3-Clause
 * formats.h - the small parsers: gzip, RAR, 7z, OLE compound files, TNEF
 *
 * Why     Inside engine/file only. Each reads its file once from its beginning; sizes that the file gives are skipped, not trusted:
 *         what they hide past the end is FILE_F_CUT.
 * Owner   The caller's storage.
 * Source  The head of each .c file.
 */
#pragma once
#include "engine/file/file_out.h"

struct gzip {
	struct file_out *out;
	uint64_t bytes;
	unsigned head_len, extra_len;
	bool in_name, in_data;
	unsigned char head[12], tail[4]; /* tail: the last bytes */
	size_t name_len;
	char name[FILE_NAME_MAX];
};

void gzip_begin(struct gzip *g, struct file_out *o);
void gzip_feed(struct gzip *g, struct span s);
void gzip_end(struct gzip *g);

#define RAR_HEADER_MAX (64 + FILE_NAME_MAX)

enum rar_state {
	RAR_BASE, /* the part of a header that says how long it is */
	RAR_REST,
	RAR_DATA, /* packed data: skipped */
	RAR_DONE, /* the end, or nothing that can be read */
};

struct rar;

/* What differs between RAR 1.5 to 4 and RAR 5. */
struct rar_format {
	size_t marker;                             /* bytes at the begin of the file */
	void (*base_byte)(struct rar *r, char c);  /* of a header: up to rar_rest() or rar_stop() */
	void (*block)(struct rar *r, struct span); /* the rest of it, cut at RAR_HEADER_MAX */
};

extern const struct rar_format rar4_format, rar5_format;

struct rar {
	struct file_out *out;
	const struct rar_format *format;
	enum rar_state state;
	struct gather g;
	uint64_t skip; /* packed data after the header */
	uint64_t size; /* RAR 5: of the header, as far as it was read */
	unsigned base_len;
	char base[8], rest[RAR_HEADER_MAX];
};

void rar_begin(struct rar *r, struct file_out *o, const struct rar_format *f);
void rar_feed(struct rar *r, struct span s);
void rar_end(struct rar *r);
/* For the two formats. */
void rar_stop(struct rar *r, uint32_t flags);
void rar_rest(struct rar *r, size_t size);

#define SEVENZIP_HEADER_MAX 16384
/* Lists of names in one header, together: several may be there, one in another too. */
#define SEVENZIP_NAMES_BYTES (4 * SEVENZIP_HEADER_MAX)

struct sevenzip {
	struct file_out *out;
	struct gather start, header;
	uint64_t skip;
	char start_bytes[32], bytes[SEVENZIP_HEADER_MAX];
};

void sevenzip_begin(struct sevenzip *z, struct file_out *o);
void sevenzip_feed(struct sevenzip *z, struct span s);
void sevenzip_end(struct sevenzip *z);

#define OLE_ENTRY 128

struct ole {
	struct file_out *out;
	unsigned len;
	unsigned char entry[OLE_ENTRY];
};

void ole_begin(struct ole *d, struct file_out *o);
void ole_feed(struct ole *d, struct span s);

struct tnef {
	struct file_out *out;
	struct gather head, data;
	bool is_broken;
	char head_bytes[16], name[FILE_NAME_MAX];
};

void tnef_begin(struct tnef *t, struct file_out *o);
void tnef_feed(struct tnef *t, struct span s);
void tnef_end(struct tnef *t);
