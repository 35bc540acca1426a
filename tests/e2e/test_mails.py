#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_mails.py - all 3,560 dev mails over 20 sessions, IPv4 and IPv6: every mail with 250 is at the
customer's server exactly once and unchanged, every other one is not, and all witnesses agree.

--bridge: the same over a line that loses 2 % of the frames each way and takes 30 ms there and back (tests/lab), on both
sides of the relay; with --quick fewer mails."""
import collections
import contextlib
import re

from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal, note

SESSIONS = 20
BAD_LINE = "delay=15,loss=2"
RESULTS = ("delivered", "refused", "deferred", "given_up")


def load():
    """[(key, label, wire)]: LF files as they go over the wire."""
    out = []
    for i, (path, label) in enumerate(mails.dev()):
        with open(path, "rb") as f:
            out.append((i, label, client.to_wire(f.read())))
    if cases.args.quick:
        out = out[::12] if cases.args.bridge else out[::2] + out[1::8]
    return out


def witnesses(r):
    b = r.balance()
    m = r.metrics()
    logged = collections.Counter(e["result"] for e in r.log("mail"))
    return {"weirctl status": {k: b[k] for k in RESULTS},
            "/metrics": {k: int(m.get(f'weir_mails_total{{result="{k}"}}', -1)) for k in RESULTS},
            "log": {k: logged[k] for k in RESULTS}}


@case
def all_mails_both_families(b):
    corpus = load()
    note(f"{len(corpus)} mails of dev, {sum(len(w) for *_, w in corpus) / 1e6:.1f} MB, {SESSIONS} sessions, half over IPv6")
    before = witnesses(b.relay)
    # The sender's address carries the key, so that the server's record says which mail it was.
    bulk = client.Bulk([(i, f"m{i}@sender.test", ["bob@lab.test"], w) for i, _, w in corpus],
                       sessions=SESSIONS, addr=[net.RELAY4, net.RELAY6], reuse=40)
    got = {r.key: r for r in bulk.run(3000)}
    times = [r.seconds for r in got.values()]
    note(f"{len(got) / bulk.seconds:.0f} mails/s, p50 {client.percentile(times, .5) * 1e3:.1f} ms, "
         f"p99 {client.percentile(times, .99) * 1e3:.1f} ms, {bulk.seconds:.1f} s")
    equal("every mail was answered", len(got), len(corpus))
    lost = [r for r in got.values() if r.code == 0]
    check("no connection broke", not lost, [r.text for r in lost[:3]])
    at_sink = collections.defaultdict(list)
    for m in b.sink.mails():
        at_sink[int(re.match(r"m(\d+)@", m["from"])[1])].append(m)
    wires = {i: w for i, _, w in corpus}
    accepted = {k for k, r in got.items() if r.code == 250}
    twice = [k for k, v in at_sink.items() if len(v) != 1]
    check("each at the server exactly once", not twice, f"{len(twice)} more than once, {twice[:5]}")
    check("none with 250 is missing", accepted <= set(at_sink), f"missing {sorted(accepted - set(at_sink))[:10]}")
    check("none without 250 is there", set(at_sink) <= accepted,
          f"there {[(k, got[k].code, got[k].text) for k in set(at_sink) - accepted][:5]}")
    changed = [k for k, v in at_sink.items() if v[0]["hash"] != mails.digest(wires[k])]
    check("headers and body unchanged", not changed, f"{len(changed)} differ: {changed[:10]}")
    no_trace = [k for k, v in at_sink.items() if not v[0]["received"] or f"id {client.Reply(250, [got[k].text]).id}" not in v[0]["received"]]
    check("one Received of ours on top, with the id of the reply", not no_trace, no_trace[:10])
    # A mail with a bare CR is refused as the page says, and no other for that reason.
    bare = {i for i, w in wires.items() if re.search(rb"\r(?!\n)", w)}
    wrong = [k for k in bare if got[k].code != 550 or not (got[k].text.startswith("5.6.0") or "blocked by" in got[k].text)]
    check(f"{len(bare)} mails with a bare CR are refused", not wrong, [(k, got[k].code, got[k].text) for k in wrong[:5]])
    odd = [r for r in got.values() if r.code != 250 and r.key not in bare and not (r.code == 550 and "blocked by" in r.text)
           and not (r.code == 554 and r.text.startswith("5.4.6"))]
    check("all others: 250, blocked by a filter, or a loop", not odd, [(r.key, r.code, r.text) for r in odd[:5]])
    count = {"delivered": len(accepted), "refused": sum(r.code >= 500 for r in got.values()),
             "deferred": sum(400 <= r.code < 500 for r in got.values()), "given_up": 0}

    def since():
        return {n: {k: v[k] - before[n][k] for k in RESULTS} for n, v in witnesses(b.relay).items()}
    try:
        cases.wait_for("witnesses", lambda: all(v == count for v in since().values()), 10, 0.2)
    except AssertionError:
        pass
    for name, v in since().items():
        equal(f"{name} agrees with the server's {len(at_sink)}", v, count)
    bal = b.relay.balance()
    equal("sent = delivered + refused + deferred + given_up + in_flight", bal["sent"],
          sum(bal[k] for k in (*RESULTS, "in_flight")))
    by = collections.Counter((lab, "250" if got[i].code == 250 else re.sub(r".*blocked by (\w+) filter.*", r"\1", got[i].text)[:20])
                             for i, lab, _ in corpus)
    note("; ".join(f"{lab} {what}: {n}" for (lab, what), n in sorted(by.items())))


@case
def one_mail_a_session(b):
    """New connection each, one a time and many at once."""
    b.sink.forget()
    n = (100 if cases.args.bridge else 200) if cases.args.quick else 2000
    bulk = client.Bulk([(i, f"m{i}@sender.test", ["bob@list.test"], mails.plain(i, 4000, to="bob@list.test")) for i in range(n)],
                       sessions=SESSIONS, addr=[net.RELAY4, net.RELAY6], reuse=1)
    got = bulk.run()
    bad = [r for r in got if r.code != 250]
    check(f"{n} mails on {n} connections", not bad, [(r.code, r.text) for r in bad[:3]])
    equal("at the server", sorted(m["from"] for m in b.sink.mails()), sorted(f"m{i}@sender.test" for i in range(n)))
    note(f"{len(got) / bulk.seconds:.0f} connections/s; the server saw {b.sink.stats()['connections']} connections in all, "
         f"{b.sink.stats()['max_open']} at most at once")
    check("warm connections: at most 10 at once", b.sink.stats()["max_open"] <= 10, b.sink.stats()["max_open"])
    equal("no violation", b.sink.stats()["violations"], [])


@case
def memory_is_back(b):
    """After all that: nothing in flight, no session, no chunk."""
    s = cases.wait_for("idle", lambda: (lambda s: s if s["mails"]["in_flight"] == 0 and s["sessions"] == 0 else None)(b.relay.status()), 10)
    equal("sessions", s["sessions"], 0)
    note(f"memory: {s['memory']}")


@contextlib.contextmanager
def bench_over_bad_line():
    """The relay behind the bridge: senders and the customer's server are both at its other side."""
    device = {"ports": [{"device": f"net_af_packet0,iface={net.VETH}", "addresses": [f"{net.RELAY4}/24", f"{net.RELAY6}/64"],
                         "gateway4": net.KERNEL4, "gateway6": net.KERNEL6}]}
    with net.bad_line(NS, cases.args.build, "--both", BAD_LINE, seed=cases.args.seed) as counts:
        with relay.bench(cases.args, config=device) as b:
            yield b
    for way in ("ab", "ba"):
        c = counts[0][way]
        note(f"{way}: {c['in']} frames, {c['lost']} lost ({100 * c['lost'] / max(c['in'], 1):.2f} %)")
        check(f"{way}: the line lost about 2 %", 0.01 < c["lost"] / max(c["in"], 1) < 0.03, c)


if __name__ == "__main__":
    def options(p):
        p.add_argument("--bridge", action="store_true", help="over a bad line")
        p.add_argument("--seed", type=int, default=1, help="of the bad line")
    cases.parse_args(options)
    NS = net.enter("weirmail")
    cases.run(bench_over_bad_line if cases.args.bridge else lambda: relay.bench(cases.args))
