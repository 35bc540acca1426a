/* SPDX-License-Identifier: BSD-3-Clause
 * packet_idle.c - how long a worker without work sleeps
 */
#include "dataplane/packet/packet_eal.h"
#include <sys/prctl.h>
#include <time.h>

#define SPIN_US    50
#define SHORT_US   50   /* a sleep while work may come back soon */
#define SHORT_TILL 5000 /* ... for so long after the last work */
#define LONG_US    500
#define MAX_US     1000
#define NOT_WORTH  20 /* a sleep shorter than a wake-up takes */

uint32_t
packet_idle_us(struct packet_idle *i, bool worked, uint64_t now_us, uint64_t bound_us)
{
	uint64_t idle, us;

	if (worked || i->always) {
		i->since_us = now_us;
		return 0;
	}
	idle = now_us - i->since_us;
	if (idle < SPIN_US)
		return 0;
	us = idle < SHORT_TILL ? SHORT_US : LONG_US;
	us = MIN(us, MIN(bound_us, (uint64_t)MAX_US));
	return us < NOT_WORTH ? 0 : (uint32_t)us;
}

void
packet_sleep(uint32_t us)
{
	static _Thread_local bool is_exact;
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

	if (!is_exact) { /* the kernel adds 50 µs to sleeps otherwise */
		prctl(PR_SET_TIMERSLACK, 1000ul);
		is_exact = true;
	}
	nanosleep(&t, NULL);
}
