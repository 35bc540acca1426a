#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_faults.py - nothing is lost: the customer's server, the sender and the relay break at every stage.

2xx to the sender only where the server gave 2xx; no mail twice at the server.
"""
import collections
import random
import threading
import time

from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal, note

# Deadlines that are minutes in the field are seconds here; the rules are the same.
CONFIG = {"upstream": {"rcpt_deadline": "1200ms", "final_deadline": "1500ms", "connect_timeout": "700ms",
                       "retry_min": "50ms", "retry_max": "200ms"}}
# Stage: what the sink's fault is called, and how many of them come before (the question at RCPT comes first).
STAGES = {"connect": ("connect", 0), "ehlo": ("ehlo", 0), "mail": ("mail", 0), "rcpt": ("rcpt", 0), "rset": ("rset", 0),
          "mail again": ("mail", 1), "rcpt again": ("rcpt", 1), "data": ("data", 0), "body": ("body", 0), "dot": ("dot", 0)}
FAULTS = ["reply:451 4.3.0 not now", "reply:550 5.7.1 never", "hang", "reset", "close", "kill", "garbage", "bye:421 4.3.2 going"]
BEFORE_RCPT = ("connect", "ehlo", "mail", "rcpt")


def expected(stage, fault):
    """(verb that decides, codes, enhanced codes) for a server that always does this. Two enhanced codes only in the body: whether our
    dot was on its way when the server went (4.4.2) or not yet (4.4.1) is a matter of buffers."""
    broken = (451,), ("4.4.1",)
    if stage == "rset":
        return (("data", (250,), ("2.0.0",)) if fault != "kill" else ("data", (451,), ("4.4.1",)))
    if stage in ("connect", "ehlo"):
        return ("rcpt", *broken)
    if fault.startswith("reply:4"):  # also at replay: in the server's own words
        return "rcpt" if stage in BEFORE_RCPT else "data", (451,), ("4.3.0",)
    if fault.startswith("reply:5"):
        if stage in BEFORE_RCPT:
            return "rcpt", (550,), ("5.7.1",)
        if stage == "rcpt again":
            return "data", (451,), ("4.2.0",)
        return "data", (550,), ("5.7.1",)
    if stage in BEFORE_RCPT:
        return ("rcpt", *broken)
    if stage == "dot":
        return "data", (451,), ("4.4.2",)
    if stage == "body":
        return "data", (451,), ("4.4.1", "4.4.2")
    return ("data", *broken)


def restart_sink(b, faults):
    b.sink.kill()
    b.sink.settings["faults"] = faults
    b.sink.start()
    del b.sink.settings["faults"]


def well(b):
    """The server is well and the relay knows it: a mail passes."""
    if not b.sink.alive():
        restart_sink(b, [])
    try:
        b.sink.faults()
    except OSError:  # it was just dying of a `kill`
        restart_sink(b, [])
    def passes():
        with client.Client() as c:
            c.ehlo()
            return c.mail("well@sender.test", "bob@lab.test", mails.plain("well"))[1].code == 250
    try:
        cases.wait_for("a mail passes again", passes, 10, 0.05)
    except AssertionError:
        note(f"stuck: {[m for m in b.relay.log() if m['event'] != 'verdict'][-5:]}")
        note(f"metrics: { {k: v for k, v in b.relay.metrics().items() if 'upstream' in k and v} }")
        note(f"memory: {b.relay.status()['memory']}; the server: {b.sink.stats()}")
        raise


def cell(b, n, stage, fault, times, warm):
    """One mail against one fault: verb, reply, what the server stored for it, whether the fault was met."""
    name, skip = STAGES[stage]
    f = {"stage": name, "do": fault, "skip": skip, "times": times, "after": 3000}
    before = 0
    if warm:
        well(b)
        before = sum(b.sink.faults(f)["fired"].values())
    else:
        restart_sink(b, [f])
        time.sleep(0.25)  # past the back-off that the restart may have caused
    try:
        with client.Client(timeout=20) as c:
            c.ehlo()
            verb, r = c.mail(f"c{n}@sender.test", "bob@lab.test", mails.plain(n, 20000))
    except (OSError, client.Closed) as e:
        verb, r = "lost", client.Reply(0, [f"{type(e).__name__} {e}"])
    stored = [m for m in b.sink.mails() if m["from"] == f"c{n}@sender.test"]
    try:
        fired = sum(b.sink.stats()["fired"].values()) > before
    except (OSError, ValueError):
        fired = fault == "kill"  # it died of it
    return verb, r, stored, fired


@case
def table(b):
    """stage × fault × (always, once) × (warm connection, fresh one)."""
    n, reached, t0 = 0, collections.Counter(), time.monotonic()
    for stage in STAGES:
        for fault in FAULTS:
            for times in (999, 1):
                for warm in (True, False):
                    if warm and stage in ("connect", "ehlo"):
                        continue
                    # The quick run has each pair of stage and fault always and once, but not each on both connections.
                    if cases.args.quick and ((times == 1 and not warm and stage not in ("connect", "ehlo")) or (fault == "hang" and warm)):
                        continue
                    n += 1
                    name = f"{stage}: {fault.split(':')[0]}{' ' + fault[6:9] if ':' in fault else ''}, " \
                           f"{'always' if times > 1 else 'once'}, {'warm' if warm else 'fresh'}"
                    verb, r, stored, fired = cell(b, n, stage, fault, times, warm)
                    reached[stage, fault.split(":")[0], fired] += 1
                    answered = [m for m in stored if m["answered"]]
                    ok = len(stored) <= 1 and (r.code == 250) == (len(answered) == 1)
                    why = f"{verb} {r}, stored {len(stored)}"
                    if times > 1:
                        want_verb, codes, enh = expected(stage, fault)
                        ok = ok and verb == want_verb and r.code in codes and r.text[:5] in enh
                        why += f", want {want_verb} {codes} {enh}"
                    else:
                        # Once: another connection or server may have saved it; if not, the sender is told to come again
                        # or what the server said.
                        ok = ok and (r.code == 250 or 400 <= r.code < 500 or (r.code == 550 and fault.startswith("reply:5")))
                    check(name, ok, why)
    well(b)
    missed = sorted({(s, f) for s, f, hit in reached if not hit} - {(s, f) for s, f, hit in reached if hit})
    note(f"{n} mails, {len({(s, f) for s, f, _ in reached})} pairs of stage and fault in {time.monotonic() - t0:.0f} s")
    equal("every fault was reached", missed, [])


@case
def lost_answer(b):
    """The server took the mail and its answer never came: 451 4.4.2, and not sent a second time."""
    for n, do in enumerate(("lost-reset", "lost-hang", "lost-kill")):
        well(b)
        b.sink.faults({"stage": "dot", "do": do, "times": 1})
        with client.Client(timeout=20) as c:
            c.ehlo()
            verb, r = c.mail(f"l{n}@sender.test", "bob@lab.test", mails.plain(n))
        check(f"{do}: 451 4.4.2", r.is_(451, "4.4.2"), r)
        equal(f"{do}: stored once", len([m for m in b.sink.mails() if m["from"] == f"l{n}@sender.test"]), 1)
    well(b)


@case
def warm_connections_beside_a_dead_attempt(b):
    """A new connection that hangs marks the server as down, while warm ones are well: those serve on, and nobody waits
    for a probe that is none."""
    b.sink.kill()
    b.sink.start()
    well(b)  # leaves a warm connection
    # The answer to RCPT takes a while, so that the second one needs a connection of its own.
    b.sink.faults({"stage": "connect", "do": "hang", "times": 1}, {"stage": "rcpt", "do": "sleep:0.3", "times": 1})
    with client.Client(timeout=20) as one, client.Client(timeout=20) as two:
        for c in (one, two):
            c.ehlo()
            c.cmd("MAIL FROM:<ann@sender.test>")
        one.send("RCPT TO:<bob@lab.test>\r\n")  # both at once: one gets the warm one, the other a new one
        time.sleep(0.1)
        two.send("RCPT TO:<bob@lab.test>\r\n")
        check("both are answered", {one.reply().code, two.reply().code} <= {250, 451})
    time.sleep(0.9)  # past the connection's time-out and the back-off
    for n in range(6):
        t0 = time.monotonic()
        with client.Client(timeout=20) as c:
            c.ehlo()
            verb, r = c.mail(f"w{n}@sender.test", "bob@lab.test", mails.plain(n))
        check(f"mail {n} passes without a wait", r.code == 250 and time.monotonic() - t0 < 0.7, (verb, r, time.monotonic() - t0))
    well(b)


def account(b, got, what):
    """The balance of a run with breakage: got is {key: Result}; senders are k<key>@sender.test."""
    at = collections.Counter(m["from"] for m in b.sink.mails())
    ok = [k for k, r in got.items() if r.code == 250]
    missing = [k for k in ok if at[f"k{k}@sender.test"] != 1]
    check(f"{what}: no mail with 250 is missing", not missing, f"{len(missing)} of {len(ok)}: {missing[:5]}")
    twice = [f for f, n in at.items() if n > 1 and f.startswith("k")]
    check(f"{what}: none twice", not twice, twice[:5])
    refused = [r for r in got.values() if r.code >= 500]
    check(f"{what}: nothing bounces", not refused, [(r.code, r.text) for r in refused[:3]])
    odd = [r for r in got.values() if 400 <= r.code < 500 and not r.text.startswith(("4.4.1", "4.4.2", "4.3.2"))]
    check(f"{what}: who comes again is told 4.4.1 or 4.4.2", not odd, [(r.code, r.text) for r in odd[:3]])
    note(f"{what}: {len(got)} mails, {len(ok)} with 250, {sum(400 <= r.code < 500 for r in got.values())} with 4xx, "
         f"{sum(r.code == 0 for r in got.values())} broken; {sum(at.values())} at the server")


def load(n, sessions=8, timeout=20.0):
    return client.Bulk(((i, f"k{i}@sender.test", ["bob@lab.test"], mails.plain(i, 500 if i % 3 else 60000)) for i in range(n)),
                       sessions=sessions, timeout=timeout, addr=[net.RELAY4, net.RELAY6], pause=0.002)


@case
def kills_of_the_server(b):
    rounds = cases.args.rounds or (40 if cases.args.quick else 200)
    rng = random.Random(3)
    well(b)
    b.sink.forget()
    bulk = load(200000)
    bulk.start()
    for _ in range(rounds):
        time.sleep(rng.uniform(0.01, 0.12))
        b.sink.kill()
        b.sink.start()
    time.sleep(0.3)
    got = bulk.finish()
    account(b, got, f"{rounds} kills of the server")
    check("most of the time it was well", sum(r.code == 250 for r in got.values()) >= rounds, len(got))
    check("no connection of a sender broke", not [r for r in got.values() if r.code == 0],
          [r.text for r in got.values() if r.code == 0][:3])
    well(b)


@case
def kills_of_the_relay(b):
    rounds = cases.args.rounds or (8 if cases.args.quick else 50)
    rng = random.Random(4)
    well(b)
    b.sink.forget()
    bulk = load(1000000, timeout=5.0)
    bulk.start()
    for _ in range(rounds):
        time.sleep(rng.uniform(0.1, 0.5))
        b.relay.kill()
        b.relay.start()
    time.sleep(0.5)
    got = bulk.finish()
    account(b, got, f"{rounds} kills of the relay")
    check("mails were in flight", sum(r.code == 0 for r in got.values()) >= rounds, sum(r.code == 0 for r in got.values()))


@case
def senders_that_leave(b):
    """The sender is gone at every stage: nothing of it arrives, or all of it once; every mail is accounted for."""
    well(b)
    b.sink.forget()
    before = b.relay.balance()
    body = client.stuff(mails.plain("leave", 20000))
    steps = ["MAIL FROM:<k{}@sender.test>\r\n", "RCPT TO:<bob@lab.test>\r\n", "DATA\r\n"]
    n = 0
    for how in ("reset", "close"):
        for stop in range(8):
            for _ in range(3):
                n += 1
                c = client.Client()
                c.ehlo()
                for s in steps[:min(stop, 3)]:
                    c.cmd(s.format(n).encode())
                if stop == 4:
                    c.send(body[:5000])
                elif stop == 5:
                    c.send(body)
                elif stop == 6:
                    c.send(body + b".\r\n")  # gone before the answer
                elif stop == 7:
                    c.send(body + b".\r")
                if stop in (4, 5, 7):
                    time.sleep(0.05)
                c.reset() if how == "reset" else c.close()
    s = cases.wait_for("all accounted for", lambda: (lambda x: x if x["in_flight"] == 0 else None)(b.relay.balance()), 10)
    at = collections.Counter(m["from"] for m in b.sink.mails())
    whole = {f"k{i}@sender.test" for i in range(1, n + 1) if ((i - 1) // 3) % 8 == 6}
    check("only whole mails arrived", set(at) <= whole, set(at) - whole)
    check("none twice", all(v == 1 for v in at.values()), at)
    d = {k: s[k] - before[k] for k in s}
    equal("sent = delivered + refused + deferred + given_up", d["sent"],
          d["delivered"] + d["refused"] + d["deferred"] + d["given_up"])
    equal("delivered is what arrived", d["delivered"], len(at))
    check("the others were given up", d["given_up"] >= n // 8 * 3, d)


@case
def balance_at_the_end(b):
    s = cases.wait_for("in flight 0", lambda: (lambda x: x if x["in_flight"] == 0 else None)(b.relay.balance()), 10)
    equal("sent = delivered + refused + deferred + given_up", s["sent"], s["delivered"] + s["refused"] + s["deferred"] + s["given_up"])


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirflt")
    cases.run(lambda: relay.bench(cases.args, config=CONFIG))
