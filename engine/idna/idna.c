/* SPDX-License-Identifier: BSD-3-Clause
 * idna.c - libidn2 on a scratch of the caller's stack
 *
 * Why     libidn2 frees what it takes before it returns, but for its result, and works on 255 bytes: a scratch that only
 *         grows and goes with the call does for it. malloc that finds no room returns NULL, libidn2 answers IDN2_MALLOC,
 *         and the name is refused.
 */
#include "engine/idna/idna.h"
#include <idn2.h>
#include <stdalign.h>

#define ALIGNMENT 16

struct scratch {
	size_t used;
	size_t last; /* where the block handed out last begins: realloc grows it in place */
	alignas(ALIGNMENT) char bytes[IDNA_SCRATCH_BYTES];
};

static __thread struct scratch *scratch; /* of the call that runs on this thread, else NULL */

/* Names that private-libidn2 gives to what libidn2 and libunistring call and define. */
void *idna_private_malloc(size_t n);
void *idna_private_realloc(void *p, size_t n);
char *idna_private_strdup(const char *s);
void idna_private_free(void *p);
int idna_private_lookup_u8(const uint8_t *src, uint8_t **to, int flags);
int idna_private_to_unicode_8z8z(const char *src, char **to, int flags);

void *
idna_private_malloc(size_t n)
{
	struct scratch *s = scratch;
	size_t at;

	BUG_ON(!s);
	at = (s->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (at > sizeof(s->bytes) || n > sizeof(s->bytes) - at)
		return NULL;
	s->last = at;
	s->used = at + n;
	return s->bytes + at;
}

void *
idna_private_realloc(void *p, size_t n)
{
	struct scratch *s = scratch;
	size_t at, old_bytes;
	void *q;

	if (!p)
		return idna_private_malloc(n);
	at = (size_t)((char *)p - s->bytes);
	BUG_ON(at >= sizeof(s->bytes));
	if (at == s->last && n <= sizeof(s->bytes) - at) {
		s->used = at + n;
		return p;
	}
	/* Blocks have no length: all that lies behind it up to now is at least its own. */
	old_bytes = s->used - at;
	q = idna_private_malloc(n);
	if (q)
		memcpy(q, p, MIN(n, old_bytes));
	return q;
}

char *
idna_private_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = idna_private_malloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

void
idna_private_free(void *p)
{
	(void)p; /* all of it goes with the call */
}

static void
enter(struct scratch *s)
{
	BUG_ON(scratch);
	s->used = s->last = 0;
	scratch = s;
}

size_t
idna_to_ascii(const char *name, char out[SMTP_DOMAIN_MAX + 1])
{
	struct scratch s;
	uint8_t *ace;
	size_t n = 0;

	if (strnlen(name, SMTP_DOMAIN_MAX + 1) > SMTP_DOMAIN_MAX)
		return 0;
	enter(&s);
	if (idna_private_lookup_u8((const uint8_t *)name, &ace,
	                           IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		n = strlen((char *)ace);
		if (n <= SMTP_DOMAIN_MAX)
			memcpy(out, ace, n + 1);
		else
			n = 0;
	}
	scratch = NULL;
	return n;
}

size_t
idna_to_unicode(const char *name, char *out, size_t out_bytes)
{
	struct scratch s;
	char *text;
	size_t n = 0;

	if (strnlen(name, SMTP_DOMAIN_MAX + 1) > SMTP_DOMAIN_MAX)
		return 0;
	enter(&s);
	if (idna_private_to_unicode_8z8z(name, &text, 0) == IDN2_OK) {
		n = MIN(strlen(text), out_bytes);
		memcpy(out, text, n);
	}
	scratch = NULL;
	return n;
}
