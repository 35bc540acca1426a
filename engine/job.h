/* SPDX-License-Identifier: BSD-3-Clause
 * job.h - one scan under way: parsers, text lanes, evidence; for the files of engine/ alone
 *
 * Why     Everything a scan needs lies in its slot, allocated when the worker starts, so that a scan allocates nothing.
 *         Decoded text passes through blocks of JOB_BLOCK bytes at fixed offsets of its part: however the message was
 *         cut, everything behind the blocks sees the same.
 * Owner   A slot belongs to its engine_worker. Streams, scratch and seen arrays belong to the worker_gen of the snapshot.
 * Thread  The worker's.
 */
#pragma once
#include "base/siphash.h"
#include "engine/engine.h"
#include "engine/fault.h"
#include "engine/file/file.h"
#include "engine/mime/mime.h"
#include "engine/model/words.h"
#include "engine/snapshot_impl.h"
#include "engine/text/charset.h"
#include "engine/text/fold.h"
#include "engine/text/html.h"
#include "engine/url/phone.h"
#include "engine/url/url_shown.h"
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() without a context to allocate */
#include <openssl/sha.h>

#define JOB_BLOCK      1024
#define JOB_LANE_BYTES 8192
#define JOB_FLUSH_BYTES                                                                            \
	2048 /* of a lane that are matched at once, and the text that ends behind them */
#define JOB_LINE_MAX                                                                               \
	2048 /* of a paragraph, as SpamAssassin cuts them; a chunk of raw text is up to twice as long */
#define JOB_FULL_BYTES    (64 * 1024) /* of the message, for rules of kind full */
#define JOB_FIELDS_MAX    512         /* header fields of one part that rules look at */
#define JOB_FIELD_BUCKETS 64
#define JOB_HEAD_TEXT     (192 * 1024) /* their names, raw and decoded values */
#define JOB_URI_SLOTS     2048 /* of the forms of URIs that rules saw; half of them are used */
#define JOB_VIEW_BYTES    (96 * 1024) /* of a view of them */
#define JOB_PART_TEXT     (64 * 1024) /* paths, types and names of all parts */
#define JOB_HEAD_BYTES    256         /* of a part, for its magic */
#define JOB_FILE_TEXT                                                                              \
	(128 * 1024)          /* of documents, beside the scan window: they must not use it up */
#define JOB_OUTSIDE      8192 /* of the text in a multipart without parts */
#define JOB_FIELD_MAX    4096 /* bytes of a header field that customers' rules look at */
#define JOB_SCAN_DEFAULT (512 * 1024)
#define JOB_NO_PART      UINT16_MAX
#define SUB_HITS_MAX     1024 /* of sub-rules, for tools */

/* Text on its way to a stream. The last EXCERPT_MAX bytes before it stay, for excerpts. */
struct text_lane {
	uint64_t base; /* lane position of text() */
	size_t used;
	char buf[EXCERPT_MAX + JOB_LANE_BYTES];
};

struct evidence_hit {
	uint32_t rule, line; /* line: of the list, 0 for rules */
	const char *place;   /* constant text: "header", "url", "client"; NULL: in a text lane */
	uint64_t end;        /* bytes of that lane up to the end of the match */
	enum lane lane;
	/* What job_locate.c finds for it, in tools. */
	bool is_located;
	uint16_t part; /* JOB_NO_PART: the subject */
	uint64_t
	        offset; /* decoded bytes of the part (of the subject's value) up to the end of the match */
	uint8_t excerpt_len;
	char excerpt[EXCERPT_MAX];
};

/* A field of the part whose header is being read; spans in head_text. */
struct head_field {
	struct span name, raw, value;
	uint16_t next; /* of those in its bucket; JOB_FIELDS_MAX: none */
};

struct part_info {
	struct span path, type, charset, encoding, name; /* in part_text */
	uint64_t bytes;
	uint32_t flags;
	bool has_sha, is_attachment, has_tail;
	uint64_t tail_at,
	        tail_offset;   /* its first byte past the window: in the tail, in the part */
	const char *real_type; /* by magic; NULL not known */
	uint32_t file_flags;   /* enum file_flag */
	uint8_t sha[32];
};

/* A part's bytes, whatever they are. */
struct job_leaf {
	bool has_sha, has_file; /* has_file: its bytes go to the job's file */
	SHA256_CTX sha;
	size_t head_used;
	char head[JOB_HEAD_BYTES];
};

enum job_state {
	JOB_FREE,
	JOB_FEED,
	JOB_STREAMS, /* what waits in the lanes, and the ends of the streams */
	JOB_FULL,
	JOB_URLS,
	JOB_RULES,
	JOB_METAS,
	JOB_MODEL,
	JOB_DONE,
};

struct worker_gen {
	const struct snapshot *s; /* NULL: not attached */
	uint64_t pin_cnt;         /* written by the worker (release), read by control (acquire) */
	bool is_evicted; /* control writes, the worker reads: relaxed, a late look is harmless */
	struct match_scratch *scratch;
	struct match_run *run[LANES]; /* of lanes of blocks */
	struct {
		struct match_stream *stream[LANE_STREAMS];
		struct match_budget *budget[LANES]; /* where there is a run */
		uint32_t *pattern_seen, *rule_seen, *custom_seen, *rcpt_seen;
		uint32_t *
		        meta_due; /* stamped when a rule that the meta names hit; by place in meta_order */
		float *rule_hits; /* how often, where rule_seen has the epoch; a meta's value */
		uint32_t epoch, rcpt_epoch;
	} slot[ENGINE_SLOTS];
};

struct engine_job {
	struct engine_worker *w;
	struct worker_gen *gen;
	const struct snapshot *s;
	unsigned slot;
	enum job_state state;
	bool in_feed; /* mime_feed() is under way and may be paused */
	/* the mail */
	struct addr client_addr;
	char country[2];
	bool backup_mx, is_tail;
	char helo[256], sender[SMTP_PATH_MAX + 1];
	size_t helo_len, sender_len;
	/* parsers */
	struct mime *mime;
	struct charset_set *charsets;
	struct charset_conv conv;
	struct html *html;
	struct fold fold;
	struct render render;
	struct url_set urls;
	struct url_finder url_finder;
	struct url_shown shown; /* the link that is open */
	struct phone_set phones;
	struct phone_finder phone_finder;
	/* the part under way */
	struct job_leaf leaf, uu_leaf; /* uu_leaf: of a file in its text */
	bool part_is_text, part_is_html,
	        part_is_page; /* page: HTML that is opened from an attachment */
	uint16_t part;
	struct file *file;
	uint16_t file_part;
	size_t file_text;            /* bytes of documents' text in this mail */
	bool file_has_text, in_page; /* in_page: html reads a page of an archive */
	size_t block_used;
	uint64_t block_offset;
	char block[JOB_BLOCK];
	/* text before the first boundary of the outermost multipart, which some programs show when no boundary ever comes */
	size_t outside_used;
	char outside[JOB_OUTSIDE];
	/* window */
	uint64_t text_bytes;
	char tail[ENGINE_TAIL_BYTES]; /* ring of text past the window */
	uint64_t tail_total;
	/* lanes */
	struct text_lane folded, rendered, raw;
	bool raw_is_cr;    /* the raw lane's last byte was a CR that is not written yet */
	bool has_rendered; /* a part came before */
	bool has_subject;  /* the first paragraph is one */
	bool past_subject; /* it was looked at */
	size_t full_used;
	char full[JOB_FULL_BYTES];
	unsigned uri_cnt, uri_probe_cnt;
	uint64_t uri_seen[JOB_URI_SLOTS];
	uint32_t view_at, view_end; /* views of the mail's header that rules are still to look at */
	unsigned field_cnt;
	uint16_t field_first[JOB_FIELD_BUCKETS], field_last[JOB_FIELD_BUCKETS]; /* by name */
	struct head_field field[JOB_FIELDS_MAX];
	size_t head_text_used;
	char head_text[JOB_HEAD_TEXT];
	uint64_t body_at; /* folded position where the subject ends */
	unsigned match_cnt;
	uint32_t view; /* of the block that is scanned */
	enum lane lane;
	uint32_t *block_seen; /* custom lanes: which array */
	uint32_t block_epoch;
	/* evidence */
	uint32_t failed_stages; /* bit s: enum engine_stage s could not run on all of it */
	bool match_flood;
	unsigned hit_cnt, hit_overflow;
	struct evidence_hit hit[RULE_HITS_MAX];
	int first_hit[FILTERS]; /* index of the first hit that decides by this filter; -1 none */
	bool content_hit[FILTERS];
	int32_t score_milli;
	int64_t features[FEATURES];
	unsigned part_cnt;
	struct part_info parts[MIME_PARTS_MAX];
	size_t part_text_used;
	char part_text[JOB_PART_TEXT];
	/* headers that features need */
	char from_domain[256], from_name_domain[256], replyto_domain[256];
	/* learned model */
	bool has_model; /* model_logodds is an answer */
	float model_logodds;
	struct model_words model_words;
	struct model_vector model_vector;
	char received_at[72]; /* end of the first Received field: tools */
	unsigned url_at;      /* JOB_URLS: the next one */
	size_t meta_at;       /* JOB_METAS: the next one, by place in meta_order */
	struct span hosts[64];
	/* tools */
	char *text; /* folded text; NULL unless asked for */
	size_t text_used, text_room;
	struct evidence_hit *sub_hit; /* of sub-rules; NULL unless asked for */
	unsigned sub_hit_cnt;
	struct engine_job *locate; /* the finished job whose hits this one locates; NULL: a scan */
	uint64_t locate_next[LANES]; /* least end of a hit that is not located yet */
	uint64_t locate_offset;      /* the last place that text came from */
	uint16_t locate_part;
	bool in_tail;
	uint64_t tail_first; /* which byte past the window the ring begins with */
};

struct engine_worker {
	char view_text[JOB_VIEW_BYTES]; /* of one call */
	struct engine_config cfg;
	struct engine_counters counters;
	struct url_env *urls;
	struct siphash_key uri_key;
	struct worker_gen gen[GENERATIONS_LIVE_MAX];
	struct engine_job slot[ENGINE_SLOTS];
};

/* This stage could not do its work on this mail: counted once, and the mail passes. */
void job_failed(struct engine_job *j, enum engine_stage s);

/* True when it is to fail (fault.h); noted then. */
static inline bool
job_fails(struct engine_job *j, enum engine_stage s)
{
	if (likely(!fault_is_set(s)) || j->w->cfg.is_probe)
		return false;
	job_failed(j, s);
	return true;
}

/* job_hits.c */
void job_hit(struct engine_job *j, uint32_t rule, uint32_t line, const char *place,
             struct span excerpt);
/* In a text lane, of which `end` bytes lie before the end of the match. line: of a list, else 0. */
void job_hit_text(struct engine_job *j, enum lane lane, uint32_t rule, uint32_t line, uint64_t end);
/* In text without its disguise: excerpt is of that, end of the lane as it was. */
void job_hit_plain(struct engine_job *j, enum lane lane, uint32_t rule, uint64_t end,
                   struct span excerpt);
/* One match event more; true when there were too many of them. */
bool job_count_match(struct engine_job *j);
void job_match_failed(struct engine_job *j);
/* A negated rule whose pattern did not hit. */
void job_hit_absent(struct engine_job *j, uint32_t rule);
bool job_rule_hit(const struct engine_job *j, uint32_t rule);
void lane_reset(struct text_lane *l);
struct text_lane *job_lane(struct engine_job *j, enum lane lane);
/* Room for at least `need` bytes, flushing if it must; returns where to write, *room how much. */
char *job_lane_room(struct engine_job *j, struct text_lane *l, size_t need, size_t *room);
void job_lane_add(struct engine_job *j, struct text_lane *l, struct span text);
/* Matches what waits, JOB_FLUSH_BYTES of it or a text more, so that a step stays short. is_end: the last text ends with what waits. */
void job_lane_flush(struct engine_job *j, struct text_lane *l, bool is_end);
bool job_streams_step(struct engine_job *j); /* false: the streams are at their end */
/* A block in both custom head lanes. */
void job_custom_block(struct engine_job *j, enum custom_view view, struct span text, uint32_t *seen,
                      uint32_t epoch);
bool job_has_lane(const struct engine_job *j, enum lane lane);

/* Counts a rule's hits; true when they still matter. */
void job_count_hits(struct engine_job *j, uint32_t rule, double cnt);

/* job_block.c: lanes that are matched a text at a time */
bool job_has_set(const struct engine_job *j, enum lane lane);
/* Paragraphs are wanted: by body rules, or for the URIs in them. */
bool job_has_rendered(const struct engine_job *j);
/* place NULL: a text lane, text begins at lane position `at`. */
void job_scan_block(struct engine_job *j, enum lane lane, uint32_t group, struct span text,
                    const char *place, uint64_t at);
/* Whole paragraphs or chunks of the lane, until JOB_FLUSH_BYTES are done with; is_end: its text ends here. Returns how many are. */
size_t job_scan_lane(struct engine_job *j, struct text_lane *l, bool is_end);
/* A URI of an attribute or of text, in all forms that rules look at. is_ours: SpamAssassin does not look there, its rules do not see it;
 * of a form that both have, theirs must come first. */
void job_uri_add(struct engine_job *j, struct span uri, bool is_ours);
/* An attribute of a page, if it is one in which SpamAssassin looks. True: nobody else is to look there. */
bool job_uri_attr(struct engine_job *j, const struct html_attr *a);
void job_raw_add(struct engine_job *j, struct span decoded); /* of a text part */
void job_raw_end(struct engine_job *j);
void job_full_add(struct engine_job *j, struct span raw);
void job_full_end(struct engine_job *j);

/* worker.c: RFC 2047 words of raw to UTF-8, unfolded; bytes written. */
size_t job_decode_words(struct engine_job *j, struct span raw, char *out, size_t cap);

/* job_view.c: rules over header fields */
void job_head_begin(struct engine_job *j);
void job_head_add(struct engine_job *j, const struct mime_header *h);
void job_head_end(struct engine_job *j, bool is_top);
/* The next views of the mail's header, of JOB_FLUSH_BYTES together or one; false: there are no more. */
bool job_views_step(struct engine_job *j);

/* Rules look at the header before anything behind it. */
static inline void
job_views_settle(struct engine_job *j)
{
	while (unlikely(j->view_at < j->view_end))
		job_views_step(j);
}

/* job_html.c */
void job_on_html_text(void *ctx, enum html_lane lane, struct span utf8);
void job_on_html_attr(void *ctx, const struct html_attr *a);
void job_on_link_end(void *ctx);
void job_html_end(struct engine_job *j); /* html's page is over: what it was like */

/* job_text.c */
void job_on_part_begin(void *ctx, const struct mime_part *p);
void job_on_data(void *ctx, const struct mime_part *p, struct span data, uint64_t offset);
void job_on_part_end(void *ctx, const struct mime_part *p);
void job_on_outside(void *ctx, const struct mime_part *p, struct span data);
void job_visible(struct engine_job *j, struct span text);      /* shown text */
void job_rendered_add(struct engine_job *j, struct span text); /* text that body rules alone see */
void job_text_tail(struct engine_job *j);
void job_text_finish(struct engine_job *j);                  /* all parts are over */
void job_text_plain(struct engine_job *j, struct span text); /* of a tail job */
void job_text_plain_end(struct engine_job *j);
/* Does a part's name end so, as Windows reads it? z: lower case. */
bool job_name_ends(struct span name, const char *z);
void job_subject(struct engine_job *j, struct span value);
/* Text of an attached document: to the folded lane, URLs and numbers. */
void job_document_begin(struct engine_job *j);
void job_document_text(struct engine_job *j, struct span utf8);
void job_document_end(struct engine_job *j);

/* job_locate.c */
/* Has it hits in text lanes? */
bool job_wants_locate(const struct engine_job *j);
/* Where the hits of the finished job `of` in text lanes are: j, just begun, is to be fed the same mail. */
void job_locate_begin(struct engine_job *j, struct engine_job *of);
/* All that is in the lanes now came from at most `read` bytes of the text under way, or of the subject's value. */
void job_locate_text(struct engine_job *j, uint64_t read);
void job_locate_subject(struct engine_job *j, uint64_t read);
/* Past the last text: what the lanes got since belongs to where that ended. */
void job_locate_end(struct engine_job *j);

/* job_header.c */
void job_on_header(void *ctx, const struct mime_header *h);
void job_header_features(struct engine_job *j);

/* job_model.c */
bool job_wants_model(const struct engine_job *j);
void job_model_begin(struct engine_job *j);
void job_model_header(struct engine_job *j, const struct mime_header *h);
void job_model_text(struct engine_job *j, struct span text, uint64_t at);
void job_model_url(struct engine_job *j, const struct url *u);
void job_model_finish(struct engine_job *j);

/* job_attach.c */
/* Each part that is no container: its bytes go to the leaf that job_leaf() gives. */
struct job_leaf *job_leaf(struct engine_job *j, const struct mime_part *p);
void job_leaf_begin(struct engine_job *j, const struct mime_part *p, struct part_info *info);
void job_leaf_data(struct engine_job *j, struct job_leaf *l, struct span data);
void job_leaf_end(struct engine_job *j, struct job_leaf *l, struct part_info *info);
void job_hex(const struct part_info *info, char digest[64]);

/* job_file.c */
void job_file_begin(struct engine_job *j, struct job_leaf *l, uint16_t part);
void job_file_end(struct engine_job *j, struct job_leaf *l, struct part_info *info);
/* Lists of endings, for a part's name or one in an archive. */
void job_file_name_lists(struct engine_job *j, struct span name);
void job_on_file_name(void *ctx, struct span name);
void job_on_file_link(void *ctx, struct span url);
void job_on_file_text(void *ctx, struct span utf8);
void job_on_file_page(void *ctx, struct span html);

/* job_finish.c */
void job_client_lists(struct engine_job *j);
/* Is it one of those that the feature counts? Links: those of attributes. */
bool job_url_counts(const struct url *u, enum feature f);
/* What an excerpt shows of a canonical URL: host and begin of its path. */
struct span job_url_head(struct span canonical);
bool job_urls_step(struct engine_job *j); /* one URL; false when there are no more */
void job_phones(struct engine_job *j);
/* A hit for each list of this kind that has one of the keys, which are forms of one value; none when a list that allows has one. */
void job_list_hits(struct engine_job *j, enum snapshot_list_kind kind, const struct span *keys,
                   size_t key_cnt, const char *place, struct span excerpt);
void job_rules_finish(struct engine_job *j); /* all but metas */
bool job_metas_step(struct engine_job *j);   /* some metas; false: these were the last */
