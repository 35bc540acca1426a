# SPDX-License-Identifier: BSD-3-Clause
"""run.py - the demo of scripts/run once packages and programs are there. State is in .weir/run/."""
import argparse
import collections
import contextlib
import os
import queue
import shutil
import signal
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "contrib", "demo")]
import mails as demo  # noqa: E402
from weirtest import client, net, relay  # noqa: E402

NS = "weirdemo"
STATE = os.path.join(ROOT, ".weir", "run")
RESULTS = ("delivered", "refused", "deferred", "given_up")
SESSIONS = 8
# The customers' servers know these; acme's answers for itself, globex's list is decided by the relay.
KNOWN = [f"{m}@{d}" for d in ("acme.test", "acme.example") for m in ("bob", "alice", "carol", "sales", "info", "postmaster", "overquota")]


class Seen(collections.namedtuple("Seen", "name kind result code text seconds")):
    __slots__ = ()

    @property
    def id(self):
        return next((w[3:] for w in self.text.split() if w.startswith("id=")), "")

    @property
    def filter(self):
        t = self.text
        if "blocked by " in t:
            return t.partition("blocked by ")[2].split()[0]
        if "relaying denied" in t:
            return "relaying denied"
        return "unknown mailbox" if " 5.1.1 " in f" {t}" or t.startswith("5.1.1") else f"{self.code} {t[:40]}"


def one(c, mail):
    """Send one mail: (result, code, text)."""
    name, kind, sender, rcpts, data = mail
    if kind == "abandoned":  # a sender that goes away in the middle of its mail
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{rcpts[0]}>", "DATA"):
            r = c.cmd(line)
        assert r.code == 354, r
        c.send(data[:len(data) // 2])
        time.sleep(0.05)
        c.reset()
        return "given_up", 0, "left in the middle"
    verb, r = c.mail(sender, rcpts, data)
    result = "delivered" if r.code == 250 else "refused" if r.code >= 500 else "deferred"
    return result, r.code, r.text


def send_all(mails):
    q, out = queue.SimpleQueue(), []
    for m in mails:
        q.put(m)

    def session(addr):
        c = None
        while True:
            try:
                m = q.get_nowait()
            except queue.Empty:
                break
            t0 = time.monotonic()
            try:
                if c is None:
                    c = client.Client(addr, timeout=30)
                    c.ehlo("sender.test")
                    t0 = time.monotonic()
                result, code, text = one(c, m)
                out.append(Seen(m[0], m[1], result, code, text, time.monotonic() - t0))
                if result == "given_up":
                    c = None
            except (OSError, client.Closed, AssertionError) as e:
                out.append(Seen(m[0], m[1], "broken", 0, f"{type(e).__name__} {e}", time.monotonic() - t0))
                c = None
        if c:
            c.quit()
    threads = [threading.Thread(target=session, args=((net.RELAY4, net.RELAY6)[i % 2],)) for i in range(SESSIONS)]
    t0 = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out, time.monotonic() - t0


def witnesses(r, sinks, seen):
    """What each of them counted; keys as in the balance sum."""
    count = collections.Counter(s.result for s in seen)
    w = {"sender": {"sent": len(seen), **{k: count[k] for k in RESULTS}}}
    b = r.balance()
    w["weirctl status"] = {k: b[k] for k in ("sent", *RESULTS)}
    m = r.metrics()
    w["/metrics"] = {k: int(m.get(f'weir_mails_total{{result="{k}"}}', -1)) for k in RESULTS}
    logged = collections.Counter(e["result"] for e in r.log("mail"))
    w["log"] = {k: logged[k] for k in RESULTS}
    w["customers' servers"] = {"delivered": sum(len(s.mails()) for s in sinks)}
    return w


def agree(w):
    """Each witness says what the sender saw, and sent = delivered + refused + deferred + given_up."""
    s = w["sender"]
    return s["sent"] == sum(s[k] for k in RESULTS) and all(x[k] == s[k] for x in w.values() for k in x)


def scoreboard(seen, seconds, w):
    kinds = list(dict.fromkeys(s.kind for s in sorted(seen, key=lambda s: s.kind)))
    what = {"ham": "ham, 12 languages, all shapes", "spam": "spam", "phish": "phish", "test": "GTUBE and EICAR",
            "unknown": "to unknown mailboxes", "foreign": "to foreign domains", "denied": "from a denied sender",
            "deferred": "to a full mailbox", "abandoned": "sender leaves midway"}
    cols = ("sent", *RESULTS)
    print(f"\n{'':32}" + "".join(f"{c.replace('_', ' '):>11}" for c in cols))
    for k in kinds:
        c = collections.Counter(s.result for s in seen if s.kind == k)
        print(f"  {what[k]:30}" + "".join(f"{(sum(c.values()) if x == 'sent' else c[x]) or '.':>11}" for x in cols))
    print("  " + "-" * 85)
    for name, x in w.items():
        print(f"  {name:30}" + "".join(f"{x.get(c, ''):>11}" for c in cols))
    good = agree(w)
    s = w["sender"]
    print(f"  {'sent = delivered + refused + deferred + given up':50} {s['sent']} = " + " + ".join(str(s[k]) for k in RESULTS) +
          f"   {'all agree' if good else 'THEY DO NOT AGREE'}")
    times = [x.seconds for x in seen if x.result in ("delivered", "refused")]
    print(f"\n  {len(seen) / seconds:,.0f} mails a second over {SESSIONS} sessions (the sender is Python); "
          f"a mail takes p50 {client.percentile(times, .5) * 1e3:.1f} ms, p99 {client.percentile(times, .99) * 1e3:.1f} ms")
    filters = collections.Counter(s.filter for s in seen if s.result == "refused")
    print("  refused by: " + ", ".join(f"{k} {v}" for k, v in filters.most_common()))
    for s in seen:
        if s.result == "broken":
            print(f"  BROKEN {s.name}: {s.text}")
    return good


def hints(r, seen, once):
    first = lambda kind, result: next((s for s in seen if s.kind == kind and s.result == result), None)
    spam = first("spam", "refused") or first("phish", "refused") or first("test", "refused")
    ham = first("ham", "delivered")
    ctl = f"ip netns exec {NS} build/weirctl --socket {os.path.relpath(r.socket, ROOT)}"
    print("\nWhat to try next" + (" (with `scripts/run`, without --once, the relay stays)" if once else " (another terminal, in this folder)"))
    if spam:
        print(f"  why was it refused      {ctl} why {spam.id}")
    if ham:
        print(f"  where did it go         {ctl} why {ham.id}")
    for s in (spam, ham):
        if s:
            print(f"  judge a file            build/weirctl scan .weir/run/mails/{s.name}.eml --rules {os.path.relpath(relay.RULES, ROOT)} --json")
    print(f"  send your own           ip netns exec {NS} swaks --server {net.RELAY4} --to bob@acme.test --from you@sender.test   (apt install swaks)")
    print(f"  figures                 ip netns exec {NS} curl -s http://{r.http}/metrics   or   {ctl} status")
    print(f"  change a customer       edit contrib/demo/customers.json, build/weirctl customer import contrib/demo/customers.json --config .weir/run/weir.yaml, {ctl} reload")
    print(f"  the log                 tail -f {os.path.relpath(r.log_path, ROOT)}")


def config():
    import yaml
    with open(os.path.join(ROOT, "contrib/demo/weir.yaml")) as f:
        return yaml.safe_load(f)


def demo_run(a):
    import json
    shutil.rmtree(STATE, ignore_errors=True)
    os.makedirs(os.path.join(STATE, "mails"))
    mails = demo.make()
    for name, kind, sender, rcpts, data in mails:
        with open(os.path.join(STATE, "mails", name + ".eml"), "wb") as f:
            f.write(data)
    with open(os.path.join(ROOT, "contrib/demo/customers.json")) as f:
        customers = json.load(f)
    acme = relay.Sink(STATE, [(net.KERNEL4, 2525)], "acme", known=KNOWN, faults=[
        {"stage": "rcpt", "do": "reply:452 4.2.2 this mailbox is full", "times": 1 << 30, "match": "overquota"}])
    globex = relay.Sink(STATE, [(net.KERNEL4, 2526)], "globex")
    sinks = [acme, globex]
    r = None
    try:
        for s in sinks:
            s.start()
        r = relay.Relay(a.build, STATE, customers, config(), lenient=False)
        t0 = time.monotonic()
        r.start()
        print(f"== relay up in {time.monotonic() - t0:.1f} s at {net.RELAY4} and {net.RELAY6}, port 25, in namespace {NS} (pid {r.p.pid})", flush=True)
        print(f"== sending {len(mails)} mails over the kernel's TCP", flush=True)
        seen, seconds = send_all(mails)
        w = witnesses(r, sinks, seen)
        end = time.monotonic() + 5
        while not agree(w) and time.monotonic() < end:  # the log and a sender's RST arrive a little later
            time.sleep(0.1)
            w = witnesses(r, sinks, seen)
        good = scoreboard(seen, seconds, w)
        hints(r, seen, a.once)
        if not a.once:
            print("\nThe relay stays until Ctrl-C.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                while r.alive():
                    time.sleep(0.5)
            if not r.alive():
                print(f"the relay ended with status {r.p.returncode}:\n{r.said()[-2000:]}")
                return 1
        return 0 if good else 1
    except AssertionError as e:
        print(f"run: {e}", file=sys.stderr)
        return 1
    finally:
        if r:
            with contextlib.suppress(AssertionError):
                r.stop(15)
        for s in sinks:
            s.stop()


def main():
    p = argparse.ArgumentParser(prog="scripts/run")
    p.add_argument("--once", action="store_true")
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    a = p.parse_args()
    a.build = os.path.abspath(a.build)
    net.enter(NS, unique=False)
    signal.signal(signal.SIGTERM, lambda *x: sys.exit(1))
    sys.exit(demo_run(a))


if __name__ == "__main__":
    main()
