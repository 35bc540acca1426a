/* SPDX-License-Identifier: BSD-3-Clause
 * customers.h - customers as JSON (docs: interfaces, "Customers as JSON") into the structs that a snapshot is built from
 *
 * Owner   struct customers owns everything it points to, in its arena.
 * Thread  Slow path.
 * Errors  All at once, each with the path of its key: "FILE: customers[0].route.servers[1].port: …". A syntax error has line and
 *         column. An unknown key is an error. What is not there yet (quarantine, spool) is refused by name.
 */
#pragma once
#include "base/arena.h"
#include "ctrl/settings.h"
#include "engine/snapshot.h"
#include <jansson.h>

struct customers {
	struct arena arena;
	struct snapshot_customer *item;
	size_t cnt;
};

/* `root` is {"customers": […]}; `where` is for messages. 0 or -EINVAL; *out is written on success only. */
int customers_from_json(const char *where, const json_t *root, struct customers *out,
                        struct settings_errors *errors);

/* Text of a file into JSON; NULL with an error. The caller json_decref()s it. */
json_t *customers_load(const char *path, struct settings_errors *errors);
json_t *customers_parse_text(const char *where, struct span text, struct settings_errors *errors);
void customers_fini(struct customers *c);
