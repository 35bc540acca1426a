/* SPDX-License-Identifier: BSD-3-Clause
 * settings_yaml.h - how the two halves of the settings reader meet: the walk over the document, and values
 *
 * Owner   One reader a parse, on its caller's stack.
 * Thread  Slow path.
 */
#pragma once
#include "ctrl/settings.h"
#include <yaml.h>

#define KEY_BYTES_MAX 100

enum settings_number { SETTINGS_COUNT, SETTINGS_SIZE, SETTINGS_DURATION };

struct settings_reader {
	const char *path;
	struct span text;
	yaml_document_t *doc;
	struct settings *out;
	struct settings_errors *errors;
};

/* "PATH:LINE:COLUMN: error: …", the line, a caret. */
void reader_error(struct settings_reader *r, const yaml_node_t *at, const char *fmt, ...)
        PRINTF(3, 4);

struct span reader_scalar(const yaml_node_t *n);
yaml_node_t *reader_node(struct settings_reader *r, int index);

/* false with an error reported */
bool reader_key(struct settings_reader *r, const yaml_node_t *n, struct span *out);
bool reader_text(struct settings_reader *r, const yaml_node_t *n, const char *key,
                 const char **out);
bool reader_number(struct settings_reader *r, const yaml_node_t *n, const char *key,
                   enum settings_number kind, uint64_t lo, uint64_t hi, uint64_t *out);
bool reader_texts(struct settings_reader *r, yaml_node_t *n, const char *key,
                  struct settings_texts *out);
bool reader_address(struct settings_reader *r, const yaml_node_t *n, const char *key,
                    struct addr *out);

/* Pure: "100"; "50MiB" -> bytes; "5m" -> us. */
bool settings_number_parse(enum settings_number kind, struct span text, uint64_t *out);

/* The word of the list (ended by NULL) nearest to `word`, or NULL when none is near. */
const char *settings_nearest(struct span word, const char *const *list);

/* Lists of maps: `ports`, `listen`, `feeds`; key is one of them. */
void settings_lists_read(struct settings_reader *r, const char *key, yaml_node_t *n);
