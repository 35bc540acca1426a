/* SPDX-License-Identifier: BSD-3-Clause
 * primaries.h - are the primary mail exchangers healthy whose backups some of our listeners are?
 *
 * Why     Spam goes to the backup MX on purpose; mail goes there when the primary is down. So coming by a backup is a sign only while
 *         the primary answers (S14).
 * Owner   struct primaries is ctrl's. The result is one bit a listener in *up, which workers read.
 * Thread  Control's, on its tick; *up is written and read relaxed: a late look costs one feature of one mail.
 * Limit   A try every PRIMARY_PERIOD_US, PRIMARY_WAIT_US for its banner. Over the kernel's network: where it has no way to the
 *         primary, the sign is never given.
 */
#pragma once
#include "ctrl/settings.h"

#define PRIMARY_PERIOD_US 30000000u
#define PRIMARY_WAIT_US   5000000u

struct primaries {
	struct {
		int fd; /* of the try under way, 0: none */
		uint64_t due_us;
	} of[LISTEN_MAX];
};

/* Goes on with each; s->listen[i].backup_of is asked on port 25. */
void primaries_tick(struct primaries *p, const struct settings *s, uint64_t now_us, uint32_t *up);
void primaries_fini(struct primaries *p);
