/* SPDX-License-Identifier: BSD-3-Clause
 * mime.c - the structure of a message: lines, boundaries, header fields, parts
 *
 * Why     Two layers. The lower one cuts the stream at lines that may be boundaries, and holds back a line
 *         end until the next line is known not to be one (the line end before a boundary belongs to
 *         it). The upper one is a stack of open parts. Everything else passes by in blocks. A mail in base64 is fed to
 *         a second parser, which counts on where the first one is. Over 500 lines: both layers share one struct.
 */
#include "engine/mime/mime.h"
#include "base/block64.h"
#include "engine/mime/mime_decode.h"
#include "engine/mime/mime_field.h"
#include "engine/mime/mime_inline.h"

#define NODES_MAX    (MIME_DEPTH_MAX + 2)    /* containers, and a leaf in the innermost */
#define CAND_MAX     (MIME_BOUNDARY_MAX + 8) /* of a line that may be a boundary: enough to decide */
#define OUT_BYTES    8192
#define CHARSET_MAX  40
#define ENCODED_MAX  2 /* encoded messages that are opened, one inside another */
#define ENCODING_MAX 32

enum state {
	IN_HEADER,
	IN_BODY,    /* of a leaf */
	IN_OUTSIDE, /* before the first or after the last boundary of a multipart */
	IN_NOTHING, /* a part past MIME_PARTS_MAX */
};

struct node {
	struct mime_part part;
	char path[MIME_PATH_BYTES], type[MIME_TYPE_MAX], charset[CHARSET_MAX], name[MIME_NAME_MAX];
	char encoding[ENCODING_MAX], boundary[MIME_BOUNDARY_MAX];
	unsigned boundary_len, child_cnt;
	bool is_multipart, is_closed; /* closed: its last boundary came */
	bool has_type, has_encoding, has_file_name, has_field;
};

struct mime {
	const struct mime_ops *ops;
	void *ctx;
	struct node node[NODES_MAX];
	unsigned node_cnt;     /* open nodes; node[node_cnt - 1] is the innermost */
	unsigned part_cnt;     /* parts begun */
	unsigned header_cnt;   /* fields told */
	unsigned boundary_cnt; /* multiparts among node[] that are not closed */
	enum state state;
	uint32_t flags;
	bool is_bol;      /* the next byte begins a line */
	bool is_skipping; /* the rest of a boundary's line */
	bool is_paused;
	bool hdr_has_name; /* hdr begins with a good field line: the rest is appended without a look */
	bool hdr_is_cut;
	char eol[2];
	uint8_t eol_len; /* line end held back */
	unsigned cand_len, hdr_len, hdr_name_len, hdr_colon;
	struct mime_dec dec;
	/* Files in plain text: the one under way is no node, for the text around it stays open. */
	struct mime_inline uu;
	bool has_uu_text, in_uu_file; /* the leaf is looked at; uu_node is open */
	struct node uu_node;
	/* Of an encoded message; NULL in the innermost parser. */
	struct mime *inner;
	bool in_inner;
	unsigned base_depth;   /* of an inner parser: depth of its first part */
	struct span base_path; /* path of the encoded message; "" of the mail itself */
	char cand[CAND_MAX];
	char hdr[MIME_HEADER_BYTES_MAX], value[MIME_HEADER_BYTES_MAX], out[OUT_BYTES];
};

static struct node *
top(struct mime *m)
{
	return &m->node[m->node_cnt - 1];
}

static void
flag(struct mime *m, uint32_t f)
{
	top(m)->part.flags |= f;
	m->flags |= f;
}

/* With a parser for a message in base64, and for one in that. */
static struct mime *
parser_new(const struct mime_ops *ops, void *ctx, unsigned inner_cnt)
{
	struct mime *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ops = ops;
	m->ctx = ctx;
	if (inner_cnt == 0)
		return m;
	m->inner = parser_new(ops, ctx, inner_cnt - 1);
	if (m->inner)
		return m;
	free(m);
	return NULL;
}

struct mime *
mime_new(const struct mime_ops *ops, void *ctx)
{
	struct mime *m = parser_new(ops, ctx, ENCODED_MAX);

	if (m)
		mime_reset(m);
	return m;
}

void
mime_free(struct mime *m)
{
	if (!m)
		return;
	mime_free(m->inner);
	free(m);
}

/* A part begins with its header. */
static void
push(struct mime *m, const char *default_type)
{
	struct node *n = &m->node[m->node_cnt], *up = m->node_cnt ? n - 1 : NULL;
	int len;

	BUG_ON(m->node_cnt == NODES_MAX);
	m->state = IN_HEADER;
	if (up)
		len = snprintf(n->path, sizeof(n->path), "%s.%u", up->path, ++up->child_cnt);
	else if (m->base_path.len > 0)
		len = snprintf(n->path, sizeof(n->path), "%.*s.1", (int)m->base_path.len,
		               m->base_path.p);
	else
		len = snprintf(n->path, sizeof(n->path), "1");
	n->part = (struct mime_part){
		.path = span(n->path, (size_t)len),
		.type = span_z(default_type),
		.charset = span("", 0),
		.name = span("", 0),
		.encoding_name = span("", 0),
		.index = m->part_cnt++,
		.depth = m->base_depth + m->node_cnt,
	};
	n->boundary_len = n->child_cnt = 0;
	n->is_multipart = n->is_closed = n->has_type = n->has_encoding = n->has_file_name =
	        n->has_field = false;
	m->node_cnt++;
	m->hdr_len = 0;
	m->hdr_has_name = m->hdr_is_cut = false;
}

/* parts and headers that were told before; 0 for the mail itself. */
static void
restart(struct mime *m, unsigned parts, unsigned headers)
{
	m->part_cnt = parts;
	m->header_cnt = headers;
	m->node_cnt = m->boundary_cnt = 0;
	m->flags = 0;
	m->is_bol = true;
	m->is_skipping = false;
	m->has_uu_text = m->in_uu_file = m->in_inner = false;
	m->eol_len = 0;
	m->cand_len = 0;
	push(m, "text/plain");
}

void
mime_reset(struct mime *m)
{
	restart(m, 0, 0);
}

uint32_t
mime_flags(const struct mime *m)
{
	return m->flags | (m->in_inner ? mime_flags(m->inner) : 0);
}

/* ---- fields that shape the part ---- */

static void
read_type(struct mime *m, struct span value)
{
	struct node *n = top(m);
	const char *slash;
	size_t len;

	if (n->has_type) {
		flag(m, MIME_F_DUP_HEADER);
		return;
	}
	n->has_type = true;
	len = mime_token(value, n->type, sizeof(n->type));
	slash = memchr(n->type, '/', len);
	if (slash && slash != n->type && slash != n->type + len - 1) {
		n->part.type = span(n->type, len);
	} else {
		n->part.type = span("text/plain", 10);
		flag(m, MIME_F_BAD_TYPE);
	}
	len = mime_param(value, "charset", MIME_PARAM_RAW, n->charset, sizeof(n->charset), NULL,
	                 NULL);
	for (size_t i = 0; i < len; i++)
		n->charset[i] = ascii_lower(n->charset[i]);
	n->part.charset = span(n->charset, len);
	len = mime_param(value, "boundary", MIME_PARAM_RAW, n->boundary, sizeof(n->boundary), NULL,
	                 NULL);
	while (len > 0 && (n->boundary[len - 1] == ' ' || n->boundary[len - 1] == '\t'))
		len--;
	n->boundary_len = (unsigned)len;
	if (n->has_file_name)
		return;
	len = mime_param(value, "name", MIME_PARAM_WORDS, n->name, sizeof(n->name), m->ops, m->ctx);
	n->part.name = span(n->name, len);
}

static void
read_disposition(struct mime *m, struct span value)
{
	struct node *n = top(m);
	char token[16];
	char name[MIME_NAME_MAX];
	size_t len = mime_token(value, token, sizeof(token));

	if (span_is(span(token, len), "attachment"))
		flag(m, MIME_F_ATTACHMENT);
	len = mime_param(value, "filename", MIME_PARAM_WORDS, name, sizeof(name), m->ops, m->ctx);
	if (len == 0)
		return;
	memcpy(n->name, name, len);
	n->part.name = span(n->name, len);
	n->has_file_name = true;
}

static void
read_encoding(struct mime *m, struct span value)
{
	/* clang-format off */
	static const struct { const char *name; enum mime_encoding e; } names[] = {
		{ "base64", MIME_ENC_BASE64 },    { "quoted-printable", MIME_ENC_QP }, { "7bit", MIME_ENC_NONE },
		{ "8bit", MIME_ENC_NONE },        { "binary", MIME_ENC_NONE },         { "x-uuencode", MIME_ENC_UU },
		{ "uuencode", MIME_ENC_UU },      { "uue", MIME_ENC_UU },              { "x-uue", MIME_ENC_UU },
		{ "", MIME_ENC_NONE },
	};
	/* clang-format on */
	struct node *n = top(m);
	struct span token;

	if (n->has_encoding) {
		flag(m, MIME_F_DUP_HEADER);
		return;
	}
	n->has_encoding = true;
	token = span(n->encoding, mime_token(value, n->encoding, sizeof(n->encoding)));
	n->part.encoding_name = token;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is(token, names[i].name)) {
			n->part.encoding = names[i].e;
			return;
		}
	n->part.encoding = MIME_ENC_UNKNOWN;
	flag(m, MIME_F_BAD_ENCODING);
}

/* hdr holds a whole field. */
static void
end_field(struct mime *m)
{
	struct span line = span(m->hdr, m->hdr_len), name = span(m->hdr, m->hdr_name_len), raw;
	struct mime_header h;

	m->hdr_len = 0;
	if (!m->hdr_has_name)
		return;
	m->hdr_has_name = false;
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	raw = span_skip(line, MIN((size_t)m->hdr_colon + 1, line.len));
	if (m->hdr_is_cut)
		flag(m, MIME_F_HEADER_LONG);
	if (!mime_is_utf8(raw))
		flag(m, MIME_F_RAW_8BIT_HEADER);
	if (span_ieq_z(name, "content-type"))
		read_type(m, raw);
	else if (span_ieq_z(name, "content-disposition"))
		read_disposition(m, raw);
	else if (span_ieq_z(name, "content-transfer-encoding"))
		read_encoding(m, raw);
	if (m->header_cnt >= MIME_HEADERS_MAX) {
		flag(m, MIME_F_TOO_MANY_HEADERS);
		return;
	}
	m->header_cnt++;
	if (!m->ops->on_header)
		return;
	h = (struct mime_header){ .name = name,
		                  .raw = raw,
		                  .path = top(m)->part.path,
		                  .part = top(m)->part.index,
		                  .is_top = m->base_depth + m->node_cnt == 1 };
	h.value =
	        span(m->value, mime_decode_words(raw, m->value, sizeof(m->value), m->ops, m->ctx));
	m->ops->on_header(m->ctx, &h);
}

/* ---- parts ---- */

static bool
is_message(struct span type)
{
	return span_is(type, "message/rfc822") || span_is(type, "message/global") ||
	       span_is(type, "message/news");
}

/* The innermost node is a message whose bytes have to be decoded before they can be parsed. */
static void
inner_begin(struct mime *m)
{
	struct mime *in = m->inner;

	m->state = IN_BODY;
	mime_dec_begin(&m->dec, top(m)->part.encoding);
	m->in_inner = true;
	in->base_depth = m->node_cnt;
	in->base_path = top(m)->part.path;
	restart(in, m->part_cnt, m->header_cnt);
}

static void
inner_end(struct mime *m)
{
	mime_end(m->inner);
	m->in_inner = false;
	m->part_cnt = m->inner->part_cnt;
	m->header_cnt = m->inner->header_cnt;
	m->flags |= m->inner->flags;
}

/* The header of the innermost part is over: what is it? */
static void
end_header(struct mime *m)
{
	struct node *n = top(m);
	bool is_multi, is_msg, is_encoded = false;

	end_field(m);
	is_multi = n->part.type.len > 10 && !memcmp(n->part.type.p, "multipart/", 10);
	is_msg = is_message(n->part.type);
	if (is_multi && n->boundary_len == 0) {
		flag(m, MIME_F_NO_BOUNDARY);
		is_multi = false;
	}
	if (is_msg && n->part.encoding != MIME_ENC_NONE && n->part.encoding != MIME_ENC_UNKNOWN) {
		flag(m, MIME_F_ENCODED_MESSAGE);
		is_encoded = true;
		is_msg = m->inner != NULL;
	}
	if ((is_multi || is_msg) && m->base_depth + m->node_cnt > MIME_DEPTH_MAX) {
		flag(m, MIME_F_TOO_DEEP);
		is_multi = is_msg = false;
	}
	if (is_msg && m->part_cnt >= MIME_PARTS_MAX) {
		flag(m, MIME_F_TOO_MANY_PARTS);
		is_msg = false;
	}
	if (is_multi || is_msg) {
		n->part.flags |= MIME_F_CONTAINER | (is_msg ? MIME_F_MESSAGE : 0);
		n->is_multipart = is_multi;
		m->boundary_cnt += is_multi;
		m->state = IN_OUTSIDE;
	} else {
		m->state = IN_BODY;
		mime_dec_begin(&m->dec, n->part.encoding);
		mime_inline_begin(&m->uu);
		m->has_uu_text = span_is(n->part.type, "text/plain");
	}
	m->flags |= n->part.flags;
	if (m->ops->on_part_begin)
		m->ops->on_part_begin(m->ctx, &n->part);
	if (is_msg && is_encoded)
		inner_begin(m);
	else if (is_msg)
		push(m, "text/plain");
}

static void
part_data(struct mime *m, struct mime_part *part, struct span data)
{
	uint64_t offset = part->bytes;

	part->bytes += data.len;
	if (data.len > 0 && m->ops->on_data)
		m->ops->on_data(m->ctx, part, data, offset);
}

/* A file in the text of the leaf begins. */
static void
uu_file_begin(struct mime *m)
{
	struct node *up = top(m), *n = &m->uu_node;
	size_t name_len;
	int len;

	if (m->part_cnt >= MIME_PARTS_MAX) {
		flag(m, MIME_F_TOO_MANY_PARTS);
		return;
	}
	len = snprintf(n->path, sizeof(n->path), "%s.%u", up->path, ++up->child_cnt);
	name_len = mime_decode_words(span(m->uu.name, m->uu.name_len), n->name, sizeof(n->name),
	                             m->ops, m->ctx);
	n->part = (struct mime_part){
		.path = span(n->path, (size_t)len),
		.type = span_z("application/octet-stream"),
		.charset = span("", 0),
		.name = span(n->name, name_len),
		.encoding_name = span_z("uuencode"),
		.encoding = MIME_ENC_UU,
		.index = m->part_cnt++,
		.depth = up->part.depth + 1,
		.flags = MIME_F_ATTACHMENT | MIME_F_UU_IN_TEXT,
	};
	m->flags |= n->part.flags;
	m->in_uu_file = true;
	if (m->ops->on_part_begin)
		m->ops->on_part_begin(m->ctx, &n->part);
}

static void
uu_file_end(struct mime *m, bool is_cut)
{
	if (!m->in_uu_file)
		return;
	m->in_uu_file = false;
	if (is_cut)
		m->uu_node.part.flags |= MIME_F_BAD_UU;
	m->flags |= m->uu_node.part.flags;
	if (m->ops->on_part_end)
		m->ops->on_part_end(m->ctx, &m->uu_node.part);
}

/* uu holds a line that may be of a file; the text's own event came before. */
static void
uu_line(struct mime *m)
{
	char out[MIME_DEC_CAP_MIN];
	size_t n;
	bool is_bad;
	enum mime_inline_event e = mime_inline_line(&m->uu, out, &n, &is_bad);

	if (e == MIME_INLINE_BEGIN)
		uu_file_begin(m);
	if (m->in_uu_file && is_bad)
		m->uu_node.part.flags |= MIME_F_BAD_UU;
	if (m->in_uu_file)
		part_data(m, &m->uu_node.part, span(out, n));
	if (e == MIME_INLINE_END)
		uu_file_end(m, false);
}

/* Decoded bytes of the innermost part. */
static void
deliver(struct mime *m, const char *p, size_t len)
{
	struct mime_part *part = &top(m)->part;
	struct span s = span(p, len);

	if (m->in_inner) {
		mime_feed(m->inner, s);
		return;
	}
	if (!m->has_uu_text) {
		part_data(m, part, s);
		return;
	}
	while (s.len > 0) {
		size_t n = mime_inline_take(&m->uu, s);

		part_data(m, part, span(s.p, n));
		s = span_skip(s, n);
		if (m->uu.is_whole)
			uu_line(m);
	}
}

static void
leaf_bytes(struct mime *m, struct span s)
{
	if (m->dec.encoding == MIME_ENC_NONE || m->dec.encoding == MIME_ENC_UNKNOWN) {
		deliver(m, s.p, s.len);
		return;
	}
	while (s.len > 0) {
		size_t n = mime_dec_feed(&m->dec, &s, m->out, sizeof(m->out));

		flag(m, m->dec.flags);
		deliver(m, m->out, n);
	}
}

/* The last bytes of a leaf, and of what is inside it. */
static void
end_leaf(struct mime *m)
{
	size_t len = mime_dec_end(&m->dec, m->out, sizeof(m->out));

	flag(m, m->dec.flags);
	deliver(m, m->out, len);
	if (m->in_inner) {
		inner_end(m);
		return;
	}
	if (m->has_uu_text && m->uu.len > 0)
		uu_line(m);
	uu_file_end(m, true);
	m->has_uu_text = false;
}

/* The innermost part is over. */
static void
pop(struct mime *m)
{
	struct node *n = top(m);

	if (m->state == IN_BODY)
		end_leaf(m);
	if (n->is_multipart && !n->is_closed) {
		flag(m, MIME_F_UNCLOSED);
		m->boundary_cnt--;
	}
	if (n->is_multipart && n->child_cnt == 0 && !(n->part.flags & MIME_F_TOO_MANY_PARTS))
		flag(m, MIME_F_EMPTY_MULTIPART);
	if (m->ops->on_part_end)
		m->ops->on_part_end(m->ctx, &n->part);
	m->node_cnt--;
	m->state = IN_OUTSIDE; /* of the multipart around it, for now */
}

/* Leave all parts inside node[level]. */
static void
pop_to(struct mime *m, unsigned level)
{
	while (m->state ==
	       IN_HEADER) /* a message/rfc822 part pushes once more, MIME_DEPTH_MAX bounds it */
		end_header(m);
	while (m->node_cnt > level + 1)
		pop(m);
}

/* ---- bytes between boundaries ---- */

static void
body_bytes(struct mime *m, struct span s)
{
	if (s.len == 0)
		return;
	if (m->state == IN_BODY)
		leaf_bytes(m, s);
	else if (m->state == IN_OUTSIDE && m->ops->on_outside && top(m)->is_multipart)
		m->ops->on_outside(m->ctx, &top(m)->part, s);
}

static void
release_eol(struct mime *m)
{
	unsigned n = m->eol_len;

	m->eol_len = 0;
	body_bytes(m, span(m->eol, n));
}

/* Pass s but for its line end, which may belong to a boundary. */
static void
body_hold(struct mime *m, struct span s)
{
	size_t t = 0;

	if (m->eol_len == 1 && m->eol[0] == '\r' && s.len == 1 && s.p[0] == '\n') {
		m->eol[m->eol_len++] = '\n';
		return;
	}
	release_eol(m);
	if (s.p[s.len - 1] == '\n')
		t = s.len > 1 && s.p[s.len - 2] == '\r' ? 2 : 1;
	else if (s.p[s.len - 1] == '\r')
		t = 1;
	body_bytes(m, span(s.p, s.len - t));
	memcpy(m->eol, s.p + s.len - t, t);
	m->eol_len = (uint8_t)t;
}

static size_t header_bytes(struct mime *m, struct span s);

/* Any bytes without a boundary inside; m->is_bol says whether they begin a line. */
static void
content(struct mime *m, struct span s)
{
	while (s.len > 0 && m->state == IN_HEADER) {
		size_t n = header_bytes(m, s);

		m->is_bol = s.p[n - 1] == '\n';
		s = span_skip(s, n);
	}
	if (s.len == 0)
		return;
	if (m->boundary_cnt > 0)
		body_hold(m, s);
	else
		body_bytes(m, s);
	m->is_bol = s.p[s.len - 1] == '\n';
}

/* The header under way is a mail's: the outer one's or an attached one's. */
static bool
is_message_head(const struct mime *m)
{
	return m->node_cnt == 1 || m->node[m->node_cnt - 2].part.flags & MIME_F_MESSAGE;
}

/* hdr holds the first line of something, or as much of it as fits. Is it a field, the end, or junk? */
static void
first_line(struct mime *m)
{
	size_t n = 0, len = m->hdr_len;
	const char *p = m->hdr;

	while (n < len && (p[n] == '\r' || p[n] == '\n'))
		n++;
	if (n == len) { /* empty line; a CR more does not count */
		m->hdr_len = 0;
		end_header(m);
		return;
	}
	for (n = 0; n < len && (unsigned char)p[n] > ' ' && p[n] != ':' && p[n] != 127; n++)
		;
	m->hdr_name_len = (unsigned)n;
	while (n > 0 && n < len && (p[n] == ' ' || p[n] == '\t')) /* "Subject : x" */
		n++;
	m->hdr_colon = (unsigned)n;
	if (n < len && p[n] == ':' && n > 0) {
		m->hdr_has_name = top(m)->has_field = true;
		return;
	}
	flag(m, MIME_F_HEADER_JUNK);
	if (p[0] == ' ' || p[0] == '\t' || p[0] == ':' ||
	    (is_message_head(m) && !top(m)->has_field && len > 5 && !memcmp(p, "From ", 5))) {
		m->hdr_len =
		        0; /* a fold of nothing, a field without a name, an mbox line: ignored */
		m->is_skipping = p[len - 1] != '\n';
		return;
	}
	m->hdr_len = 0;
	end_header(m);
	m->is_bol = true;
	content(m,
	        span(p,
	             len)); /* the body began without an empty line; recursion ends: one state further */
}

/* Take at most one line of a header; returns bytes taken, at least one. */
static size_t
header_bytes(struct mime *m, struct span s)
{
	const char *nl = memchr(s.p, '\n', s.len);
	size_t len = nl ? (size_t)(nl - s.p) + 1 : s.len, room;

	if (m->is_bol && !((s.p[0] == ' ' || s.p[0] == '\t') && m->hdr_has_name)) {
		end_field(m);
		m->hdr_is_cut = false;
	}
	room = MIN(len, sizeof(m->hdr) - m->hdr_len);
	memmove(m->hdr + m->hdr_len, s.p, room);
	m->hdr_len += (unsigned)room;
	if (m->hdr_has_name || (!nl && m->hdr_len < sizeof(m->hdr))) {
		m->hdr_is_cut |= room < len;
		return len;
	}
	first_line(m);
	if (m->hdr_has_name) {
		m->hdr_is_cut |= room < len;
		return len;
	}
	return room;
}

/* ---- boundaries ---- */

static void
boundary(struct mime *m, unsigned level, struct span rest)
{
	struct node *n = &m->node[level];
	bool is_last = rest.len >= 2 && rest.p[0] == '-' && rest.p[1] == '-';

	m->eol_len = 0;
	pop_to(m, level);
	rest = span_skip(rest, is_last ? 2 : 0);
	while (rest.len > 0 && (unsigned char)rest.p[0] <= ' ')
		rest = span_skip(rest, 1);
	if (rest.len > 0)
		flag(m, MIME_F_BOUNDARY_JUNK);
	if (is_last) {
		n->is_closed = true;
		m->boundary_cnt--;
		m->state = IN_OUTSIDE;
	} else if (m->part_cnt >= MIME_PARTS_MAX) {
		flag(m, MIME_F_TOO_MANY_PARTS);
		m->state = IN_NOTHING;
	} else {
		push(m,
		     span_is(n->part.type, "multipart/digest") ? "message/rfc822" : "text/plain");
	}
}

/* cand is a line, or the beginning of a long one. The longest boundary that it begins with wins, then the innermost
 * (RFC 2046 5.1.1: what follows the boundary on its line does not count). */
static void
end_candidate(struct mime *m)
{
	struct span line = span(m->cand, m->cand_len);
	unsigned best = 0, best_len = 0;
	bool has_nl = line.p[line.len - 1] == '\n';

	m->cand_len = 0;
	for (unsigned i = m->node_cnt; i-- > 0;) {
		const struct node *n = &m->node[i];

		if (n->is_multipart && !n->is_closed && n->boundary_len > best_len &&
		    line.len >= n->boundary_len + 2 && line.p[0] == '-' && line.p[1] == '-' &&
		    !memcmp(line.p + 2, n->boundary, n->boundary_len)) {
			best = i;
			best_len = n->boundary_len;
		}
	}
	if (best_len == 0) {
		m->is_bol = true;
		content(m, line);
		return;
	}
	boundary(m, best, span_skip(line, best_len + 2));
	m->is_bol = true;
	m->is_skipping = !has_nl;
}

static void
take_candidate(struct mime *m, struct span *raw)
{
	size_t room = MIN(raw->len, (size_t)CAND_MAX - m->cand_len);
	const char *nl = memchr(raw->p, '\n', room);
	size_t n = nl ? (size_t)(nl - raw->p) + 1 : room;

	memcpy(m->cand + m->cand_len, raw->p, n);
	m->cand_len += (unsigned)n;
	*raw = span_skip(*raw, n);
	if (nl || m->cand_len == CAND_MAX || (m->cand_len > 1 && m->cand[1] != '-'))
		end_candidate(m);
}

/* Bytes from s up to the next line that may be a boundary: one that begins with "--", or with '-' at the very end of s. */
static size_t
until_candidate(const struct mime *m, struct span s)
{
	uint64_t after_nl = 0;

	if (m->boundary_cnt == 0)
		return s.len;
	for (size_t i = 0; i < s.len; i += BLOCK64) {
		bool is_part = s.len - i < BLOCK64;
		struct block64 b =
		        is_part ? block64_load_part(s.p + i, s.len - i) : block64_load(s.p + i);
		uint64_t newline = block64_is(b, '\n');

		for (uint64_t c = (newline << 1 | after_nl) & block64_is(b, '-'); c; c &= c - 1) {
			size_t at = i + clear_run(c);

			if (at + 1 == s.len || s.p[at + 1] == '-')
				return at;
		}
		after_nl = newline >> 63;
	}
	return s.len;
}

void
mime_pause(struct mime *m)
{
	m->is_paused = true;
}

size_t
mime_feed(struct mime *m, struct span raw)
{
	const char *start = raw.p;

	m->is_paused = false;
	while (raw.len > 0 && !m->is_paused) {
		size_t n;

		if (m->is_skipping) {
			const char *nl = memchr(raw.p, '\n', raw.len);

			m->is_skipping = !nl;
			m->is_bol = true;
			raw = span_skip(raw, nl ? (size_t)(nl - raw.p) + 1 : raw.len);
			continue;
		}
		if (m->boundary_cnt > 0 && m->is_bol && (m->cand_len > 0 || raw.p[0] == '-')) {
			take_candidate(m, &raw);
			continue;
		}
		if (m->state == IN_HEADER) {
			n = header_bytes(m, raw);
			m->is_bol = raw.p[n - 1] == '\n';
		} else {
			n = until_candidate(m, raw);
			content(m, span(raw.p, n));
		}
		raw = span_skip(raw, n);
	}
	return (size_t)(raw.p - start);
}

void
mime_end(struct mime *m)
{
	if (m->cand_len > 0)
		end_candidate(m);
	if (m->state == IN_HEADER && m->hdr_len > 0 && !m->hdr_has_name)
		first_line(m);
	while (m->state == IN_HEADER)
		end_header(m);
	release_eol(m);
	while (m->node_cnt > 0)
		pop(m);
}

const char *
mime_flag_name(unsigned bit)
{
	static const char *const names[] = {
		"container",       "message",          "attachment",       "encoded_message",
		"bad_base64",      "base64_after_pad", "bad_qp",           "bad_uu",
		"bad_encoding",    "bad_type",         "no_boundary",      "unclosed",
		"empty_multipart", "boundary_junk",    "too_deep",         "too_many_parts",
		"header_junk",     "header_long",      "too_many_headers", "dup_header",
		"raw_8bit_header", "uu_in_text",
	};

	return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}

const char *
mime_encoding_name(enum mime_encoding e)
{
	static const char *const names[] = { "none", "quoted-printable", "base64", "uuencode",
		                             "unknown" };

	return names[e];
}
