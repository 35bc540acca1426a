/* SPDX-License-Identifier: BSD-3-Clause
 * tcp_cookie.c - SYN cookies: what the SYN queue may not keep, the peer keeps for us
 *
 * Why     With the queue full a SYN costs nothing that lasts. The ISS says what the SYN agreed on:
 *           bits 31-30  the minute, modulo 4: a cookie holds in its own minute and the next one (1 to 2 minutes)
 *           bits 29-27  the MSS, rounded down to one of eight
 *           bits 26-0   SipHash of the four names, the peer's ISN, the minute, the MSS and the options below
 *         With timestamps the low six bits of our TSval carry window scale (4 bits, 15: none), SACK and ECN; without
 *         timestamps a cookie's connection has none of them, and the SYN-ACK does not offer them.
 *         The server speaks first in SMTP, so a lost third ACK would leave both sides waiting for ever: a ring has the SYN-ACK
 *         sent again at 1 s and 3 s (decision 17), to which a peer that is open answers by an ACK, and that validates too.
 *         Data or a FIN that comes with the right numbers validates as well.
 * Limit   The ring: cookie_ring_cnt entries of 24 bytes, two for IPv6 with timestamps; full: the SYN-ACK is sent once (counted). Cookies are looked at only
 *         while some may be out. A guess is right once in 2^28; after cookie_fails_per_s wrong ones in a second only cookies count whose
 *         TSecr is a TSval of the last two minutes as well, which a guess gets right once in 2^43.
 * RFC     4987 3.6, 7323 3; options in TSval and the ring's times after Linux. Where we differ: ISNs of cookies do not grow with the clock
 *         (6528), since each bit of a clock is a bit less for the hash; the options are part of the hash.
 */
#include "dataplane/tcp/tcp_syn.h"

#define MINUTE_US    60000000u
#define MINUTE_SHIFT 30
#define MSS_SHIFT    27
#define MAC_MASK     ((1u << MSS_SHIFT) - 1)
#define TS_BITS      6
#define TS_MASK      ((1u << TS_BITS) - 1)
#define TS_AGE_MS    (2 * MINUTE_US / 1000 + TS_MASK)
#define NO_WSCALE    15
#define SACK_BIT     16
#define ECN_BIT      32

#define NAMES_MAX   32  /* pairs of local address and port that the ring knows */
#define MARKS       64  /* moments of the ring: one each housekeeping turn that saw new entries */
#define AGAIN_BURST 128 /* SYN-ACKs of a pass and housekeeping turn */
static const uint32_t again_ms[] = { 1000, 3000 };
#define PASSES ARRAY_LEN(again_ms)

/* The MSS of common links and tunnels; the first is TCP_MSS_FLOOR. */
static const uint16_t mss_table[8] = { 88, 216, 536, 1220, 1300, 1400, 1440, 1460 };

/* A SYN-ACK that is sent again. IPv4 leaves room for the peer's TSval; IPv6 with timestamps has it in the entry behind. */
struct again {
	union {
		struct addr v6;
		struct {
			uint32_t host, tsval;
		} v4;
		uint32_t tsval;
	} remote;
	uint32_t irs;
	uint16_t rport;
	bool is_v4 : 1, has_ts : 1;
	uint16_t name : 5, mss : 3, opts : TS_BITS;
};
static_assert(sizeof(struct again) <= 24, "decision 17: 24 B an entry");

struct tcp_cookies {
	struct again *ring;
	uint32_t cnt;
	uint32_t head;         /* entries ever made; entry n is at n % cnt */
	uint32_t done[PASSES]; /* entries before it have had this pass */
	struct {
		uint32_t end, ms; /* entries before `end` were made by then */
	} marks[MARKS];
	uint32_t mark_cnt;          /* ever made */
	uint32_t mark_done[PASSES]; /* marks that this pass is through with */
	uint64_t last_us;           /* when a cookie last left; 0: never */
	struct {
		struct addr addr;
		uint16_t port;
	} names[NAMES_MAX];
	unsigned name_cnt;
	struct tcp_limit fails;
};

struct tcp_cookies *
tcp_cookies_new(uint32_t ring_cnt)
{
	struct tcp_cookies *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->cnt = ring_cnt;
	k->ring = malloc(ring_cnt * sizeof(*k->ring));
	if (!k->ring) {
		free(k);
		return NULL;
	}
	return k;
}

void
tcp_cookies_free(struct tcp_cookies *k)
{
	if (!k)
		return;
	free(k->ring);
	free(k);
}

size_t
tcp_cookies_bytes(uint32_t ring_cnt)
{
	return sizeof(struct tcp_cookies) + ring_cnt * sizeof(struct again);
}

uint32_t
tcp_cookies_used(const struct tcp_cookies *k)
{
	return k->head - k->done[PASSES - 1];
}

/* --- the cookie --- */

static uint32_t
pack(const struct tcp_half *h)
{
	return (h->flags & HALF_WSCALE ? h->wscale : NO_WSCALE) |
	       (h->flags & HALF_SACK ? SACK_BIT : 0u) | (h->flags & HALF_ECN ? ECN_BIT : 0u);
}

static void
unpack(struct tcp_half *h, uint32_t opts)
{
	h->wscale = opts & NO_WSCALE;
	if (h->wscale == NO_WSCALE)
		h->wscale = 0;
	else
		h->flags |= HALF_WSCALE;
	h->flags |= (opts & SACK_BIT ? HALF_SACK : 0) | (opts & ECN_BIT ? HALF_ECN : 0);
}

uint32_t
tcp_cookie_tsval(const struct tcp_half *h, uint32_t tsval)
{
	uint32_t v = (tsval & ~TS_MASK) | pack(h);

	return seq_gt(v, tsval) ? v - (TS_MASK + 1) : v;
}

static uint32_t
minute_now(const struct tcp_stack *s)
{
	return (uint32_t)(s->now_us / MINUTE_US);
}

static uint32_t
cookie(const struct tcp_stack *s, const struct tcp_half *h, uint32_t minute, uint32_t mss)
{
	uint8_t m[46];

	memcpy(m, &h->local, 16);
	memcpy(m + 16, &h->remote, 16);
	store_be16(m + 32, h->lport);
	store_be16(m + 34, h->rport);
	store_be32(m + 36, h->irs);
	store_be32(m + 40, minute);
	m[44] = (uint8_t)mss;
	m[45] = h->flags & HALF_TS ? (uint8_t)(pack(h) | 1u << TS_BITS) : 0;
	return minute << MINUTE_SHIFT | mss << MSS_SHIFT |
	       ((uint32_t)siphash(&s->cfg.isn_key, m, sizeof(m)) & MAC_MASK);
}

/* --- the ring --- */

/* Place of h's own address and port in names[]; NAMES_MAX: no room. */
static unsigned
name_of(struct tcp_cookies *k, const struct tcp_half *h)
{
	unsigned i = 0;

	while (i < k->name_cnt &&
	       !(k->names[i].port == h->lport && addr_eq(&k->names[i].addr, &h->local)))
		i++;
	if (i == k->name_cnt && i < NAMES_MAX) {
		k->names[i].addr = h->local;
		k->names[i].port = h->lport;
		k->name_cnt++;
	}
	return i;
}

static struct again *
again_at(const struct tcp_cookies *k, uint32_t n)
{
	return &k->ring[n % k->cnt];
}

/* Entries that a SYN-ACK takes. */
static uint32_t
width(const struct again *a)
{
	return !a->is_v4 && a->has_ts ? 2 : 1;
}

static void
remember(struct tcp_stack *s, const struct tcp_half *h)
{
	struct tcp_cookies *k = s->cookies;
	unsigned name = name_of(k, h);
	struct again *a = again_at(k, k->head);
	bool is_wide = !addr_is_v4(&h->remote) && h->flags & HALF_TS;

	if (name == NAMES_MAX || tcp_cookies_used(k) + is_wide >= k->cnt) {
		counter_inc(&s->cnt->full_cookies);
		return;
	}
	*a = (struct again){ .irs = h->irs,
		             .rport = h->rport,
		             .is_v4 = addr_is_v4(&h->remote),
		             .has_ts = h->flags & HALF_TS,
		             .name = name & (NAMES_MAX - 1),
		             .mss = h->iss >> MSS_SHIFT & 7,
		             .opts = pack(h) & TS_MASK };
	if (a->is_v4) {
		a->remote.v4.host = addr_v4_of(&h->remote);
		a->remote.v4.tsval = h->ts_recent;
	} else {
		a->remote.v6 = h->remote;
		if (is_wide)
			again_at(k, k->head + 1)->remote.tsval = h->ts_recent;
	}
	k->head += width(a);
	counter_set_value(&s->cnt->cookie_ring, tcp_cookies_used(k));
	tcp_housekeeping(s);
}

/* Unless the handshake was completed meanwhile. */
static void
send_again(struct tcp_stack *s, uint32_t n)
{
	const struct tcp_cookies *k = s->cookies;
	const struct again *a = again_at(k, n);
	struct tcp_half h = { .local = k->names[a->name].addr,
		              .lport = k->names[a->name].port,
		              .rport = a->rport,
		              .irs = a->irs,
		              .mss = mss_table[a->mss],
		              .flags = HALF_COOKIE };
	uint32_t hash;

	h.remote = a->is_v4 ? addr_v4(a->remote.v4.host) : a->remote.v6;
	if (a->has_ts) {
		h.flags |= HALF_TS;
		h.ts_recent = a->is_v4 ? a->remote.v4.tsval : again_at(k, n + 1)->remote.tsval;
		unpack(&h, a->opts);
	}
	hash = tcp_hash(s, &h.remote, h.rport, &h.local, h.lport);
	if (tcp_table_find(s, hash, &h.remote, h.rport, &h.local, h.lport) ||
	    tcp_timewait_has(s, &h.remote, h.rport, &h.local, h.lport) ||
	    !tcp_listener_find(s, &h.local, h.lport))
		return;
	h.iss = cookie(s, &h, minute_now(s), a->mss);
	counter_inc(&s->cnt->cookies_again);
	s->cookies->last_us = s->now_us;
	tcp_half_syn_ack(s, &h);
}

static void
mark(struct tcp_cookies *k, uint32_t now_ms)
{
	uint32_t last = k->mark_cnt ? k->marks[(k->mark_cnt - 1) % MARKS].end : 0;

	if (last == k->head)
		return;
	if (k->mark_cnt - k->mark_done[PASSES - 1] < MARKS)
		k->mark_cnt++; /* else the newest one moves: what it stood for comes a little late */
	else if (k->mark_done[0] == k->mark_cnt)
		return; /* unless the first pass is through with it: a place will be free soon */
	k->marks[(k->mark_cnt - 1) % MARKS].end = k->head;
	k->marks[(k->mark_cnt - 1) % MARKS].ms = now_ms;
}

/* True: more is due. */
static bool
pass(struct tcp_stack *s, unsigned p)
{
	struct tcp_cookies *k = s->cookies;
	unsigned left = AGAIN_BURST;

	while (k->mark_done[p] != k->mark_cnt) {
		uint32_t i = k->mark_done[p] % MARKS;

		if (s->now_ms - k->marks[i].ms < again_ms[p])
			return false;
		while (k->done[p] != k->marks[i].end) {
			if (left-- == 0)
				return true;
			send_again(s, k->done[p]);
			k->done[p] += width(again_at(k, k->done[p]));
		}
		k->mark_done[p]++;
	}
	return false;
}

bool
tcp_cookie_sweep(struct tcp_stack *s)
{
	bool more = false;
	mark(s->cookies, s->now_ms);
	for (unsigned p = PASSES; p-- > 0;) /* the later pass never overtakes the earlier one */
		more = pass(s, p) || more;
	counter_set_value(&s->cnt->cookie_ring, tcp_cookies_used(s->cookies));
	return more;
}

/* --- out and in --- */

void
tcp_cookie_send(struct tcp_stack *s, struct tcp_half *h, bool again)
{
	uint32_t mss = ARRAY_LEN(mss_table) - 1;

	while (mss > 0 && mss_table[mss] > h->mss)
		mss--;
	h->flags |= HALF_COOKIE;
	if (!(h->flags & HALF_TS)) {
		h->flags &= (uint8_t) ~(HALF_SACK | HALF_WSCALE | HALF_ECN);
		h->wscale = 0;
	}
	h->iss = cookie(s, h, minute_now(s), mss);
	s->cookies->last_us = s->now_us;
	counter_inc(&s->cnt->cookies_out);
	tcp_half_syn_ack(s, h);
	if (again)
		remember(s, h);
}

/* The TSecr is a TSval that we sent to this peer within the life of a cookie. */
static bool
is_recent_tsecr(const struct tcp_stack *s, const struct tcp_seg *g)
{
	return s->now_ms + tcp_ts_offset(s, g->dst, g->src) - g->opt.tsecr <= TS_AGE_MS;
}

/* h: names and numbers as g says; the rest is filled in. */
static bool
is_cookie(const struct tcp_stack *s, const struct tcp_seg *g, struct tcp_half *h)
{
	uint32_t now = minute_now(s), age = (now - (h->iss >> MINUTE_SHIFT)) & 3;
	uint32_t mss = h->iss >> MSS_SHIFT & 7;

	if (g->opt.has_ts && s->cfg.timestamps) {
		if (!is_recent_tsecr(s, g))
			return false;
		h->flags |= HALF_TS;
		h->ts_recent = g->opt.tsval;
		unpack(h, g->opt.tsecr & TS_MASK);
	} else if (tcp_limit_is_spent(s, &s->cookies->fails)) {
		return false;
	}
	h->mss = mss_table[mss];
	return age <= 1 && cookie(s, h, now - age, mss) == h->iss;
}

bool
tcp_cookie_in(struct tcp_stack *s, struct tcp_seg *g)
{
	struct tcp_cookies *k = s->cookies;
	struct tcp_half h = { .remote = *g->src,
		              .local = *g->dst,
		              .lport = g->dport,
		              .rport = g->sport,
		              .iss = g->ack - 1,
		              .irs = g->seq - 1,
		              .born_ms = s->now_ms,
		              .flags = HALF_COOKIE };

	if (!k->last_us || s->now_us - k->last_us > 2ull * MINUTE_US ||
	    (g->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
		return false;
	if (is_cookie(s, g, &h)) {
		counter_inc(&s->cnt->cookies_in);
		tcp_half_complete(s, &h, g);
		return true;
	}
	counter_inc(&s->cnt->cookies_bad);
	tcp_limit_take(s, &k->fails, s->cfg.cookie_fails_per_s);
	/* It overtook what completes its handshake: no RST, the peer sends that again. */
	return g->opt.has_ts && s->cfg.timestamps && is_recent_tsecr(s, g);
}
