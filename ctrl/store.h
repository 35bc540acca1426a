/* SPDX-License-Identifier: BSD-3-Clause
 * store.h - where customers are kept: SQLite in a file; every change is a transaction with the next generation
 *
 * Why     A small interface, so that a second driver (PostgreSQL) is a second file. A customer is kept as its checked JSON
 *         document, and its domains as rows, so that two customers cannot have one.
 * Owner   The caller, of the handle.
 * Thread  One at a time.
 * Errors  -errno and a text in *errors.
 */
#pragma once
#include "ctrl/customers.h"

struct store;

/* Opens or makes the file and applies ctrl/schema/NNN_*.sql that it has not seen. */
int store_open(const char *path, struct store **out, struct settings_errors *errors);
void store_close(struct store *s);

/* The store's own generation: grows by one with every change, of any process. */
int store_generation(struct store *s, uint64_t *out);

/* True when another connection committed since the last call (PRAGMA data_version). Cheap. */
bool store_has_changed(struct store *s);

/* Merge by id, or replace all. `root` was accepted by customers_from_json(). 0 or -errno; nothing is changed on failure. */
int store_import(struct store *s, const json_t *root, bool replace, struct settings_errors *errors);

/* {"customers": […]} of all, sorted by id; NULL on failure. */
json_t *store_export(struct store *s, struct settings_errors *errors);

/* The same of those that changed since the store's generation `since`, and "removed": the ids that are gone; NULL on failure. */
json_t *store_changes(struct store *s, uint64_t since, struct settings_errors *errors);

/* 0, or -ENOENT. */
int store_delete(struct store *s, const char *id, struct settings_errors *errors);
