/* SPDX-License-Identifier: BSD-3-Clause
 * protocol.h - what weirctl and the daemon say to each other, and the commands that need no daemon
 *
 * Why     weirctl may include this header of control alone.
 * Shape   AF_UNIX, SOCK_STREAM. A request is one JSON object on a line: {"command": "ban", "verb": "add", …}; the answer is one
 *         JSON object on a line: {"ok": true, …} or {"ok": false, "error": "…", "errors": […]}. A connection may ask again.
 *         Requests in ctrl/commands.def, one row each.
 * Limit   PROTOCOL_LINE_MAX a request, PROTOCOL_CONNS connections, PROTOCOL_IDLE_S without a request.
 * Thread  Offline commands: the caller's.
 */
#pragma once
#include "base/base.h"
#include "engine/snapshot.h"
#include <jansson.h>

#define PROTOCOL_SOCKET   "/run/weir/control.sock"
#define PROTOCOL_CONFIG   "/etc/weir/weir.yaml"
#define PROTOCOL_LINE_MAX (1u << 20)
#define PROTOCOL_CONNS    32
#define PROTOCOL_IDLE_S   60
#define PROTOCOL_VERSION  "0.1.0"

/* Exit status of weirctl (decisions 22). */
enum { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_VERDICT = 10 };

/*
 * A request that works on files alone: {"command": "check"}, {"command": "customer", "verb": "import|export|list|show|del", …},
 * {"command": "config", "verb": "reference|explain"}. The store is that of the configuration at config_path. Same answers as
 * from the daemon.
 */
json_t *offline_run(const char *config_path, const json_t *request);

/* node.control_socket of a configuration; false when it cannot be read. out: 108 bytes. */
bool offline_socket_path(const char *config_path, char out[108]);

/* A customers' file for `weirctl scan --customers`; NULL with texts on stderr. */
struct offline_customers;
struct offline_customers *
offline_customers_load(const char *path, const struct snapshot_customer **item, size_t *cnt);
void offline_customers_free(struct offline_customers *c);
