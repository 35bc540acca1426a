#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_smuggling.py - only CRLF.CRLF ends a mail, here and at the customer's server.

Every variant of an end of data over CR, LF, CRLF, NUL and dots stands inside one mail, with a whole
second transaction behind it: sent whole, byte by byte, and cut at every position. The server is one
that ends data as carelessly as any known one does. It never gets a second mail.
"""
import collections
import itertools
import queue
import re
import threading
import time

from weirtest import cases, client, net, relay
from weirtest.cases import case, check, equal, note

BEFORE = [b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\x00", b"\x00\r\n", b"\r\x00\n", b""]
DOTS = [b".", b"..", b".\x00", b"\x00.", b". ", b".\r.", b".\n."]
AFTER = [b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\x00\n", b"\x00\r\n", b""]
SECOND = (b"MAIL FROM:<smuggled@evil.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\n"
          b"Subject: second\r\n\r\nsmuggled\r\n")
HEAD = b"Subject: first\r\nFrom: ann@sender.test\r\n\r\nfirst"


def variants(how):
    out = []
    for a, d, z in itertools.product(BEFORE, DOTS, AFTER):
        e = a + d + z
        if how == "data" and b"\r\n.\r\n" in HEAD + e + SECOND:
            continue  # that is the end of data; in a BDAT chunk it is none
        out.append(e)
    return list(dict.fromkeys(out))


def cuts(e, quick):
    """Where the bytes are cut: nowhere, everywhere, and once at each position in and around the variant."""
    at = len(HEAD)
    positions = list(range(at - 1, at + len(e) + 2))
    yield "whole", []
    yield "byte by byte", list(range(at - 3, at + len(e) + 4))
    for p in positions[1:-1:2] if quick else positions:
        yield f"cut at {p - at}", [p]


def pieces(data, where):
    last = 0
    for w in where:
        yield data[last:w]
        last = w
    yield data[last:]


def send_all(todo, how, sessions=8):
    """todo: (key, variant, cut name, cut positions). {key: reply or exception text}"""
    q, out = queue.SimpleQueue(), {}
    for t in todo:
        q.put(t)

    def session():
        c = None
        while True:
            try:
                key, e, name, where = q.get_nowait()
            except queue.Empty:
                return
            try:
                if c is None:
                    c = client.Client(timeout=20)
                    c.ehlo()
                for line in (f"MAIL FROM:<k{key}@sender.test>", "RCPT TO:<bob@lab.test>"):
                    r = c.cmd(line)
                    assert r.code == 250, r
                body = HEAD + e + SECOND
                if how == "data":
                    r = c.cmd("DATA")
                    assert r.code == 354, r
                    wire = body + b".\r\n"
                else:
                    wire = b"BDAT %d LAST\r\n" % len(body) + body
                    where = [w + len(wire) - len(body) for w in where]
                for p in pieces(wire, where):
                    c.send(p)
                    if where:
                        time.sleep(0.0005)
                r = c.reply()
                n = c.cmd("NOOP")  # exactly one reply: the next one is NOOP's
                out[key] = r if n.code == 250 and not c.buf else f"after {r}: {n} {c.buf!r}"
            except (OSError, client.Closed, AssertionError) as x:
                out[key] = f"{type(x).__name__}: {x}"
                if c:
                    c.close()
                c = None
    threads = [threading.Thread(target=session) for _ in range(sessions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def judge(b, how, expected):
    """All variants × cuts through the relay. expected(variant) -> code."""
    todo, key = [], 0
    for e in variants(how):
        for name, where in cuts(e, cases.args.quick):
            todo.append((key, e, name, where))
            key += 1
    b.sink.forget()
    got = send_all(todo, how)
    note(f"{len(variants(how))} variants, {len(todo)} ways, by {how}")
    at = collections.Counter(m["from"] for m in b.sink.mails())
    strangers = [f for f in at if not re.fullmatch(r"k\d+@sender\.test", f)]
    check(f"{how}: the server never gets a second mail", not strangers and "smuggled@evil.test" not in at, strangers[:5])
    twice = [f for f, n in at.items() if n > 1]
    check(f"{how}: none twice", not twice, twice[:5])
    wrong = []
    for k, e, name, _ in todo:
        r = got.get(k)
        want = expected(e)
        ok = not isinstance(r, str) and r is not None and r.code == want and \
            (want == 250) == (at[f"k{k}@sender.test"] == 1) and (want == 250 or r.text.startswith("5.6.0 "))
        if not ok:
            wrong.append((e, name, r, at[f"k{k}@sender.test"]))
    check(f"{how}: each answered as it must be ({len(todo)} ways)", not wrong, f"{len(wrong)} wrong: {wrong[:4]}")


def bare(e):
    return bool(re.search(rb"(?<!\r)\n|\r(?!\n)", HEAD + e + SECOND))


@case
def reject_data(b):
    judge(b, "data", lambda e: 550 if bare(e) else 250)


@case
def reject_bdat(b):
    judge(b, "bdat", lambda e: 550 if bare(e) else 250)


@case
def commands_behind_a_refused_bdat(b):
    """A chunk that was refused is thrown away by its count, and never read as commands."""
    b.sink.forget()
    body = b"x\r\n" + SECOND + b".\r\n"
    with client.Client() as c:
        c.ehlo()
        c.cmd("MAIL FROM:<ann@sender.test>")
        r = c.cmd("RCPT TO:<bob@foreign.test>")
        c.send(b"BDAT %d LAST\r\n" % len(body) + body)
        r = c.reply()
        check("refused", r.code in (503, 554), r)
        equal("and that was all", c.cmd("NOOP").code, 250)
    equal("nothing at the server", b.sink.mails(), [])


@case
def crlf_mode(b):
    b.relay.stop()
    b.relay.config = relay.merge(b.relay.config, {"smtp": {"bare_newlines": "crlf"}})
    b.relay.write_config()
    b.relay.start()
    judge(b, "data", lambda e: 250)
    judge(b, "bdat", lambda e: 250)


@case
def nothing_raw_at_the_server(b):
    equal("no bare CR or LF in DATA, no command that is none", b.sink.stats()["violations"], [])


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirsmg")
    # No CHUNKING: the server gets DATA, and ends it as careless ones do.
    cases.run(lambda: relay.bench(cases.args, settings={"lenient": True, "ehlo": ["PIPELINING", "8BITMIME", "SIZE 52428800"]}))
