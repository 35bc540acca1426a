/* SPDX-License-Identifier: BSD-3-Clause
 * script.h - a packet script as values: what README.md describes, parsed
 *
 * Owner   script_open() to script_close(); a line is valid until the next script_next().
 * Thread  One.
 * Limit   SCRIPT_OPTS_MAX options a segment; a line that does not parse ends the program with file:line:column.
 */
#pragma once
#include "base/base.h"
#include "dataplane/tcp/tcp_opt.h"

#define SCRIPT_OPTS_MAX 20
#define SCRIPT_WORDS    40

enum script_verb {
	V_CASE,
	V_SET,
	V_INJECT,
	V_EXPECT,
	V_SILENCE,
	V_IGNORE,
	V_CALL,
	V_APP,
	V_STATE,
	V_INFO,
	V_COUNT,
	V_USAGE,
	V_ICMP,
	V_PEER,
	V_OPEN,
	V_ISN,
	V_VERBS
};

/* How a number that was seen is compared with the one in the script. */
enum script_cmp {
	CMP_NONE, /* not in the script */
	CMP_EQ,
	CMP_GT,
	CMP_LT,
	CMP_ANY,
};

struct script_num {
	enum script_cmp cmp;
	bool absolute; /* =N: not relative to an ISN */
	int64_t v;
	int col;
};

struct script_opt {
	enum {
		O_NOP,
		O_EOL,
		O_MSS,
		O_WSCALE,
		O_SACKOK,
		O_SACK,
		O_TS,
		O_RAW,
	} kind;
	struct script_num a, b; /* mss; wscale; tsval and tsecr; one SACK block */
	uint32_t blocks[TCP_SACK_MAX][2];
	unsigned cnt;
	uint8_t raw[TCP_OPTIONS_MAX];
};

struct script_seg {
	uint8_t flags;
	bool has_opts; /* `opt` was there: the list is exact */
	bool burst;    /* no turn of the loop behind it */
	bool badsum;
	struct script_num seq, ack, len, win, ecn, off, cut, urg;
	int flags_col, opts_col;
	struct script_opt opts[SCRIPT_OPTS_MAX];
	unsigned opt_cnt;
};

struct script_word {
	char text[100];
	int col;
};

struct script_line {
	enum script_verb verb;
	int number, col;
	uint64_t after_ms; /* +N: time that passes first */
	struct script_seg seg;
	struct script_word word[SCRIPT_WORDS]; /* of verbs without a segment */
	unsigned words;
	const char *text; /* the line as written */
};

struct script {
	const char *path;
	FILE *f;
	char *text;
	size_t cap;
	int number;
};

void script_open(const char *path, struct script *out);
void script_close(struct script *s);

/* The next line that is neither empty nor a comment; false: the end. */
bool script_next(struct script *s, struct script_line *l);

/* A line made of text, at the place of the line `from`, as if it stood there. */
void script_line_of(const struct script *s, const struct script_line *from, const char *text,
                    struct script_line *l);

/* Prints file:line:column and the words, and the line itself. */
void script_say(const struct script *s, const struct script_line *l, int col, const char *what, ...)
        __attribute__((format(printf, 4, 5)));

/* N, -N, =N, >N, <N, *; ends the program when it is none. */
struct script_num script_number(const struct script *s, const struct script_line *l,
                                const char *text, int col);

/* "SA" for 0x12, "-" for none; `out` holds 9 bytes. */
const char *script_flags(uint8_t flags, char *out);
