/* SPDX-License-Identifier: BSD-3-Clause
 * build.h - read and build: settings, store and files into a snapshot; save: what it was made from, onto disk
 *
 * Why     read -> build -> prove -> save -> publish -> retire (architecture: Snapshot); the first four are here, pure of threads.
 *         The saved inputs of a generation are enough to start without store and rules.
 * Owner   A build owns everything until build_fini(); the snapshot leaves by build_take().
 * Thread  One at a time: the build thread, or a tool.
 * Errors  Kind 2, all at once, in `errors`; warnings in `warnings`.
 */
#pragma once
#include "ctrl/customers.h"
#include "ctrl/store.h"

#define SAVED_KEPT     5
#define FEED_BYTES_MAX (512u << 20)

struct build {
	const struct settings *settings;
	const char *state_dir; /* of the running node, whatever settings say now */
	json_t *documents;     /* {"customers": […]} */
	json_t *changes; /* of a build of changed rows: the same with "removed": ["id", …]; else NULL */
	struct customers customers;
	struct arena arena; /* texts of feeds */
	const char **rule_dirs;
	size_t rule_dir_cnt;
	struct snapshot_list *lists;
	size_t list_cnt;
	const char *geo, *model; /* NULL: none */
	struct snapshot *snapshot;
	struct settings_errors *errors;
	struct settings_errors warnings;
};

/* Reads customers from the store (may be NULL: no customers), rules and feeds as the settings say. */
int build_read(struct build *b, const struct settings *s, const char *state_dir,
               struct store *store, struct settings_errors *errors);

/* Reads them from state_dir/snapshots/G. */
int build_read_saved(struct build *b, const struct settings *s, uint64_t generation,
                     struct settings_errors *errors);

/* Reads what changed in the store since its generation `since`; then build_make_change() and build_save_change(). */
int build_read_changes(struct build *b, const struct settings *s, const char *state_dir,
                       struct store *store, uint64_t since, struct settings_errors *errors);

/* snapshot_change(): 0 with a snapshot, -EAGAIN when all must be built instead, -EINVAL with errors. */
int build_make_change(struct build *b, uint64_t generation, const struct snapshot *prev);

/* Compiles and proves. */
int build_make(struct build *b, uint64_t generation, const struct snapshot *prev);
struct snapshot *build_take(struct build *b);
void build_fini(struct build *b);

/* state_dir/snapshots/G, synced; older ones but the last SAVED_KEPT go. 0 or -errno. */
int build_save(const struct build *b, uint64_t generation);
/* The same for changed rows: the files of the newest one saved, by links, and changes.json, which replaces that one's. */
int build_save_change(const struct build *b, uint64_t generation);

/* The newest saved generation that is whole; 0: none. */
uint64_t saved_newest(const char *state_dir);

/*
 * Puts what the newest saved generation has of this feed (same name, kind and side) in place of *l, whose source is broken for the
 * reason `why`, with a warning that names both. False when it has none; *l is as before.
 */
bool build_last_good(struct build *b, struct snapshot_list *l, const char *why);

/* Feeds' files into lists; feeds.c. */
void feeds_read(struct build *b);
