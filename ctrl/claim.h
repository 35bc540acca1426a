/* SPDX-License-Identifier: BSD-3-Clause
 * claim.h - what only one weir at a time may have: state_dir, control socket, devices; taken before anything is opened
 *
 * Why     Opening a tap that another weir serves takes the link down under it. So the second one must find out before it touches a
 *         device, and name the process to look for.
 *         The folder and the socket are claimed by record locks on STATE_DIR/lock and CONTROL_SOCKET.lock: they go with the
 *         process however it ends, are not inherited by its children, and tell their holder's pid. A device is claimed by an
 *         abstract Unix socket that carries its name: those belong to a network namespace, as taps do.
 * Owner   The caller, who releases.
 * Thread  One.
 * Limit   PORTS_MAX devices. Processes of other pid namespaces are named as pid 0.
 * Errors  One text on stderr, -EADDRINUSE when another process has it; else -errno.
 */
#pragma once
#include "ctrl/settings.h"

struct claim;

/* 0 and *out. Makes state_dir and the socket's folder. with_ports: the settings' devices too. */
int claim_take(const struct settings *s, bool with_ports, struct claim **out);
/* The files stay, empty: removing one would let two processes lock two files of the same name. NULL is fine. */
void claim_release(struct claim *c);
