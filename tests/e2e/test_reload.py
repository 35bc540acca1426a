#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_reload.py - reloads as fast as they go, good and bad ones, under load.

Generation after generation the rules name another token, and each mail holds them all: so the rule
that hit says which generation a scan used, and must fit the generation that its verdict names.
"""
import os
import re
import threading
import time

from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal, note

TOKENS = 4000  # more than there will be reloads
BAD = ["body BROKEN_RULE /(unclosed/\nscore BROKEN_RULE 5\n", "body\n", "body X_Y3 /a/\nscore X_Y3 many\n",
       "thisisnotakeyword FOO bar\n", "body X_Y /a/\nbody X_Y2 /b/q\n"]


def rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


class Reloads:
    """Reloads without a pause, at most one every 50 ms."""

    def __init__(self, b):
        self.b, self.dir = b, os.path.join(b.dir, "rules")
        self.good = self.bad = 0
        self.took, self.errors, self.live = [], [], []
        self.token = {}      # generation -> token of its rules
        self.stop = False
        self.k = 0
        self.once()

    def rules(self, k):
        return f"body ZQ_TOKEN_{k} /zqtoken{k}z/\ndescribe ZQ_TOKEN_{k} a token\nscore ZQ_TOKEN_{k} 20.0\n"

    def once(self, bad=None):
        path = os.path.join(self.dir, "bad.rules")
        if bad:
            write(path, bad)
        else:
            if os.path.exists(path):
                os.remove(path)
            self.k += 1
            write(os.path.join(self.dir, "token.rules"), self.rules(self.k))
        before = self.b.relay.status()["generation"] if bad else 0
        t0 = time.monotonic()
        r = self.b.relay.ctl("reload")
        self.took.append(time.monotonic() - t0)
        s = self.b.relay.status()
        self.live.append(s["generations_live"])
        if bad:
            self.bad += 1
            os.remove(path)
            said = r.stdout + r.stderr
            if r.returncode == 0 or s["generation"] != before or "bad.rules:" not in said:
                self.errors.append(f"a bad rule was taken: {bad!r}: status {r.returncode}, generation {before} -> {s['generation']}, {said[:200]}")
        elif r.returncode:
            self.errors.append(f"a good one was refused: {r.stderr[:300]}")
        else:
            self.good += 1
            self.token[s["generation"]] = self.k

    def loop(self):
        n = 0
        while not self.stop:
            n += 1
            t0 = time.monotonic()
            try:
                self.once(BAD[n // 3 % len(BAD)] if n % 3 == 0 else None)
            except Exception as e:
                self.errors.append(f"{type(e).__name__}: {e}")
                return
            time.sleep(max(0.0, 0.05 - (time.monotonic() - t0)))


def token_mail(i, k):
    """All tokens from a little before k to far beyond."""
    body = "".join(f"zqtoken{x}z\r\n" for x in range(max(1, k - 30), k + 400))
    return mails.plain(i, 600, to="bob@list.test") + body.encode()


@case
def storm(b):
    seconds = 10 if cases.args.quick else 60
    # One takes milliseconds, and seconds in the sanitised build on a busy machine: the storm lasts until there were enough.
    good, bad = (8, 2) if os.path.basename(cases.args.build).endswith("asan") else (seconds, seconds // 5)
    rel = Reloads(b)
    for _ in range(5):
        rel.once()
    # (key, sender, recipients, mail): clean ones, and one in four with tokens.
    def corpus():
        i = 0
        while True:
            i += 1
            if i % 4:
                yield i, "ann@sender.test", ["bob@list.test"], mails.plain(i, 2000 if i % 3 else 40000, to="bob@list.test")
            else:
                yield i, "tok@sender.test", ["bob@list.test"], token_mail(i, rel.k)
    t = threading.Thread(target=rel.loop)
    before = b.relay.status()
    bulk = client.Bulk(corpus(), sessions=6, reuse=200, addr=[net.RELAY4, net.RELAY6], pause=0.003)
    bulk.start()
    t.start()
    began = time.monotonic()
    time.sleep(seconds / 4)
    rss_warm = rss(b.relay.p.pid)
    time.sleep(seconds * 3 / 4)
    while (rel.good < good or rel.bad < bad) and t.is_alive() and time.monotonic() < began + 120:
        time.sleep(0.2)
    rel.stop = True
    t.join(60)
    rss_end = rss(b.relay.p.pid)
    got = bulk.finish()
    note(f"{rel.good} good and {rel.bad} bad reloads in {time.monotonic() - began:.0f} s (median {sorted(rel.took)[len(rel.took) // 2] * 1e3:.0f} ms), "
         f"{len(got)} mails; resident {rss_warm >> 20} MiB after a quarter, {rss_end >> 20} MiB at the end")
    check("every good one is taken, every bad one refused with its file", not rel.errors, f"{len(rel.errors)}: {rel.errors[:3]}")
    check("there were enough", rel.good >= good and rel.bad >= bad, (rel.good, rel.bad))
    broken = [r for r in got.values() if r.code == 0]
    check("no connection dropped", not broken, [r.text for r in broken[:3]])
    clean = [r for r in got.values() if r.key % 4 and r.code != 250]
    check("every clean mail is delivered", not clean, [(r.code, r.text) for r in clean[:3]])
    tok = [r for r in got.values() if r.key % 4 == 0 and r.code not in (0,) and not (r.code == 550 and "blocked by" in r.text)]
    check("every mail with the tokens is refused", not tok, [(r.code, r.text) for r in tok[:3]])
    check("at most 8 generations alive", max(rel.live) <= 8, max(rel.live))
    ids = {client.Reply(r.code, [r.text]).id for r in got.values() if r.key % 4 == 0}
    cases.wait_for("verdicts in the log", lambda: len([e for e in b.relay.log("verdict") if e.get("id") in ids]) >= len(ids), 10, 0.3)
    wrong, seen = [], set()
    for e in b.relay.log("verdict"):
        if e.get("id") not in ids:
            continue
        hit = re.findall(r"ZQ_TOKEN_(\d+)", str(e.get("rules")))
        want = rel.token.get(e["generation"])
        seen.add(e["generation"])
        # A generation published between two of our looks at the status is not in the table; its token is its neighbour's.
        if len(hit) != 1 or (want is not None and int(hit[0]) != want):
            wrong.append((e["generation"], want, hit))
    check(f"each verdict names the generation of the rules that hit ({len(seen)} generations seen)", not wrong, wrong[:5])
    s = cases.wait_for("old generations are gone", lambda: (lambda s: s if s["generations_live"] == 1 else None)(b.relay.status()), 15)
    used = lambda x: sum(v for k, v in x["memory"].items() if k != "total")
    check("bytes in use are as before", used(s) <= used(before) + (2 << 20), f"{used(before):,} then {used(s):,}")
    if not os.path.basename(cases.args.build).endswith("asan"):  # its quarantine only grows
        check("resident memory is flat", rss_end <= rss_warm + (64 << 20), f"{rss_warm >> 20} then {rss_end >> 20} MiB")


@case
def customers_change_under_load(b):
    """A mailbox comes and goes; who is in it is answered so."""
    customers = relay.lab_customers()
    for names in (["bob", "alice", "carol"], ["bob", "alice"]):
        customers["customers"][1]["mailboxes"]["list"] = names
        b.relay.import_customers(customers)
        r = b.relay.ctl("reload")
        equal("reload", r.returncode, 0)
        with client.Client() as c:
            c.ehlo()
            c.cmd("MAIL FROM:<a@b.test>")
            equal(f"carol when the list is {names}", c.cmd("RCPT TO:<carol@list.test>").code, 250 if "carol" in names else 550)


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirrld")

    import contextlib
    import tempfile

    @contextlib.contextmanager
    def setup():
        with tempfile.TemporaryDirectory(prefix="weirtest-rules-") as d:
            own = os.path.join(d, "rules")
            os.mkdir(own)
            with relay.bench(cases.args, config={"rules": {"directories": [relay.RULES, own]}}) as b:
                b.dir = d
                yield b
    cases.run(setup)
