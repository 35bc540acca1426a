/* SPDX-License-Identifier: BSD-3-Clause
 * until_signal.h - programs that run until SIGTERM or SIGINT
 *
 * Thread  `stop` may be read by any.
 */
#pragma once
#include <signal.h>

static volatile sig_atomic_t stop;

static void
on_stop_signal(int s)
{
	(void)s;
	stop = 1;
}

static void
stop_on_signals(void)
{
	signal(SIGTERM, on_stop_signal);
	signal(SIGINT, on_stop_signal);
}
