/* SPDX-License-Identifier: BSD-3-Clause
 * smtp_stuff.h - a message's bytes to the bytes of DATA: which runs go as they are, where a dot
 * goes in between
 *
 * Why     Bodies are sent from the chunks they lie in, without a copy: this says only where to cut.
 * Owner   The caller; runs point into its input.
 * Thread  Any one; pure.
 * Limit   Input is in canonical form (smtp_body.h): every line end is CR LF.
 * RFC     5321 4.5.2.
 */
#pragma once
#include "base/base.h"

/* All zero is the start of a message. */
struct smtp_stuff {
	bool mid_line; /* the last byte was not the LF of a line end */
	bool cr;       /* the last byte was CR */
};

/*
 * Take *run, at least one byte, from *in. *dot: a '.' has to be sent before *run. false: *in is
 * empty. A run ends before the next byte that needs a dot or with the input.
 */
bool smtp_stuff_next(struct smtp_stuff *s, struct span *in, struct span *run, bool *dot);

/* What ends the message now: ".\r\n", behind "\r\n" if the last line was not whole. */
struct span smtp_stuff_end(const struct smtp_stuff *s);
