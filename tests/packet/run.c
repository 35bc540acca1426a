/* SPDX-License-Identifier: BSD-3-Clause
 * run.c - packet-run: runs packet scripts (README.md) on a stack of their own each, on a virtual clock
 *
 * Usage   packet-run [--only TEXT] [--verbose] [--stop] FILE...
 *         --only: cases whose name contains TEXT; --verbose: every segment with its time; --stop: at the first failure.
 * Long    One verb a function, most of them a few lines: more than 500 lines together.
 * Exit    0: all passed; 1: a case failed, or there was none; 2: a script does not parse.
 */
#include "tests/packet/match.h"
#include <stdarg.h>

static struct run {
	struct script s;
	const char *only;
	bool verbose, stop;
	char name[200];
	int case_line;
	bool in_case, skip; /* a case is open; its other lines are left out */
	bool failed;
	unsigned passed_cnt, failed_cnt;
} run;

#define FAIL(l, col, ...)                                                                          \
	do {                                                                                       \
		printf("FAIL %s\n", run.name);                                                     \
		script_say(&run.s, l, col, __VA_ARGS__);                                           \
		run.failed = run.skip = true;                                                      \
	} while (0)

/* --- time, and what leaves while it passes --- */

static void
show_new(unsigned from)
{
	char text[MATCH_TEXT];

	for (; run.verbose && from < st.out_cnt; from++)
		printf("%10.3f s  > %s\n", (double)(st.out[from].at_ms - 100000) / 1000,
		       match_text_out(&st.out[from], text));
}

static void
turn(void)
{
	unsigned before = st.out_cnt;

	stack_turn();
	show_new(before);
}

static bool
is_quiet(const struct script_line *l)
{
	char text[MATCH_TEXT];

	if (st.read == st.out_cnt)
		return true;
	FAIL(l, l->col, "expected silence, got %s (%llu ms before)",
	     match_text_out(&st.out[st.read], text),
	     (unsigned long long)(st.now_ms - st.out[st.read].at_ms));
	return false;
}

/* Nothing may leave before the last of these milliseconds. */
static bool
pass(const struct script_line *l)
{
	uint64_t end = st.now_ms + l->after_ms;
	char text[MATCH_TEXT];

	while (st.now_ms < end) {
		unsigned before = st.out_cnt;

		if (st.read < st.out_cnt) {
			FAIL(l, l->col, "%llu ms to go, but this has left: %s",
			     (unsigned long long)(end - st.out[st.read].at_ms),
			     match_text_out(&st.out[st.read], text));
			return false;
		}
		stack_tick();
		show_new(before);
	}
	return true;
}

/* --- verbs --- */

static void
do_inject(const struct script_line *l)
{
	struct seg_value in;
	unsigned before = st.out_cnt;

	if (!pass(l) || !is_quiet(l))
		return;
	match_build(&l->seg, &in);
	if (run.verbose)
		printf("%10.3f s  < %s\n", (double)(st.now_ms - 100000) / 1000,
		       l->text + strspn(l->text, " \t"));
	stack_input(&in);
	show_new(before);
	if (!l->seg.burst)
		turn();
}

static void
do_expect(const struct script_line *l)
{
	char text[MATCH_TEXT];
	int col;

	if (!pass(l))
		return;
	if (st.read == st.out_cnt)
		FAIL(l, l->col, "expected this, got silence");
	else if (!match_out(l, &st.out[st.read], &col))
		FAIL(l, col, "got %s", match_text_out(&st.out[st.read], text));
	else
		st.read++;
}

static void
do_silence(const struct script_line *l)
{
	if (pass(l))
		is_quiet(l);
}

/* Time passes whatever leaves meanwhile. */
static void
do_ignore(const struct script_line *l)
{
	for (uint64_t i = 0; i < l->after_ms; i++) {
		unsigned before = st.out_cnt;

		stack_tick();
		show_new(before);
		st.read = st.out_cnt = 0;
	}
	st.read = st.out_cnt = 0;
}

static const char *
word(const struct script_line *l, unsigned i)
{
	return i < l->words ? l->word[i].text : "";
}

static struct script_num
num(const struct script_line *l, unsigned i)
{
	return script_number(&run.s, l, word(l, i), i < l->words ? l->word[i].col : l->col);
}

static void
bad_word(const struct script_line *l, unsigned i)
{
	script_say(&run.s, l, i < l->words ? l->word[i].col : l->col, "not known: \"%s\"",
	           word(l, i));
	exit(2);
}

static void
call_on_conn(const struct script_line *l)
{
	const char *what = word(l, 0);
	struct tcp_conn *c = st.c;

	if (!strcmp(what, "send")) {
		if (!stack_send((uint32_t)num(l, 1).v))
			FAIL(l, l->col, "tcp_send() refused");
	} else if (!strcmp(what, "read")) {
		stack_read(l->words > 1 ? (uint32_t)num(l, 1).v : UINT32_MAX);
	} else if (!strcmp(what, "keepalive")) {
		tcp_set_keepalive(c, true);
	} else if (!strcmp(what, "close")) {
		tcp_close(c);
	} else if (!strcmp(what, "abort")) {
		st.c = st.last = NULL;
		tcp_abort(c);
	} else if (!strcmp(what, "detach")) {
		st.c = NULL;
		tcp_detach(c);
	} else {
		bad_word(l, 0);
	}
}

static void
do_call(const struct script_line *l)
{
	const char *what = word(l, 0);
	struct addr any = { 0 };

	if (!pass(l) || !is_quiet(l))
		return;
	if (!strcmp(what, "listen"))
		stack_listen();
	else if (!strcmp(what, "unlisten"))
		tcp_unlisten(st.tcp, &any, 25);
	else if (!strcmp(what, "connect"))
		stack_connect((uint16_t)num(l, 1).v);
	else if (!strcmp(what, "hold"))
		st.app.hold = true;
	else if (!st.c)
		FAIL(l, l->col, "there is no connection");
	else
		call_on_conn(l);
	if (!run.failed)
		turn();
}

static const struct {
	const char *name;
	int err;
} errors[] = { { "none", 0 },
	       { "ECONNRESET", ECONNRESET },
	       { "ECONNREFUSED", ECONNREFUSED },
	       { "ETIMEDOUT", ETIMEDOUT },
	       { "EHOSTUNREACH", EHOSTUNREACH } };

static void
app_closed(const struct script_line *l)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (!strcmp(word(l, 1), errors[i].name)) {
			if (st.app.closed != 1 || st.app.err != errors[i].err)
				FAIL(l, l->col, "closed %u times, error %s", st.app.closed,
				     st.app.err ? strerror(st.app.err) : "none");
			return;
		}
	bad_word(l, 1);
}

static void
app_is(const struct script_line *l, uint64_t got)
{
	struct script_num n = num(l, 1);

	if (!match_number(&n, (int64_t)got))
		FAIL(l, n.col, "got %llu", (unsigned long long)got);
}

static void
do_app(const struct script_line *l)
{
	const char *what = word(l, 0);

	if (!strcmp(what, "closed"))
		app_closed(l);
	else if (!strcmp(what, "read"))
		app_is(l, st.app.read);
	else if (!strcmp(what, "opened"))
		app_is(l, st.app.opened);
	else if (!strcmp(what, "room"))
		app_is(l, st.app.room);
	else if (!strcmp(what, "eof"))
		app_is(l, st.app.eof);
	else
		bad_word(l, 0);
	if (st.app.is_payload_wrong)
		FAIL(l, l->col, "bytes were read that nobody sent");
}

static const char *
state_now(void)
{
	struct tcp_usage u;
	struct tcp_info i;

	tcp_get_usage(st.tcp, &u);
	if (st.last && u.conns) {
		tcp_get_info(st.last, &i);
		if (i.state != TCP_CLOSED)
			return tcp_state_name(i.state);
	}
	return u.timewaits && st.n.timewait ? "TIME-WAIT" : u.syns ? "SYN-RECEIVED" : "CLOSED";
}

static void
do_state(const struct script_line *l)
{
	const char *got = state_now(), *want = word(l, 0);

	if (!strcmp(want, "LISTEN")) /* no more than the listener is there */
		want = "CLOSED";
	if (strcmp(got, want))
		FAIL(l, l->words ? l->word[0].col : l->col, "the state is %s", got);
}

struct field {
	const char *name;
	uint64_t got;
};

static void
compare_field(const struct script_line *l, const struct field *f, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (!strcmp(f[i].name, word(l, 0))) {
			app_is(l, f[i].got);
			return;
		}
	bad_word(l, 0);
}

static void
do_info(const struct script_line *l)
{
	struct tcp_info i;

	if (!st.last) {
		FAIL(l, l->col, "there is no connection");
		return;
	}
	tcp_get_info(st.last, &i);
	compare_field(l,
	              (const struct field[]){ { "cwnd", i.cwnd_bytes },
	                                      { "ssthresh", i.ssthresh_bytes },
	                                      { "rto", i.rto_ms },
	                                      { "srtt", i.srtt_us },
	                                      { "snd_mss", i.snd_mss },
	                                      { "snd_wnd", i.snd_wnd_bytes },
	                                      { "rcv_wnd", i.rcv_wnd_bytes },
	                                      { "rcv_buf", i.rcv_buf_bytes },
	                                      { "unacked", i.unacked_bytes },
	                                      { "unread", i.unread_bytes },
	                                      { "ooo", i.ooo_bytes },
	                                      { "timestamps", i.timestamps },
	                                      { "sack", i.sack },
	                                      { "recovery", i.in_recovery },
	                                      { "snd_wscale", i.snd_wscale },
	                                      { "rcv_wscale", i.rcv_wscale } },
	              16);
}

static void
do_count(const struct script_line *l)
{
	static const char *const names[] = {
#undef COUNTER
#define COUNTER(field, ...) #field,
#include "dataplane/tcp/tcp_counters.def"
#undef COUNTER
	};
	const uint64_t *values = (const uint64_t *)&st.n;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], word(l, 0))) {
			app_is(l, values[i]);
			return;
		}
	bad_word(l, 0);
}

static void
do_usage(const struct script_line *l)
{
	struct tcp_usage u;

	tcp_get_usage(st.tcp, &u);
	compare_field(l,
	              (const struct field[]){ { "conns", u.conns },
	                                      { "orphans", u.orphans },
	                                      { "syns", u.syns },
	                                      { "cookies", u.cookies },
	                                      { "timewaits", u.timewaits },
	                                      { "slices", u.slices },
	                                      { "chunks", u.small_chunks },
	                                      { "ooos", u.ooos },
	                                      { "senders", u.txs },
	                                      { "flights", u.bigs },
	                                      { "mbufs", u.mbufs_held } },
	              11);
}

/* icmp TYPE CODE seq N [mtu N] */
static void
do_icmp(const struct script_line *l)
{
	struct packet_icmp_error e = { .local = st.us,
		                       .remote = st.peer,
		                       .lport = st.our_port,
		                       .rport = st.peer_port,
		                       .v6 = !addr_is_v4(&st.peer),
		                       .type = (uint8_t)num(l, 0).v,
		                       .code = (uint8_t)num(l, 1).v };

	if (!pass(l) || !is_quiet(l))
		return;
	for (unsigned i = 2; i + 1 < l->words; i += 2)
		if (!strcmp(word(l, i), "seq"))
			e.seq = (uint32_t)num(l, i + 1).v + st.iss;
		else if (!strcmp(word(l, i), "mtu"))
			e.mtu = (uint32_t)num(l, i + 1).v;
		else
			bad_word(l, i);
	tcp_icmp(st.tcp, &e, st.now_ms * 1000);
	turn();
}

static void
do_peer(const struct script_line *l)
{
	for (unsigned i = 0; i + 1 < l->words; i += 2)
		if (!strcmp(word(l, i), "addr")) {
			if (!addr_parse(span_z(word(l, i + 1)), &st.peer))
				bad_word(l, i + 1);
		} else if (!strcmp(word(l, i), "port")) {
			st.peer_port = (uint16_t)num(l, i + 1).v;
		} else if (!strcmp(word(l, i), "to")) {
			st.our_port = (uint16_t)num(l, i + 1).v;
		} else {
			bad_word(l, i);
		}
	st.knows_iss = st.knows_ts = false;
}

/* isn N: the peer's number zero; isn forget: our next SYN is number zero. */
static void
do_isn(const struct script_line *l)
{
	if (strcmp(word(l, 0), "forget"))
		st.peer_isn = (uint32_t)num(l, 0).v;
	else
		st.knows_iss = st.knows_ts = false;
}

#define CFG(f)                                                                                     \
	{                                                                                          \
#f, offsetof(struct tcp_config, f), sizeof(((struct tcp_config *)0)->f)            \
	}

static void
do_set(const struct script_line *l)
{
	static const struct {
		const char *name;
		size_t at, size;
	} cfg[] = { CFG(conn_cnt),         CFG(syn_cnt),
		    CFG(timewait_cnt),     CFG(orphan_cnt),
		    CFG(slice_cnt),        CFG(small_chunk_cnt),
		    CFG(ooo_cnt),          CFG(tx_cnt),
		    CFG(big_cnt),          CFG(mbuf_budget),
		    CFG(rcv_buf_bytes),    CFG(rcv_buf_max_bytes),
		    CFG(snd_buf_bytes),    CFG(snd_buf_max_bytes),
		    CFG(snd_budget_bytes), CFG(mss_max),
		    CFG(rcv_wscale),       CFG(newreno),
		    CFG(timestamps),       CFG(sack),
		    CFG(port_first),       CFG(port_last),
		    CFG(rto_min_ms),       CFG(rto_max_ms),
		    CFG(delack_ms),        CFG(connect_timeout_ms),
		    CFG(user_timeout_ms),  CFG(persist_max_ms),
		    CFG(fin_wait_2_ms),    CFG(ecn),
		    CFG(keep_idle_ms),     CFG(keep_interval_ms),
		    CFG(keep_cnt),         CFG(syn_per_prefix),
		    CFG(cookie_ring_cnt),  CFG(cookie_fails_per_s),
		    CFG(time_wait_ms),     CFG(challenge_per_s),
		    CFG(rst_per_s) };
	uint32_t v = (uint32_t)num(l, 1).v;

	if (!strcmp(word(l, 0), "mtu")) {
		st.link.mtu = v;
		return;
	}
	if (!strcmp(word(l, 0), "v6")) {
		addr_parse(span_z("2001:db8::1"), &st.peer);
		addr_parse(span_z("2001:db8::2"), &st.us);
		return;
	}
	if (st.tcp) {
		FAIL(l, l->col, "the stack runs already: set stands before all else");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(cfg); i++)
		if (!strcmp(cfg[i].name, word(l, 0))) {
			uint8_t *to = (uint8_t *)&st.cfg + cfg[i].at;

			if (cfg[i].size == 8)
				memcpy(to, &(uint64_t){ v }, 8);
			else if (cfg[i].size == 4)
				memcpy(to, &v, 4);
			else if (cfg[i].size == 2)
				memcpy(to, &(uint16_t){ (uint16_t)v }, 2);
			else
				*to = (uint8_t)v;
			return;
		}
	bad_word(l, 0);
}

static void dispatch(const struct script_line *l);

/* A line that an `open` stands for. */
__attribute__((format(printf, 2, 3))) static void
step(const struct script_line *from, const char *fmt, ...)
{
	static struct script_line l; /* large; open is never nested */
	char text[400];
	va_list ap;

	if (run.failed)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	script_line_of(&run.s, from, text, &l);
	dispatch(&l);
}

/* open passive|active [rtt MS] [win N] [opt ...]: a handshake with these options of the peer. */
static void
do_open(const struct script_line *l)
{
	char opts[300] = "", ts[64] = "";
	long rtt = 0, win = 65535, syn_win;
	bool in_opts = false;

	for (unsigned i = 1; i < l->words; i++) {
		if (in_opts) {
			snprintf(opts + strlen(opts), sizeof(opts) - strlen(opts), " %s",
			         word(l, i));
			if (!strncmp(word(l, i), "ts=", 3))
				snprintf(ts, sizeof(ts), " opt nop nop %.*s/0",
				         (int)strcspn(word(l, i), "/"), word(l, i));
		} else if (!strcmp(word(l, i), "opt")) {
			in_opts = true;
		} else if (!strcmp(word(l, i), "rtt")) {
			rtt = (long)num(l, ++i).v;
		} else if (!strcmp(word(l, i), "win")) {
			win = (long)num(l, ++i).v;
		} else {
			bad_word(l, i);
		}
	}
	syn_win = win;
	if (!strcmp(word(l, 0), "passive")) {
		step(l, "call listen");
		step(l, "inject S seq 0 win %ld opt%s", syn_win, opts);
		step(l, "expect SA seq 0 ack 1");
		step(l, "inject +%ld A seq 1 ack 1 win %ld%s", rtt, win, ts);
		step(l, "app opened 1");
	} else {
		step(l, "call connect 7");
		step(l, "expect S seq 0");
		step(l, "inject +%ld SA seq 0 ack 1 win %ld opt%s", rtt, syn_win, opts);
		step(l, "expect A seq 1 ack 1");
	}
	step(l, "state ESTABLISHED");
}

/* --- cases --- */

static void
end_case(const struct script_line *l)
{
	const char *left;

	if (!run.in_case)
		return;
	run.in_case = false;
	if (!st.tcp) {
		printf("FAIL %s: nothing happens in it\n", run.name);
		run.failed = true;
	} else {
		if (!run.failed)
			is_quiet(l);
		left = stack_end();
		if (left) {
			printf("FAIL %s: %s\n", run.name, left);
			run.failed = true;
		}
	}
	run.passed_cnt += !run.failed;
	run.failed_cnt += run.failed;
	if (run.failed && run.stop) {
		printf("%u passed, %u failed\n", run.passed_cnt, run.failed_cnt);
		exit(1);
	}
}

static void
begin_case(const struct script_line *l)
{
	const char *name = l->text + l->col + 4;

	name += strspn(name, " \t");
	snprintf(run.name, sizeof(run.name), "%s:%d %s", run.s.path, l->number, name);
	run.failed = false;
	run.skip = run.only && !strstr(name, run.only);
	run.in_case = !run.skip;
	if (run.in_case)
		stack_begin();
	if (run.in_case && run.verbose)
		printf("--- %s\n", run.name);
}

static void
dispatch(const struct script_line *l)
{
	static void (*const verbs[V_VERBS])(const struct script_line *) = {
		[V_INJECT] = do_inject, [V_EXPECT] = do_expect, [V_SILENCE] = do_silence,
		[V_IGNORE] = do_ignore, [V_CALL] = do_call,     [V_APP] = do_app,
		[V_STATE] = do_state,   [V_INFO] = do_info,     [V_COUNT] = do_count,
		[V_USAGE] = do_usage,   [V_ICMP] = do_icmp,     [V_PEER] = do_peer,
		[V_OPEN] = do_open,     [V_SET] = do_set,       [V_ISN] = do_isn,
	};

	if (l->verb != V_SET && l->verb != V_ISN && l->verb != V_PEER)
		stack_start();
	verbs[l->verb](l);
}

static void
run_file(const char *path)
{
	static struct script_line l; /* large */

	script_open(path, &run.s);
	while (script_next(&run.s, &l)) {
		if (l.verb == V_CASE) {
			end_case(&l);
			begin_case(&l);
		} else if (run.in_case && !run.skip) {
			dispatch(&l);
		}
	}
	l.text = "(the end of the file)";
	end_case(&l);
	script_close(&run.s);
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	stack_init();
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--only") && i + 1 < argc)
			run.only = argv[++i];
		else if (!strcmp(argv[i], "--verbose"))
			run.verbose = true;
		else if (!strcmp(argv[i], "--stop"))
			run.stop = true;
		else
			run_file(argv[i]);
	}
	printf("%u passed, %u failed\n", run.passed_cnt, run.failed_cnt);
	return run.failed_cnt || !run.passed_cnt;
}
