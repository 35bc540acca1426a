/* SPDX-License-Identifier: BSD-3-Clause
 * fuzz_decode.c - base64, quoted-printable and uuencode against OpenSSL and Python's binascii
 *
 * Input     The first byte chooses the encoding, the second the cuts; the rest is the body of a part (uuencode: one line).
 * Property  Cuts change neither bytes nor flags. Where both sides should agree they do:
 *           - base64: what OpenSSL takes is what is_base64() says, gives the same bytes here, and no flag. What has no flag here and is
 *             taken by binascii gives the same bytes.
 *           - quoted-printable: the same bytes as binascii, and a flag where an escape is none.
 *           - uuencode: a line that binascii takes and that has no flag here gives the same bytes.
 * Meant     Differences that mail programs made customary, and that are not compared:
 *           - base64: one '=' for two, no '=' at all, bytes of no alphabet (skipped), more data after '='; '-', which ends it in OpenSSL.
 *           - quoted-printable: blanks between '=' and the line end make a soft break; "==" stays as it is (binascii drops one);
 *             "=\r" without "\n" is no break (binascii drops what follows up to the next "\n").
 *           - uuencode: a line that lacks more than three characters has a flag and ends there (binascii fills up with zeros).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "engine/mime/mime_decode.h"
#include <openssl/evp.h>

struct bytes {
	size_t len;
	uint32_t flags;
	char *p;
};

static void
put(struct bytes *b, const char *p, size_t n)
{
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

/* Room for all that n bytes can become: one escape that is none is held at most. */
static struct bytes
decode(enum mime_encoding e, struct span s, size_t step)
{
	struct bytes b = { .p = malloc(s.len + 2 * MIME_UU_LINE_MAX) };
	char out[MIME_DEC_CAP_MIN];
	struct mime_dec d;

	mime_dec_begin(&d, e);
	for (size_t i = 0; i < s.len; i += step) {
		size_t n = MIN(step, s.len - i);
		char *cut = malloc(n); /* a block of its own: reads past the cut are seen */
		struct span in = span(cut, n);

		memcpy(cut, s.p + i, n);
		while (in.len > 0)
			put(&b, out, mime_dec_feed(&d, &in, out, sizeof(out)));
		free(cut);
	}
	put(&b, out, mime_dec_end(&d, out, sizeof(out)));
	b.flags = d.flags;
	return b;
}

/* binascii.NAME(s); NULL when it raises. */
static PyObject *
binascii(const char *name, struct span s)
{
	static PyObject *module;
	PyObject *r;

	if (!module) {
		PyConfig config;

		PyConfig_InitIsolatedConfig(&config);
		config.install_signal_handlers = 0;
		config.site_import = 0;
		BUG_ON(PyStatus_Exception(Py_InitializeFromConfig(&config)));
		PyConfig_Clear(&config);
		module = PyImport_ImportModule("binascii");
		BUG_ON(!module);
	}
	r = PyObject_CallMethod(module, name, "y#", s.p, (Py_ssize_t)s.len);
	PyErr_Clear();
	return r;
}

static struct span
text_of(PyObject *o)
{
	return span(PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o));
}

/* RFC 4648 4 with white space anywhere. */
static bool
is_base64(struct span s)
{
	size_t chars = 0, pads = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '=') {
			pads++;
		} else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		           (c >= '0' && c <= '9') || c == '+' || c == '/') {
			if (pads > 0)
				return false;
			chars++;
		} else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
			return false;
		}
	}
	return pads <= 2 && (chars + pads) % 4 == 0;
}

/* False: OpenSSL does not take it. */
static bool
openssl_base64(struct span s, unsigned char *out, size_t *len)
{
	EVP_ENCODE_CTX *c = EVP_ENCODE_CTX_new();
	int n = 0, more = 0;
	bool ok;

	EVP_DecodeInit(c);
	ok = EVP_DecodeUpdate(c, out, &n, (const unsigned char *)s.p, (int)s.len) >= 0 &&
	     EVP_DecodeFinal(c, out + n, &more) == 1;
	EVP_ENCODE_CTX_free(c);
	*len = (size_t)(n + more);
	return ok;
}

static void
base64(struct span s, const struct bytes *b)
{
	unsigned char *out = malloc(s.len + 64);
	size_t len;
	PyObject *o;

	if (!memchr(s.p, '-', s.len)) {
		bool is_taken = openssl_base64(s, out, &len);

		BUG_ON(is_taken != is_base64(s));
		BUG_ON(is_taken && (b->flags || !span_eq(span(out, len), span(b->p, b->len))));
	}
	free(out);
	o = binascii("a2b_base64", s);
	BUG_ON(o && !b->flags && !span_eq(text_of(o), span(b->p, b->len)));
	Py_XDECREF(o);
}

/* Of quoted-printable: is it read as binascii does, and is each escape one? */
static void
judge_escapes(struct span s, bool *is_same, bool *is_good)
{
	*is_same = *is_good = true;
	for (size_t i = 0; i < s.len; i++) {
		struct span r = span_skip(s, i + 1);
		bool is_break;

		if (s.p[i] != '=')
			continue;
		is_break = r.len == 0 || r.p[0] == '\n' ||
		           (r.p[0] == '\r' && (r.len == 1 || r.p[1] == '\n'));
		*is_same &= is_break ||
		            (r.p[0] != '=' && r.p[0] != '\r' && r.p[0] != ' ' && r.p[0] != '\t');
		*is_good &= is_break || (r.len >= 2 && mime_hex_value((unsigned char)r.p[0]) >= 0 &&
		                         mime_hex_value((unsigned char)r.p[1]) >= 0);
	}
}

static void
quoted_printable(struct span s, const struct bytes *b)
{
	bool is_same, is_good;
	PyObject *o;

	judge_escapes(s, &is_same, &is_good);
	if (!is_same)
		return;
	o = binascii("a2b_qp", s);
	BUG_ON(!o || !span_eq(text_of(o), span(b->p, b->len)));
	BUG_ON(is_good != !b->flags);
	Py_DECREF(o);
}

/* Its first character says how many bytes there are: what is no such character ends or interrupts the data. */
static void
uuencode(struct span line, const struct bytes *b)
{
	PyObject *o = binascii("a2b_uu", line);
	bool is_line = line.len < MIME_UU_LINE_MAX && line.p[0] >= ' ' && line.p[0] <= '`' &&
	               !memchr(line.p, '\n', line.len) && !memchr(line.p, '\r', line.len);

	BUG_ON(o && is_line && !b->flags && !span_eq(text_of(o), span(b->p, b->len)));
	Py_XDECREF(o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum mime_encoding encodings[] = { MIME_ENC_BASE64, MIME_ENC_QP, MIME_ENC_UU };
	static const char begin[] = "begin 644 x\n";
	unsigned kind;
	struct span s, whole;
	struct bytes a, b;
	char *text;

	if (size < 3)
		return 0;
	kind = data[0] % 3;
	s = span(data + 2, size - 2);
	text = malloc(sizeof(begin) + s.len);
	whole = s;
	if (kind == 2) {
		memcpy(text, begin, sizeof(begin) - 1);
		memcpy(text + sizeof(begin) - 1, s.p, s.len);
		whole = span(text, sizeof(begin) - 1 + s.len);
	}
	a = decode(encodings[kind], whole, whole.len);
	b = decode(encodings[kind], whole, 1u + data[1] % 48);
	BUG_ON(a.flags != b.flags || !span_eq(span(a.p, a.len), span(b.p, b.len)));
	if (kind == 0)
		base64(s, &a);
	else if (kind == 1)
		quoted_printable(s, &a);
	else
		uuencode(s, &a);
	free(a.p);
	free(b.p);
	free(text);
	return 0;
}
