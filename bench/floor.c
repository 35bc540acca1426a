/* SPDX-License-Identifier: BSD-3-Clause
 * floor.c - the honest floor of a mail
 */
#include "bench/floor.h"
#include "base/clock.h"
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#define SMALL         60
#define SEGMENT       1448
#define SMALL_PACKETS 19
#define BURST         32
#define CHUNK_SET     4096 /* 16 KiB each: bodies are held for a while, so they are cold again */

static unsigned
segments(const struct floor *f)
{
	return (unsigned)((f->bytes + SEGMENT - 1) / SEGMENT);
}

int
floor_init(struct floor *f, size_t bytes, unsigned mails, struct rte_mempool *relay_pool,
           struct rte_mempool *peer_pool)
{
	*f = (struct floor){
		.bytes = bytes, .mails = mails, .relay_pool = relay_pool, .peer_pool = peer_pool
	};
	f->in = rte_ring_create("floor-in", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	f->out = rte_ring_create("floor-out", 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return f->in && f->out ? 0 : -ENOMEM;
}

/* Take one packet in: checksum, copy a segment's payload into the chunk. */
static void
take(struct floor *f, struct rte_mbuf *m, uint8_t *chunk, size_t *at)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t len = rte_pktmbuf_data_len(m);

	f->sum += rte_raw_cksum(data, len);
	if (len > SMALL) {
		size_t n = MIN((size_t)len - SMALL, f->bytes - *at);

		memcpy(chunk + *at, data + SMALL, n);
		*at += n;
	}
	rte_pktmbuf_free(m);
}

/* Make one packet: header, a piece of the chunk, checksum. */
static struct rte_mbuf *
make(struct floor *f, const uint8_t *payload, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->relay_pool);
	uint8_t *d;

	if (!m)
		return NULL;
	d = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(SMALL + n));
	BUG_ON(!d);
	memset(d, 0, SMALL);
	if (n > 0)
		memcpy(d + SMALL, payload, n);
	f->sum += rte_raw_cksum(d, SMALL + n);
	return m;
}

static void
put(struct rte_ring *r, struct rte_mbuf **m, unsigned cnt)
{
	for (unsigned done = 0; done < cnt;)
		done += rte_ring_enqueue_burst(r, (void **)(m + done), cnt - done, NULL);
}

static bool
answer(struct floor *f, const uint8_t *chunk)
{
	struct rte_mbuf *m[64];
	unsigned n = 0;
	size_t at = 0;

	for (unsigned i = 0; i < SMALL_PACKETS + segments(f); i++) {
		size_t len = i < segments(f) ? MIN((size_t)SEGMENT, f->bytes - at) : 0;

		m[n] = make(f, chunk + at, len);
		if (!m[n])
			return false;
		at += len;
		if (++n == BURST) {
			put(f->out, m, n);
			n = 0;
		}
	}
	put(f->out, m, n);
	return true;
}

int
floor_relay(void *arg)
{
	struct floor *f = arg;
	size_t chunk_bytes = (f->bytes + 16383) / 16384 * 16384;
	uint8_t *chunks = malloc(chunk_bytes * CHUNK_SET);
	unsigned want = SMALL_PACKETS + segments(f);

	BUG_ON(!chunks);
	memset(chunks, 1, chunk_bytes * CHUNK_SET);
	for (unsigned mail = 0; mail < f->mails; mail++) {
		uint8_t *chunk = chunks + chunk_bytes * (mail % CHUNK_SET);
		unsigned got = 0;
		size_t at = 0;

		while (got < want) {
			struct rte_mbuf *m[BURST];
			uint64_t c0 = clock_cycles();
			unsigned n = rte_ring_dequeue_burst(f->in, (void **)m,
			                                    MIN(want - got, (unsigned)BURST), NULL);

			for (unsigned i = 0; i < n; i++)
				take(f, m[i], chunk, &at);
			got += n;
			if (n > 0) /* an empty poll is waiting, not work */
				f->cycles += clock_cycles() - c0;
		}
		uint64_t c0 = clock_cycles();

		if (!answer(f, chunk)) {
			f->failed = true;
			break;
		}
		f->cycles += clock_cycles() - c0;
	}
	free(chunks);
	return 0;
}

/* The other end: sends what a sender sends, takes what a server takes. */
int
floor_peer(void *arg)
{
	struct floor *f = arg;
	uint64_t per_mail = SMALL_PACKETS + segments(f), to_send = per_mail * f->mails, sent = 0,
	         got = 0;

	while (got < to_send && !f->failed) {
		struct rte_mbuf *m[BURST];
		unsigned n = 0;

		while (n < BURST && sent + n < to_send && sent + n - got < 512) {
			bool data = (sent + n) % per_mail < segments(f);
			uint16_t len = (uint16_t)(data ? SMALL + SEGMENT : SMALL);

			m[n] = rte_pktmbuf_alloc(f->peer_pool);
			if (!m[n])
				break;
			memset(rte_pktmbuf_append(m[n], len), (int)sent, len);
			n++;
		}
		put(f->in, m, n);
		sent += n;
		n = rte_ring_dequeue_burst(f->out, (void **)m, BURST, NULL);
		for (unsigned i = 0; i < n; i++)
			rte_pktmbuf_free(m[i]);
		got += n;
	}
	return 0;
}

double
floor_cycles_per_mail(const struct floor *f)
{
	return f->failed || f->mails == 0 ? 0 : (double)f->cycles / f->mails;
}

void
floor_fini(struct floor *f)
{
	rte_ring_free(f->in);
	rte_ring_free(f->out);
}
