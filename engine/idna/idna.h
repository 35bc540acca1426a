/* SPDX-License-Identifier: BSD-3-Clause
 * idna.h - internationalised domain names to A-labels and back, without the heap
 *
 * Why     RCPT and links bring names that are not ASCII to a worker, and a worker may not allocate. libidn2 does; so its static
 *         library is linked with malloc replaced by a scratch on the caller's stack (private-libidn2). What control puts
 *         into tables and what a worker looks up is the same code, so both agree by construction.
 * Owner   The caller's buffers; nothing is kept between calls.
 * Thread  Any; the scratch in use is the thread's own.
 * Limit   Names of SMTP_DOMAIN_MAX bytes, IDNA_SCRATCH_BYTES of stack. A name that needs more is refused.
 * Errors  0 for a name that IDNA does not allow or that has no room: the peer's input, never an error.
 * RFC     5890-5893, 3492 (Punycode), UTS 46 non-transitional, by libidn2.
 */
#pragma once
#include "base/base.h"
#include "base/limits.h"

#define IDNA_SCRATCH_BYTES (32 * 1024)

/* `name`: UTF-8, terminated, at most SMTP_DOMAIN_MAX bytes. Mapped, normalised (NFC), checked; A-labels in lower case in
 * out, terminated; out may be name. Returns their length or 0; out is written on success only. */
size_t idna_to_ascii(const char *name, char out[SMTP_DOMAIN_MAX + 1]);

/* The way back: `name` with A-labels, terminated, at most SMTP_DOMAIN_MAX bytes, to UTF-8 (not terminated), cut at
 * out_bytes. Returns its length or 0. */
size_t idna_to_unicode(const char *name, char *out, size_t out_bytes);
