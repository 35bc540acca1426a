/* SPDX-License-Identifier: BSD-3-Clause
 * json_out.h - JSON to a FILE: strings that are always valid, commas that are always right
 *
 * Owner   The FILE is the caller's.
 * Thread  One.
 * RFC     8259. Bytes that are not UTF-8 become U+FFFD.
 */
#pragma once
#include "base/base.h"

struct json_out {
	FILE *f;
	bool need_comma;
};

void json_out_open(struct json_out *j, const char *key,
                   char bracket); /* '{' or '['; key NULL: none */
void json_out_close(struct json_out *j, char bracket);
void json_out_string(struct json_out *j, const char *key, struct span s);
void json_out_null(struct json_out *j, const char *key);
void json_out_number(struct json_out *j, const char *key, int64_t n);
void json_out_decimal(struct json_out *j, const char *key, double d);
