/* SPDX-License-Identifier: BSD-3-Clause
 * dut_linux.h - names of options and struct tcp_info as the kernel has them, beside the stack's own struct of that name
 */
#pragma once
#define tcp_info linux_tcp_info
#include <linux/tcp.h>
#undef tcp_info
#include <sys/socket.h>
#include <netinet/in.h>

/* States of Linux's struct tcp_info (include/net/tcp_states.h). */
enum linux_tcp_state {
	LINUX_ESTABLISHED = 1,
	LINUX_SYN_SENT,
	LINUX_SYN_RECV,
	LINUX_FIN_WAIT1,
	LINUX_FIN_WAIT2,
	LINUX_TIME_WAIT,
	LINUX_CLOSE,
	LINUX_CLOSE_WAIT,
	LINUX_LAST_ACK,
	LINUX_LISTEN,
	LINUX_CLOSING,
};
