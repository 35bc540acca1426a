/* SPDX-License-Identifier: BSD-3-Clause
 * packet_eal_log.h - DPDK's log held back while a device starts
 *
 * Why     Drivers print warnings that mean nothing to an operator; when a start fails, their first line says why.
 * Thread  Start-up.
 */
#pragma once

/* From now on what DPDK logs is kept in memory. */
void packet_log_hold(void);

/* Logs go to stderr again. err (PACKET_ERROR_TEXT bytes, may be NULL): the first line held is put behind it in brackets. */
void packet_log_release(char *err);
