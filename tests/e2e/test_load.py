#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_load.py - many idle sessions cost little; slow and restless ones do not slow an honest mail."""
import gc
import json
import os
import statistics
import subprocess
import sys

from weirtest import cases, client, jitter, mails, net, relay
from weirtest.cases import case, check, note

IDLE_BYTES = 20 << 20


class Crowd:
    def __init__(self, what, n):
        here = os.path.dirname(os.path.abspath(client.__file__))
        self.p = subprocess.Popen([sys.executable, os.path.join(here, "crowd.py"), what, str(n)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.p.stdout.readline().split()
        if said[:1] != ["ready"]:
            raise RuntimeError(f"crowd {what}: {said}")

    def ask(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def end(self):
        self.p.stdin.close()
        self.p.wait(30)
        self.p.stdout.close()


def timed(n):
    """When n honest mails of 4 KB, one after another, began and ended: first command to final reply."""
    out = []
    with client.Client() as c:
        c.ehlo()
        for i in range(n):
            wire = mails.plain(i, 4096, to="bob@list.test")
            t0 = client.time.monotonic()
            verb, r = c.mail("honest@sender.test", "bob@list.test", wire)
            out.append((t0, client.time.monotonic()))
            assert r.code == 250, r
    return out


def latencies(n):
    return [t1 - t0 for t0, t1 in timed(n)]


def used(s):
    """Bytes in use over all object types, as `weirctl status` says."""
    return sum(v for k, v in s["memory"].items() if k != "total")


@case
def idle_sessions(b):
    n = 10000
    latencies(50)
    cases.wait_for("quiet", lambda: b.relay.status()["sessions"] == 0, 10)
    before = b.relay.status()
    crowd = Crowd("idle", n)
    try:
        after = b.relay.status()
        c = crowd.ask()
        check(f"{n} sessions stand", c["alive"] == n, c)
        check("status counts them", after["sessions"] >= n, after["sessions"])
        grown = used(after) - used(before)
        check(f"they cost at most 20 MB (bytes in use by object type)", 0 < grown <= IDLE_BYTES, f"{grown:,} bytes")
        note(f"{n} idle sessions: {grown:,} bytes, {grown / n:,.0f} each: " +
             ", ".join(f"{k} {v - before['memory'].get(k, 0):,}" for k, v in after["memory"].items()
                       if k != "total" and v != before["memory"].get(k, 0)))
        lat = latencies(100)
        check("an honest mail passes among them", len(lat) == 100)
        note(f"p99 among them {client.percentile(lat, .99) * 1e3:.2f} ms")
    finally:
        crowd.end()
    s = cases.wait_for("all gone", lambda: (lambda s: s if s["sessions"] == 0 else None)(b.relay.status()), 20)
    check("memory is back", used(s) <= used(before) + (1 << 20), f"{used(before):,} then {used(s):,}")


def set_apart(b):
    """The relay's worker has the last CPU for itself, as in operation. All else shares the others: sender and sink go before
    everything there, so that what the crowds cost in Python is not taken for the relay's time. Returns a probe for each CPU."""
    cpus = sorted(os.sched_getaffinity(0))
    rest = set(cpus[:-1] or cpus)
    names = {int(t): open(f"/proc/{b.relay.p.pid}/task/{t}/comm").read() for t in os.listdir(f"/proc/{b.relay.p.pid}/task")}
    workers = [t for t, name in names.items() if name.startswith("rte-worker")]
    assert [os.sched_getaffinity(t) for t in workers] == [{cpus[-1]}], names
    os.sched_setscheduler(workers[0], os.SCHED_FIFO, os.sched_param(5))
    os.sched_setaffinity(0, rest)
    for tid in os.listdir(f"/proc/{b.sink.p.pid}/task"):
        os.sched_setaffinity(int(tid), rest)
        os.sched_setscheduler(int(tid), os.SCHED_FIFO, os.sched_param(10))
    probes = [jitter.Probe(cpu) for cpu in cpus]
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    gc.disable()
    return probes


class Phase:
    """One run of n honest mails, without the windows in which the machine lost a CPU."""

    def __init__(self, probes, n):
        for p in probes:
            p.gaps()
        began = client.time.monotonic()
        mails_, gaps = timed(n), []
        for p in probes:
            gaps += p.gaps()
        ended = client.time.monotonic()
        self.took = ended - began
        self.windows, self.away = jitter.windows(began, ended, gaps)
        self.seconds = [t1 - t0 for t0, t1 in mails_
                        if not jitter.windows(t0, t1, [])[0] & self.away]


def among_crowd(probes, n):
    slow, churn_rate = 1000, 2000
    crowd = [Crowd("slow", slow), Crowd("churn", churn_rate)]
    for x in crowd:  # after sender and sink, before what else the machine does: a crowd that does not come is no test
        for tid in os.listdir(f"/proc/{x.p.pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(tid), -10)
    try:
        before = crowd[1].ask()["done"]
        phase = Phase(probes, n)
        s, c = crowd[0].ask(), crowd[1].ask()
        check(f"{slow} slow senders stand", s["alive"] == slow, s)
        check("who comes and goes is greeted", c["failed"] <= c["done"] * 0.02, c)
        phase.came = (c["done"] - before) / phase.took
        check("as many came and went as should, within a half", phase.came >= churn_rate / 2, f"{phase.came:.0f} a second")
        return phase
    finally:
        for x in crowd:
            x.end()


@case
def slow_and_restless(b):
    """Without and among the crowd in turn, so many rounds and no more; medians of the rounds' p99 are compared. A window in which
    a CPU was away is dropped, and with more than a fifth of them the run says nothing (decisions 26)."""
    rounds, n = (5, 400) if cases.args.quick else (9, 1500)
    latencies(100)
    probes, alone, among = set_apart(b), [], []
    try:
        for _ in range(rounds):
            alone.append(Phase(probes, n))
            among.append(among_crowd(probes, n))
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        gc.enable()
        for p in probes:
            p.end()
    for name, phases in (("alone", alone), ("among them", among)):
        note(f"{name}: p50 and p99 by round, ms: " + ", ".join(
            f"{client.percentile(x.seconds, .5) * 1e3:.2f} {client.percentile(x.seconds, .99) * 1e3:.2f}" for x in phases))
    note("came and went a second, by round: " + ", ".join(f"{x.came:.0f}" for x in among))
    every, away = (sum(len(getattr(x, k)) for x in alone + among) for k in ("windows", "away"))
    note(f"windows of {jitter.WINDOW * 1e3:.0f} ms: {every}, dropped {away}")
    if not check("the machine kept its CPUs (else the run is void)", away <= every * 0.2 and all(len(x.seconds) >= n // 2 for x in alone + among),
                 f"a CPU was away for more than {jitter.GAP * 1e3:.0f} ms in {away} of {every} windows"):
        return
    p99 = lambda phases: statistics.median(client.percentile(x.seconds, .99) for x in phases) * 1e3
    check("p99 of an honest mail at most twice its unloaded value", p99(among) <= 2 * p99(alone),
          f"{p99(among):.2f} ms, alone {p99(alone):.2f} ms")


@case
def all_is_well_after(b):
    s = cases.wait_for("idle", lambda: (lambda s: s if s["sessions"] == 0 and s["mails"]["in_flight"] == 0 else None)(b.relay.status()), 30)
    m = s["mails"]
    check("the balance holds", m["sent"] == m["delivered"] + m["refused"] + m["deferred"] + m["given_up"], m)


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirload")
    cases.run(lambda: relay.bench(cases.args, config={"dataplane": {"memory": "1GiB"}}))
