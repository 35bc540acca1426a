/* SPDX-License-Identifier: BSD-3-Clause
 * tnef.c - TNEF (winmail.dat): names of the attachments inside
 *
 * Source  [MS-OXTNEF] 2.1: signature 78 9F 3E 22, key(2), then attributes: level(1) id(4) length(4) data checksum(2);
 *         attAttachTitle is 0x00018010.
 */
#include "engine/file/formats.h"

enum { START = 6, HEAD = 9, CHECKSUM = 2, ATTACH_TITLE = 0x00018010 };

void
tnef_begin(struct tnef *t, struct file_out *o)
{
	t->out = o;
	t->head = (struct gather){ .want = START };
	t->data = (struct gather){ 0 };
	t->is_broken = false;
}

static void
attribute_end(struct tnef *t)
{
	size_t n = MIN(t->data.want - CHECKSUM, sizeof(t->name));

	if (load_le32(t->head_bytes + 1) == ATTACH_TITLE)
		file_out_name(t->out, span(t->name, strnlen(t->name, n)));
	t->head = (struct gather){ .want = HEAD };
	t->data = (struct gather){ 0 };
}

void
tnef_feed(struct tnef *t, struct span s)
{
	while (s.len > 0 && !t->is_broken) {
		if (t->data.want > 0) {
			if (gather_feed(&t->data, t->name, sizeof(t->name), &s))
				attribute_end(t);
		} else if (gather_feed(&t->head, t->head_bytes, sizeof(t->head_bytes), &s)) {
			if (t->head.want == START) {
				t->head = (struct gather){ .want = HEAD };
				continue;
			}
			t->is_broken = t->head_bytes[0] != 1 && t->head_bytes[0] != 2;
			t->data.want = (size_t)load_le32(t->head_bytes + 5) + CHECKSUM;
		}
	}
}

void
tnef_end(struct tnef *t)
{
	if (t->is_broken || t->data.want > 0 || t->head.have > 0)
		t->out->flags |= FILE_F_CUT;
}
