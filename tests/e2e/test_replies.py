#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_replies.py - what a sender and a customer's server see, line by line (docs: interfaces, Replies)."""
import base64
import contextlib
import re
import time

from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal
from weirtest.client import Client, Closed, stuff
from weirtest.relay import Sink, customer

ID = r"id=[0-9A-Za-z]{13}"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def fresh(helo="sender.test", **kw):
    c = Client(**kw)
    c.ehlo(helo)
    return c


def begin(rcpt="bob@lab.test", sender="ann@sender.test", params=""):
    c = fresh()
    r = c.cmd(f"MAIL FROM:<{sender}>{params}")
    assert r.code == 250, r
    r = c.cmd(f"RCPT TO:<{rcpt}>")
    assert r.code == 250, r
    return c


def expect(name, r, code, enhanced=None, pattern=None):
    ok = r.is_(code, enhanced) and (pattern is None or re.search(pattern, r.text))
    return check(name, bool(ok), f"got {r}, want {code} {enhanced or ''} {pattern or ''}")


@case
def banner_and_helo(b):
    with Client() as c:
        expect("banner names us, no enhanced code", c.banner, 220, None, r"^relay\.lab\.test\b")
        check("banner without enhanced code", not re.match(r"\d\.\d\.\d ", c.banner.text), c.banner)
        r = c.cmd("EHLO sender.test")
        want = {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "PRDR"}
        equal("EHLO code", r.code, 250)
        equal("EHLO list", {l.split()[0] for l in r.lines[1:]}, want)
        check("EHLO first line", r.lines[0].split()[0] == "relay.lab.test", r.lines[0])
        check("SIZE is 50 MiB", "SIZE 52428800" in r.lines, r.lines)
    with Client() as c:
        r = c.cmd("HELO sender.test")
        check("HELO", r.code == 250 and len(r.lines) == 1 and not re.match(r"\d\.\d\.\d ", r.text), r)


@case
def commands(b):
    """One row: what is sent, on which state, what comes."""
    table = [  # name, commands before, command, code(s), enhanced code
        ("VRFY", [], "VRFY bob", 252, "2.0.0"),
        ("EXPN", [], "EXPN list", 502, "5.5.1"),
        ("HELP", [], "HELP", 214, "2.0.0"),
        ("HELP with an argument", [], "HELP MAIL", 214, "2.0.0"),
        ("NOOP", [], "NOOP", 250, "2.0.0"),
        ("NOOP with an argument", [], "NOOP x y", 250, "2.0.0"),
        ("RSET", [], "RSET", 250, "2.0.0"),
        ("RSET with an argument", [], "RSET now", 501, "5.5.4"),
        ("unknown", [], "FROBNICATE", 500, "5.5.2"),
        ("a prefix of a verb", [], "MAI FROM:<a@b.test>", 500, "5.5.2"),
        ("a verb with more letters", [], "NOOPS", 500, "5.5.2"),
        ("empty line", [], "", 500, "5.5.2"),
        ("lower case", [], "noop", 250, "2.0.0"),
        ("STARTTLS without certificates", [], "STARTTLS", 500, "5.5.2"),
        ("AUTH", [], "AUTH PLAIN AAAA", 500, "5.5.2"),
        ("MAIL before EHLO", None, "MAIL FROM:<a@b.test>", 503, "5.5.1"),
        ("RCPT before EHLO", None, "RCPT TO:<bob@lab.test>", 503, "5.5.1"),
        ("NOOP before EHLO", None, "NOOP", 250, "2.0.0"),
        ("RSET before EHLO", None, "RSET", 250, "2.0.0"),
        ("EHLO without a name", None, "EHLO", 501, None),  # no enhanced code here: RFC 2034
        ("HELO without a name", None, "HELO", 501, None),
        ("EHLO literal", None, "EHLO [192.0.2.1]", 250, None),
        ("EHLO IPv6 literal", None, "EHLO [IPv6:2001:db8::1]", 250, None),
        ("EHLO name with a space inside", None, "EHLO a b", 501, None),
        ("RCPT before MAIL", [], "RCPT TO:<bob@lab.test>", 503, "5.5.1"),
        ("DATA before MAIL", [], "DATA", 503, "5.5.1"),
        ("DATA before RCPT", ["MAIL FROM:<a@b.test>"], "DATA", 503, "5.5.1"),
        ("DATA with an argument", ["MAIL FROM:<a@b.test>", "RCPT TO:<bob@lab.test>"], "DATA x", 501, "5.5.4"),
        ("MAIL twice", ["MAIL FROM:<a@b.test>"], "MAIL FROM:<a@b.test>", 503, "5.5.1"),
        ("MAIL after RSET", ["MAIL FROM:<a@b.test>", "RSET"], "MAIL FROM:<a@b.test>", 250, "2.1.0"),
        ("MAIL after EHLO again", ["MAIL FROM:<a@b.test>", "EHLO x.test"], "MAIL FROM:<a@b.test>", 250, "2.1.0"),
        ("RCPT ok", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@lab.test>", 250, "2.1.5"),
        ("lower case path", ["mail from:<a@b.test>"], "rcpt to:<bob@lab.test>", 250, "2.1.5"),
        ("MAIL null sender", [], "MAIL FROM:<>", 250, "2.1.0"),
        ("MAIL without FROM", [], "MAIL <a@b.test>", 501, "5.5.4"),
        ("MAIL without anything", [], "MAIL", 501, "5.5.4"),
        ("MAIL TO", [], "MAIL TO:<a@b.test>", 501, "5.5.4"),
        ("RCPT without TO", ["MAIL FROM:<a@b.test>"], "RCPT <bob@lab.test>", 501, "5.5.4"),
        ("RCPT null", ["MAIL FROM:<a@b.test>"], "RCPT TO:<>", 501, "5.1.3"),
        ("SIZE", [], "MAIL FROM:<a@b.test> SIZE=1000", 250, "2.1.0"),
        ("SIZE at the bound", [], "MAIL FROM:<a@b.test> SIZE=52428800", 250, "2.1.0"),
        ("SIZE one past", [], "MAIL FROM:<a@b.test> SIZE=52428801", 552, "5.3.4"),
        ("SIZE of 20 digits", [], "MAIL FROM:<a@b.test> SIZE=99999999999999999999", 552, "5.3.4"),
        ("SIZE of 21 digits", [], "MAIL FROM:<a@b.test> SIZE=100000000000000000000", 501, "5.5.4"),
        ("SIZE no number", [], "MAIL FROM:<a@b.test> SIZE=abc", 501, "5.5.4"),
        ("SIZE empty", [], "MAIL FROM:<a@b.test> SIZE=", 501, "5.5.4"),
        ("SIZE twice", [], "MAIL FROM:<a@b.test> SIZE=1 SIZE=2", 501, "5.5.4"),
        ("BODY=7BIT", [], "MAIL FROM:<a@b.test> BODY=7BIT", 250, "2.1.0"),
        ("BODY=8BITMIME", [], "MAIL FROM:<a@b.test> BODY=8BITMIME SIZE=5", 250, "2.1.0"),
        ("body=8bitmime", [], "MAIL FROM:<a@b.test> body=8bitmime", 250, "2.1.0"),
        ("BODY=BINARYMIME", [], "MAIL FROM:<a@b.test> BODY=BINARYMIME", 555, "5.5.4"),
        ("BODY=nothing known", [], "MAIL FROM:<a@b.test> BODY=9BIT", 501, "5.5.4"),
        ("SMTPUTF8", [], "MAIL FROM:<a@b.test> SMTPUTF8", 250, "2.1.0"),
        ("SMTPUTF8 with a value", [], "MAIL FROM:<a@b.test> SMTPUTF8=1", 501, "5.5.4"),
        ("PRDR", [], "MAIL FROM:<a@b.test> PRDR", 250, "2.1.0"),
        ("DSN RET", [], "MAIL FROM:<a@b.test> RET=FULL", 555, "5.5.4"),
        ("DSN ENVID", [], "MAIL FROM:<a@b.test> ENVID=x", 555, "5.5.4"),
        ("DSN NOTIFY", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@lab.test> NOTIFY=NEVER", 555, "5.5.4"),
        ("DSN ORCPT", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@lab.test> ORCPT=rfc822;a@b.test", 555, "5.5.4"),
        ("an unknown parameter", [], "MAIL FROM:<a@b.test> FOO=1", 555, "5.5.4"),
        ("AUTH= parameter", [], "MAIL FROM:<a@b.test> AUTH=<>", 555, "5.5.4"),
        ("NUL in a command", [], b"NOOP \x00\r\n", 501, "5.5.4"),
        ("NUL in an address", [], b"MAIL FROM:<a\x00@b.test>\r\n", 501, "5.5.4"),
        ("BDAT before MAIL", [], b"BDAT 3 LAST\r\nabc", 503, "5.5.1"),
        ("BDAT no number", ["MAIL FROM:<a@b.test>", "RCPT TO:<bob@lab.test>"], "BDAT", 501, "5.5.4"),
        ("BDAT bad number", ["MAIL FROM:<a@b.test>", "RCPT TO:<bob@lab.test>"], "BDAT x LAST", 501, "5.5.4"),
        ("BDAT bad word", ["MAIL FROM:<a@b.test>", "RCPT TO:<bob@lab.test>"], "BDAT 0 FIRST", 501, "5.5.4"),
        ("list: known", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@list.test>", 250, "2.1.5"),
        ("list: known, other case", ["MAIL FROM:<a@b.test>"], "RCPT TO:<BOB@LIST.TEST>", 250, "2.1.5"),
        ("list: unknown", ["MAIL FROM:<a@b.test>"], "RCPT TO:<eve@list.test>", 550, "5.1.1"),
        ("foreign domain", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@foreign.test>", 550, "5.7.1"),
        ("subdomain of a customer", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@sub.lab.test>", 550, "5.7.1"),
        ("a domain that ends like a customer", ["MAIL FROM:<a@b.test>"], "RCPT TO:<bob@xlab.test>", 550, "5.7.1"),
        ("DATA with every RCPT refused", ["MAIL FROM:<a@b.test>", "RCPT TO:<a@foreign.test>"], "DATA", 554, "5.5.1"),
        ("QUIT", [], "QUIT", 221, "2.0.0"),
    ]
    for name, before, cmd, code, enhanced in table:
        with Client() as c:
            if before is not None:
                c.ehlo()
                for x in before:
                    c.cmd(x)
            expect(f"{name}", c.cmd(cmd), code, enhanced)
    with fresh() as c:
        c.cmd("MAIL FROM:<a@b.test>")
        r = c.cmd("RCPT TO:<bob@foreign.test>")
        expect("foreign domain says relaying denied, with an id", r, 550, "5.7.1", rf"{ID}.*relaying denied")


@case
def long_and_odd_commands(b):
    with fresh() as c:
        expect("a command of 512 bytes", c.cmd(b"NOOP " + b"x" * 505 + b"\r\n"), 250, "2.0.0")
        expect("a command of 2,048 bytes", c.cmd(b"NOOP " + b"x" * 2041 + b"\r\n"), 250, "2.0.0")
        expect("a command of 2,049 bytes", c.cmd(b"NOOP " + b"x" * 2042 + b"\r\n"), 500, "5.5.2")
        expect("the next command is understood", c.cmd("NOOP"), 250, "2.0.0")
    with fresh() as c:
        c.send(b"X" * 1_000_000 + b"\r\nNOOP\r\n")
        try:
            r = c.reply()
            ok = r.code in (500, 421)
        except Closed:
            r, ok = "closed", True
        check("a line of 1 MB", ok, r)
    for name, raw in (("bare LF", b"NOOP\nNOOP\r\n"), ("bare CR", b"NOOP\rNOOP\r\n"),
                      ("LF alone", b"\n"), ("bare LF after MAIL", b"MAIL FROM:<a@b.test>\n")):
        with fresh() as c:
            c.send(raw)
            try:
                expect(f"{name} in a command line", c.reply(), 500, "5.5.2")
                check(f"{name}: closed", c.closed())
            except Closed as e:
                check(f"{name} in a command line", False, e)
    with fresh() as c:
        for byte in b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\n":
            c.send(bytes([byte]))
        check("commands byte by byte", c.reply().code == 250 and c.reply().code == 250)


@case
def pipelining(b):
    b.sink.forget()
    wire = mails.plain("pipe")
    with fresh() as c:
        c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nRCPT TO:<x@foreign.test>\r\n"
               "RCPT TO:<amy@lab.test>\r\nDATA\r\n")
        equal("replies in order", [c.reply().code for _ in range(5)], [250, 250, 550, 250, 354])
        c.send(stuff(wire) + b".\r\n" + b"NOOP\r\nVRFY x\r\nQUIT\r\n")
        equal("after the dot", [c.reply().code for _ in range(4)], [250, 250, 252, 221])
    m = b.sink.mails()
    equal("recipients at the server", [x["rcpt"] for x in m], [["bob@lab.test", "amy@lab.test"]])
    b.sink.forget()
    with fresh() as c:
        one = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nBDAT %d LAST\r\n%s" % (len(wire), wire)
        c.send(one * 5 + b"QUIT\r\n")
        equal("five mails by BDAT in one write", [c.reply().code for _ in range(16)], [250, 250, 250] * 5 + [221])
    equal("all five at the server, whole", [x["hash"] for x in b.sink.mails()], [mails.digest(wire)] * 5)
    with fresh() as c:
        c.send("MAIL FROM:<a@b.test>\r\nRCPT TO:<x@foreign.test>\r\nDATA\r\nNOOP\r\n")
        codes = [c.reply().code for _ in range(4)]
        equal("DATA without a recipient, pipelined", codes, [250, 550, 554, 250])


@case
def acceptance_and_trace(b):
    for how, helo in (("ESMTP", "EHLO"), ("SMTP", "HELO")):
        b.sink.forget()
        with Client() as c:
            c.cmd(f"{helo} client.sender.test")
            verb, r = c.mail("ann@sender.test", "bob@lab.test", mails.plain("trace"))
            expect(f"{helo}: 250 with our id and the server's text", r, 250, "2.0.0", rf"^2\.0\.0 {ID} queued as \d+$")
        got = b.sink.mails()
        equal(f"{helo}: one mail", len(got), 1)
        want = (r"Received: from client\.sender\.test \(unknown \[10\.77\.0\.1\]\)\s+by \S+\s+with " + how +
                rf"\s+id {r.id}\s+for <bob@lab\.test>;\s+\w{{3}}, \d{{1,2}} \w{{3}} \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}}.*\r\n$")
        check(f"{helo}: Received", re.match(want, got[0]["received"] or "", re.S), got[0]["received"])
    b.sink.forget()
    with fresh() as c:
        c.mail("ann@sender.test", ["bob@lab.test", "amy@lab.test"], mails.plain("two"))
    m = b.sink.mails()[0]
    check("two recipients: no `for`", " for " not in re.sub(r"\s+", " ", m["received"]), m["received"])
    equal("nothing else is changed", m["hash"], mails.digest(mails.plain("two")))
    b.sink.forget()
    with fresh(addr=net.RELAY6) as c:
        verb, r = c.mail("ann@sender.test", "bob@lab.test", mails.plain("v6"))
        expect("over IPv6", r, 250, "2.0.0")
    m = b.sink.mails()[0]
    check("IPv6 in Received", f"[IPv6:{net.KERNEL6}]" in m["received"], m["received"])
    with fresh() as c:
        verb, r = c.mail("", "bob@lab.test", mails.plain("null"))
        expect("null sender", r, 250, "2.0.0")
    equal("null sender at the server", b.sink.mails()[-1]["from"], "")


@case
def id_looks_up(b):
    with fresh() as c:
        verb, r = c.mail("ann@sender.test", "bob@lab.test", mails.plain("why"))
    cases.wait_for("weirctl why", lambda: b.relay.ctl("why", r.id).returncode == 0, 5)
    check("why names the sender", "ann@sender.test" in b.relay.ctl("why", r.id).stdout, b.relay.ctl("why", r.id).stdout)


@case
def content(b):
    b.sink.forget()
    with fresh() as c:
        verb, r = c.mail("ann@sender.test", "bob@lab.test", mails.gtube(1))
        expect("GTUBE", r, 550, "5.7.1", rf"^5\.7\.1 {ID} blocked by pattern filter$")
        verb, r = c.mail("ann@sender.test", "bob@lab.test", mails.plain("after gtube"))
        expect("the session goes on", r, 250, "2.0.0")
        att = (b"From: a@b.test\r\nTo: bob@lab.test\r\nSubject: file\r\nMIME-Version: 1.0\r\n"
               b"Content-Type: multipart/mixed; boundary=XX\r\n\r\n--XX\r\nContent-Type: text/plain\r\n\r\nsee file\r\n"
               b"--XX\r\nContent-Type: application/octet-stream; name=eicar.com\r\nContent-Transfer-Encoding: base64\r\n"
               b"Content-Disposition: attachment; filename=eicar.com\r\n\r\n" + base64.b64encode(EICAR) + b"\r\n--XX--\r\n")
        verb, r = c.mail("ann@sender.test", "bob@lab.test", att)
        expect("EICAR", r, 550, "5.7.1", rf"^5\.7\.1 {ID} blocked by attachment filter$")
        verb, r = c.mail("ann@sender.test", "postmaster@lab.test", mails.gtube(2))
        expect("postmaster@ is not refused by content", r, 250, "2.0.0")
        verb, r = c.mail("ann@sender.test", "postmaster", mails.plain("pm"))
        expect("<postmaster>", r, 250, "2.0.0")
        c.cmd("MAIL FROM:<a@b.test>")
        expect("<PostMaster>", c.cmd("RCPT TO:<PostMaster>"), 250, "2.1.5")
    got = [m["rcpt"] for m in b.sink.mails()]
    equal("at the server", got, [["bob@lab.test"], ["postmaster@lab.test"], ["postmaster@lab.test"]])


@case
def bodies(b):
    """Bytes of a body and what becomes of them: kept as they are, or refused."""
    table = [
        ("empty", b"", True), ("one empty line", b"\r\n", True), ("header only", b"Subject: x\r\n", True),
        ("dots", b"Subject: x\r\n\r\n.\r\n..\r\n...\r\n.a\r\n", True),
        ("no header", b"just text\r\n", True), ("8 bit", b"Subject: x\r\n\r\n\xff\xfe\x80 \xc3\xbc\r\n", True),
        ("NUL", b"Subject: x\r\n\r\na\x00b\r\n", True),
        ("a line of 998", b"Subject: x\r\n\r\n" + b"a" * 998 + b"\r\n", True),
        ("a line of 45,000", b"Subject: x\r\n\r\n" + b"a" * 45000 + b"\r\n", True),
        ("a header of 20,000", b"Subject: " + b"a" * 20000 + b"\r\n\r\nx\r\n", True),
        ("500 KB", mails.plain("big", 500_000), True), ("3 MB", mails.plain("bigger", 3_000_000), True),
        ("bare LF", b"Subject: x\r\n\r\na\nb\r\n", False), ("bare CR", b"Subject: x\r\n\r\na\rb\r\n", False),
        ("bare LF in the header", b"Subject: x\nFrom: y\r\n\r\nb\r\n", False),
        ("CR CR LF", b"Subject: x\r\n\r\na\r\r\n", False), ("LF CR", b"Subject: x\r\n\r\na\n\rb\r\n", False),
    ]
    for name, body, ok in table:
        for how in ("data", "bdat"):
            b.sink.forget()
            c = begin()
            if how == "data":
                r = c.data(body)
            else:
                c.send(b"BDAT %d LAST\r\n" % len(body) + body)
                r = c.reply()
            if ok:
                expect(f"{name} by {how}", r, 250, "2.0.0")
                got = [m["hash"] for m in b.sink.mails()]
                equal(f"{name} by {how}, at the server", got, [mails.digest(body)])
            else:
                expect(f"{name} by {how}", r, 550, "5.6.0")
                equal(f"{name} by {how}, nothing at the server", b.sink.mails(), [])
                expect(f"{name} by {how}, the session goes on", c.cmd("NOOP"), 250, "2.0.0")
            c.close()


@case
def bdat(b):
    wire = mails.plain("chunks", 5000) + b".\r\n..\r\nend\r\n"
    def send(chunks, last=True, c=None):
        c = c or begin()
        out = []
        for i, x in enumerate(chunks):
            c.send(b"BDAT %d%s\r\n" % (len(x), b" LAST" if last and i == len(chunks) - 1 else b"") + x)
            out.append(c.reply())
        return c, out
    for name, chunks in (("one chunk", [wire]), ("three", [wire[:100], wire[100:1001], wire[1001:]]),
                         ("BDAT 0 LAST", [wire, b""]), ("an empty one between", [wire[:7], b"", wire[7:]]),
                         ("cut in CRLF", [wire[:wire.index(b"\r\n") + 1], wire[wire.index(b"\r\n") + 1:]]),
                         ("single bytes", [bytes([x]) for x in wire[:300]] + [wire[300:]])):
        b.sink.forget()
        c, out = send(chunks)
        check(f"{name}: 250 for each", all(r.code == 250 for r in out), out)
        equal(f"{name}: at the server", [m["hash"] for m in b.sink.mails()], [mails.digest(wire)])
        c.quit()
    b.sink.forget()
    c, out = send([b"Subject: x\r\n\r\nno end of line"])
    expect("no final CRLF", out[-1], 250, "2.0.0")
    equal("gets one", [m["hash"] for m in b.sink.mails()], [mails.digest(b"Subject: x\r\n\r\nno end of line\r\n")])
    c.quit()
    b.sink.forget()
    c, out = send([wire[:500]], last=False)
    expect("DATA after BDAT", c.cmd("DATA"), 503, "5.5.1")
    expect("MAIL between chunks", c.cmd("MAIL FROM:<a@b.test>"), 503, "5.5.1")
    expect("RCPT between chunks", c.cmd("RCPT TO:<amy@lab.test>"), 503, "5.5.1")
    expect("RSET between chunks", c.cmd("RSET"), 250, "2.0.0")
    expect("BDAT after RSET", c.cmd(b"BDAT 3 LAST\r\nabc"), 503, "5.5.1")
    expect("a refused chunk was read", c.cmd("NOOP"), 250, "2.0.0")
    verb, r = c.mail("a@b.test", "bob@lab.test", wire)
    expect("a mail after RSET", r, 250, "2.0.0")
    equal("one mail only", [m["hash"] for m in b.sink.mails()], [mails.digest(wire)])
    c.quit()
    with fresh() as c:
        c.cmd("MAIL FROM:<a@b.test>")
        c.cmd("RCPT TO:<a@foreign.test>")
        c.send(b"BDAT 20\r\nRSET\r\nQUIT\r\nDATA\r\n\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        codes = [c.reply().code for _ in range(3)]
        equal("chunks without a recipient are thrown away", codes, [554, 554, 250])
    with begin() as c:
        expect("a chunk over the limit", c.cmd(b"BDAT 52428801\r\n" + b"x" * 10), 552, "5.3.4")
    for text in ("99999999999999999999999", "-1", "+1", "1x", "0x10"):
        with begin() as c:
            r = c.cmd(f"BDAT {text} LAST")
            expect(f"BDAT {text}", r, 501, "5.5.4")


def replies(c, n):
    """n replies, or those that came within two seconds of each other."""
    c.s.settimeout(2)
    out = []
    with contextlib.suppress(TimeoutError):
        while len(out) < n:
            out.append(c.reply())
    c.s.settimeout(30)
    return out


@case
def prdr(b):
    wire = mails.plain("prdr")
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test> PRDR")
        for a in ("bob@lab.test", "x@foreign.test", "amy@lab.test"):
            c.cmd(f"RCPT TO:<{a}>")
        c.cmd("DATA")
        c.send(stuff(wire) + b".\r\n")
        got = replies(c, 4)
        # Who asks for PRDR gets 353, one for each accepted recipient and a final one, also when all agree (decisions 9).
        equal("actions agree: 353, one for each, a final one", [r.code for r in got], [353, 250, 250, 250])
        expect("the session goes on", c.cmd("NOOP"), 250, "2.0.0")
    # strict.test blocks patterns, mild.test tags them: same route, other policy.
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test> PRDR")
        for a in ("bob@strict.test", "bob@mild.test"):
            c.cmd(f"RCPT TO:<{a}>")
        c.cmd("DATA")
        b.sink.forget()
        c.send(stuff(mails.gtube(3)) + b".\r\n")
        got = replies(c, 4)
        check("each its own answer", [r.code for r in got] == [353, 550, 250, 250], got)
    equal("the server sees only who was not blocked", [m["rcpt"] for m in b.sink.mails()], [["bob@mild.test"]])


@case
def different_policies(b):
    b.sink.forget()
    with fresh() as c:
        verb, r = c.mail("eve@sender.test", ["bob@strict.test", "bob@mild.test"], mails.plain("agree"))
        expect("actions agree: one answer", r, 250, "2.0.0")
        verb, r = c.mail("eve@sender.test", ["bob@strict.test", "bob@mild.test"], mails.gtube(4))
        expect("actions differ: 451 once", r, 451, "4.7.1")
        c.cmd("MAIL FROM:<eve@sender.test>")
        one = c.cmd("RCPT TO:<bob@strict.test>")
        two = c.cmd("RCPT TO:<bob@mild.test>")
        expect("the retry: first recipient", one, 250, "2.1.5")
        expect("the retry: second recipient later", two, 452, "4.5.3")
        expect("the first one's verdict", c.data(mails.gtube(4)), 550, "5.7.1")
        verb, r = c.mail("eve@sender.test", ["bob@mild.test"], mails.gtube(4))
        expect("the second one's verdict", r, 250, "2.0.0")
    equal("at the server", [m["rcpt"] for m in b.sink.mails()], [["bob@strict.test", "bob@mild.test"], ["bob@mild.test"]])


@case
def actions(b):
    b.sink.forget()
    with fresh() as c:
        verb, r = c.mail("ann@sender.test", ["bob@mild.test"], mails.gtube(5))
        expect("tag: delivered", r, 250, "2.0.0")
        verb, r = c.mail("ann@sender.test", ["bob@header.test"], mails.gtube(6))
        expect("header: delivered", r, 250, "2.0.0")
        verb, r = c.mail("friend@good.test", ["bob@strict.test"], mails.gtube(7))
        expect("allowed sender", r, 250, "2.0.0")
        c.cmd("MAIL FROM:<x@bad.test>")
        expect("denied sender", c.cmd("RCPT TO:<bob@strict.test>"), 550, "5.7.1", rf"{ID} blocked by sender filter")
        c.cmd("RSET")
        verb, r = c.mail("ann@sender.test", ["bob@strict.test"], mails.plain("x", subject="get cheap loans now"))
        expect("a custom rule", r, 550, "5.7.1", rf"{ID} blocked by custom filter")
        verb, r = c.mail("ann@sender.test", ["bob@mild.test"], mails.gtube(8).replace(b"Subject: ", b"Subject:"))
        expect("tag, no blank behind the colon: delivered", r, 250, "2.0.0")
    got = [open(m["file"], "rb").read() for m in b.sink.mails()]
    check("tag and subject stay apart", re.search(rb"^Subject: \[SPAM\] offer 8\r$", got[3], re.M), got[3][:600])
    check("subject is tagged", re.search(rb"^Subject: \[SPAM\] offer 5\r$", got[0], re.M), got[0][:600])
    check("a tag is all", b"X-Weir-" not in got[0], got[0][:600])
    check("X-Weir- header", re.search(rb"^X-Weir-\w[^\r\n]*\r$", got[1], re.M), got[1][:600])
    check("nothing is changed for an allowed sender", b.sink.mails()[2]["hash"] == mails.digest(mails.gtube(7)))


@case
def loops(b):
    b.sink.forget()
    with fresh() as c:
        c.mail("ann@sender.test", "bob@lab.test", mails.plain("name"))
        name = re.search(r"by (\S+)", b.sink.mails()[0]["received"])[1]
        hop = b"Received: from a.test by b%d.test with ESMTP id x; Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        for n, code in ((49, 250), (50, 250), (51, 554), (100, 554)):
            verb, r = c.mail("ann@sender.test", "bob@lab.test", b"".join(hop % i for i in range(n)) + mails.plain(n))
            expect(f"{n} Received lines", r, code, "5.4.6" if code == 554 else "2.0.0")
        own = b"Received: from a.test by " + name.encode() + b" with ESMTP id x; Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        verb, r = c.mail("ann@sender.test", "bob@lab.test", own + mails.plain("own"))
        expect("our own name once", r, 250, "2.0.0")
        verb, r = c.mail("ann@sender.test", "bob@lab.test", own * 2 + mails.plain("own"))
        expect("our own name twice", r, 554, "5.4.6")
        text = mails.plain("body") + hop % 1 * 60
        verb, r = c.mail("ann@sender.test", "bob@lab.test", text)
        expect("Received lines in the body don't count", r, 250, "2.0.0")


@case
def other_size_limits(b):
    """One recipient's limit never bounces another's mail."""
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        expect("the narrow one first", c.cmd("RCPT TO:<bob@brief.test>"), 250, "2.1.5")
        expect("without SIZE the wide one comes later", c.cmd("RCPT TO:<bob@lab.test>"), 452, "4.5.3")
        expect("over the limit of the narrow one", c.data(mails.plain("w", 5000)), 552, "5.3.4")
        c.cmd("MAIL FROM:<ann@sender.test> SIZE=5000")
        expect("SIZE says that it fits", c.cmd("RCPT TO:<bob@lab.test>"), 250, "2.1.5")
        expect("and does not fit the other", c.cmd("RCPT TO:<bob@brief.test>"), 552, "5.3.4")
        b.sink.forget()
        expect("the wide one gets it", c.data(mails.plain("w", 4000)), 250, "2.0.0")
        c.cmd("RSET")
        c.cmd("MAIL FROM:<ann@sender.test> SIZE=1000")
        expect("fits both", c.cmd("RCPT TO:<bob@lab.test>"), 250, "2.1.5")
        expect("so both share it", c.cmd("RCPT TO:<bob@brief.test>"), 250, "2.1.5")


@case
def routes_and_many_recipients(b):
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        equal("the first fixes the route", c.cmd("RCPT TO:<bob@lab.test>").code, 250)
        expect("another route", c.cmd("RCPT TO:<bob@poor.test>"), 452, "4.5.3")
        equal("the others stay", c.cmd("RCPT TO:<amy@lab.test>").code, 250)
        b.sink.forget()
        expect("sent to the first route", c.data(mails.plain("r")), 250, "2.0.0")
    equal("its recipients", [m["rcpt"] for m in b.sink.mails()], [["bob@lab.test", "amy@lab.test"]])
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        c.send("".join(f"RCPT TO:<u{i}@lab.test>\r\n" for i in range(101)))
        got = [c.reply() for _ in range(101)]
        check("100 recipients", all(r.code == 250 for r in got[:100]), [r for r in got[:100] if r.code != 250][:3])
        expect("the 101st", got[100], 452, "4.5.3")
        b.sink.forget()
        expect("sent to 100", c.data(mails.plain("h")), 250, "2.0.0")
    equal("100 at the server", [len(m["rcpt"]) for m in b.sink.mails()], [100])


@case
def poor_server(b):
    """Nothing but RFC 821: no CHUNKING, PIPELINING, SIZE, 8BITMIME, SMTPUTF8."""
    wire = mails.plain("poor") + b".\r\n..two\r\n"
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test> SIZE=1000 BODY=8BITMIME")
        c.cmd("RCPT TO:<bob@poor.test>")
        c.send(b"BDAT %d LAST\r\n" % len(wire) + wire)
        expect("BDAT arrives as DATA", c.reply(), 250, "2.0.0")
        eight = b"Subject: x\r\n\r\n\xc3\xbc\r\n"
        verb, r = c.mail("ann@sender.test", "bob@poor.test", eight, " BODY=8BITMIME")
        expect("8 bit passes as it is", r, 250, "2.0.0")
        r = c.cmd("MAIL FROM:<jürgen@sender.test> SMTPUTF8")
        if r.code == 250:
            r = c.cmd("RCPT TO:<bob@poor.test>")
        expect("SMTPUTF8 against it", r, 550, "5.6.7")
    m = b.poor.mails()
    equal("whole", [x["hash"] for x in m], [mails.digest(wire), mails.digest(eight)])
    equal("by DATA, without parameters", [(x["how"], x["params"]) for x in m], [("data", "")] * 2)
    equal("no violation", b.poor.stats()["violations"], [])


@case
def small_server(b):
    with fresh() as c:
        verb, r = c.mail("ann@sender.test", "bob@small.test", mails.plain("s", 800))
        expect("fits", r, 250, "2.0.0")
        verb, r = c.mail("ann@sender.test", "bob@small.test", mails.plain("s", 5000))
        expect("its SIZE is smaller: 552", r, 552)
        r = c.cmd("MAIL FROM:<ann@sender.test> SIZE=5000")
        expect("SIZE against it at MAIL: its route is not known yet", r, 250, "2.1.0")
        expect("and at RCPT: the server is asked for the mailbox alone", c.cmd("RCPT TO:<bob@small.test>"), 250, "2.1.5")
    equal("no violation", b.small.stats()["violations"], [])


@case
def smtputf8(b):
    b.sink.forget()
    with fresh() as c:
        c.cmd("MAIL FROM:<jürgen@sénder.test> SMTPUTF8")
        expect("UTF-8 local part", c.cmd("RCPT TO:<δοκιμή@lab.test>"), 250, "2.1.5")
        expect("sent", c.data(mails.plain("utf8")), 250, "2.0.0")
        r = c.cmd("MAIL FROM:<jürgen@sender.test>")
        expect("UTF-8 without the parameter", r, 553, "5.6.7")
    m = b.sink.mails()
    equal("at the server", [(x["from"], x["rcpt"], "SMTPUTF8" in x["params"]) for x in m],
          [("jürgen@sénder.test", ["δοκιμή@lab.test"], True)])
    check("Received says UTF8SMTP or ESMTP", re.search(r"with (UTF8SMTP|ESMTP)\b", m[0]["received"] or ""), m[0]["received"])


@case
def upstream_answers(b):
    """What the customer's server says and what the sender gets for it."""
    table = [  # stage, the server's answer, code and enhanced code for the sender, text
        ("mail", "reply:550 5.7.1 you are not welcome", 550, "5.7.1", "you are not welcome"),
        ("mail", "reply:451 4.7.1 greylisted", 451, "4.7.1", "greylisted"),
        ("mail", "reply:530 5.7.0 must issue STARTTLS first", 451, "4.4.1", None),
        ("mail", "reply:500 5.5.2 what", 451, "4.4.1", None),
        ("mail", "bye:421 4.3.2 shutting down", 451, "4.4.1", None),
        ("rcpt", "reply:550 5.1.1 unknown user", 550, "5.1.1", "unknown user"),
        ("rcpt", "reply:550 no enhanced code", 550, "5", "no enhanced code"),
        ("rcpt", "reply:452 4.2.2 mailbox full", 452, "4.2.2", "mailbox full"),
        ("rcpt", "reply:551-5.1.6 moved\n551 5.1.6 elsewhere", 551, "5.1.6", "moved"),
        ("rcpt", "reply:550 5.7.1 blocked at mx7.corp.internal [10.9.8.7]", 550, "5.7.1", "blocked"),
        ("rcpt", "reply:550 5.1.1 a\x01b\x07c", 550, "5.1.1", None),
        ("rcpt", "reply:503 5.5.1 bad sequence", 451, "4.4.1", None),
        ("rcpt", "bye:421 4.3.2 shutting down", 451, "4.4.1", None),
        ("rcpt", "garbage", 451, "4.4.1", None),
        ("data", "reply:554 5.7.1 no DATA today", 554, "5.7.1", "no DATA today"),
        ("data", "reply:451 4.3.0 later", 451, "4.3.0", "later"),
        ("dot", "reply:554 5.6.0 I do not like it", 554, "5.6.0", "I do not like it"),
        ("dot", "reply:552 5.2.2 over quota", 552, "5.2.2", "over quota"),
        ("dot", "reply:451 4.3.0 queue full", 451, "4.3.0", "queue full"),
        ("dot", "reply:250 2.6.0 <x@y> delivered", 250, "2.6.0", "delivered"),
        ("dot", "reply:250 fine", 250, "2.0.0", "fine"),
        ("dot", "reply:500 5.5.2 what", 451, "4.4.1", None),
        ("dot", "reset", 451, "4.4.2", None),
        ("dot", "close", 451, "4.4.2", None),
        ("dot", "lost-reset", 451, "4.4.2", None),
        ("dot", "bye:421 4.3.2 shutting down", 451, "4.4.2", None),  # after our dot: no answer to it
    ]
    for stage, do, code, enhanced, text in table:
        b.sink.faults({"stage": stage, "do": do, "times": 20})
        with fresh() as c:
            r = c.mail("ann@sender.test", "bob@lab.test", mails.plain("up"))[1]
            ok = expect(f"{stage} {do!r}", r, code, None if enhanced == "5" else enhanced, text and re.escape(text))
            if r.code != 250:
                check(f"{stage} {do!r}: has our id", re.search(ID, r.text), r)
            if "10.9.8.7" in do:
                check("private names and addresses are removed", "10.9.8.7" not in r.text and "corp.internal" not in r.text, r)
            check(f"{stage}: no control characters", not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", r.text), r)
        b.sink.faults()
    for stage, do in (("connect", "reply:554 5.7.1 no service"), ("connect", "close"), ("connect", "reset"), ("connect", "garbage"),
                      ("ehlo", "close"), ("ehlo", "bye:554 5.7.1 no")):
        b.sink.kill()
        b.sink.settings["faults"] = [{"stage": stage, "do": do, "times": 20}]
        b.sink.start()
        with fresh() as c:
            expect(f"{stage} {do!r}", c.mail("ann@sender.test", "bob@lab.test", mails.plain("up"))[1], 451, "4.4.1")
        del b.sink.settings["faults"]
    b.sink.kill()
    b.sink.start()
    time.sleep(1.1)  # back-off in the lab is a second at most
    with fresh() as c:
        expect("well again", c.mail("ann@sender.test", "bob@lab.test", mails.plain("up"))[1], 250, "2.0.0")


@case
def no_server(b):
    b.sink.kill()
    time.sleep(0.2)
    t0 = time.monotonic()
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        expect("lab.test without a server", c.cmd("RCPT TO:<bob@lab.test>"), 451, "4.4.1")
        check("within a second", time.monotonic() - t0 < 1.0, time.monotonic() - t0)
        c.cmd("RSET")
        c.cmd("MAIL FROM:<ann@sender.test>")
        expect("list.test: bob is known here", c.cmd("RCPT TO:<bob@list.test>"), 250, "2.1.5")
        expect("451 at the dot", c.data(mails.plain("n")), 451, "4.4.1")
        expect("eve is refused here", (c.cmd("MAIL FROM:<a@b.test>"), c.cmd("RCPT TO:<eve@list.test>"))[1], 550, "5.1.1")
    b.sink.start()
    time.sleep(1.1)
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        expect("the next RCPT after it started", c.cmd("RCPT TO:<bob@lab.test>"), 250, "2.1.5")


@case
def replay_refused(b):
    """A recipient answered 250 is refused when the envelope is sent again: 451 for all, then refused at RCPT."""
    b.sink.forget()
    b.sink.faults({"stage": "rcpt", "do": "reply:550 5.1.1 gone meanwhile", "skip": 1, "times": 99, "match": "fickle"})
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        equal("asked: 250", c.cmd("RCPT TO:<fickle@lab.test>").code, 250)
        equal("another", c.cmd("RCPT TO:<bob@lab.test>").code, 250)
        expect("refused at replay: 451 for all", c.data(mails.plain("f")), 451, "4.2.0")
        c.cmd("MAIL FROM:<ann@sender.test>")
        expect("the retry is refused at RCPT", c.cmd("RCPT TO:<fickle@lab.test>"), 550, "5.1.1")
        equal("the other is taken", c.cmd("RCPT TO:<bob@lab.test>").code, 250)
        expect("and gets the mail", c.data(mails.plain("f")), 250, "2.0.0")
    b.sink.faults()
    equal("nobody is dropped in silence", [m["rcpt"] for m in b.sink.mails()], [["bob@lab.test"]])
    # The same for a mailbox in list mode: known here, refused there.
    b.sink.faults({"stage": "rcpt", "do": "reply:550 5.1.1 not here", "times": 99, "match": "alice@list.test"})
    with fresh() as c:
        c.cmd("MAIL FROM:<ann@sender.test>")
        equal("list: 250", c.cmd("RCPT TO:<alice@list.test>").code, 250)
        expect("list: refused at the server", c.data(mails.plain("l")), 451, "4.2.0")
        c.cmd("MAIL FROM:<ann@sender.test>")
        expect("list: its refusal overrides the list", c.cmd("RCPT TO:<alice@list.test>"), 550, "5.1.1")
    b.sink.faults()


@case
def slow_sender_holds_no_connection(b):
    with begin() as c:
        cases.wait_for("connection back in the pool", lambda: b.sink.stats()["commands"].get("RSET", 0) > 0, 5)
        c.cmd("DATA")
        c.send(b"Subject: slow\r\n\r\n")
        with fresh() as d:
            expect("another sender meanwhile", d.mail("a@b.test", "bob@lab.test", mails.plain("meanwhile"))[1], 250, "2.0.0")
        c.send(b"end\r\n.\r\n")
        expect("the slow one", c.reply(), 250, "2.0.0")


@case
def servers_sees_no_violation(b):
    equal("nothing that the server did not offer", b.sink.stats()["violations"], [])


@case
def failover_by_priority(b):
    backup = Sink(b.dir, [(net.KERNEL4, 2529)], "backup").start()
    primary = Sink(b.dir, [(net.KERNEL4, 2528)], "primary").start()
    try:
        with fresh() as c:
            expect("first priority", c.mail("a@b.test", "bob@two.test", mails.plain("1"))[1], 250, "2.0.0")
            equal("went to the first", (len(primary.mails()), len(backup.mails())), (1, 0))
            primary.kill()
            expect("failover", c.mail("a@b.test", "bob@two.test", mails.plain("2"))[1], 250, "2.0.0")
            equal("went to the second", (len(primary.mails()), len(backup.mails())), (1, 1))
            primary.start()
            def back():
                c.mail("a@b.test", "bob@two.test", mails.plain("3"))
                return len(primary.mails()) > 1
            cases.wait_for("back to the first", back, 10, 0.2)
    finally:
        primary.stop()
        backup.stop()


@case
def early_talk(b):
    b.relay.stop()
    b.relay.config = relay.merge(b.relay.config, {"smtp": {"banner_delay": "700ms"}})
    b.relay.write_config()
    b.relay.start()
    with Client(banner=False) as c:
        c.send("EHLO early.test\r\n")
        expect("talks before the banner", c.reply(), 554, "5.5.1")
        check("closed", c.closed())
    t0 = time.monotonic()
    with Client() as c:
        check("the banner comes late", c.banner.code == 220 and time.monotonic() - t0 > 0.6, time.monotonic() - t0)
        equal("and all is well", c.ehlo().code, 250)


@case
def bare_newlines_normalised(b):
    b.relay.stop()
    b.relay.config = relay.merge(b.relay.config, {"smtp": {"banner_delay": "0s", "bare_newlines": "crlf"}})
    b.relay.write_config()
    b.relay.start()
    b.sink.forget()
    with begin() as c:
        expect("bare LF and CR", c.data(b"Subject: x\r\n\r\na\nb\rc\r\n"), 250, "2.0.0")
    equal("normalised", [m["hash"] for m in b.sink.mails()], [mails.digest(b"Subject: x\r\n\r\na\r\nb\r\nc\r\n")])


@case
def drain(b):
    c = begin()
    c.cmd("DATA")
    c.send(b"Subject: last\r\n\r\n")
    b.relay.p.terminate()
    time.sleep(0.5)
    try:
        d = Client(timeout=2)
        ok = d.banner.code == 421
        d.close()
    except (OSError, Closed):
        ok = True
    check("new ones are refused", ok)
    c.send(b"end\r\n.\r\n")
    expect("the accepted one is finished", c.reply(), 250, "2.0.0")
    c.close()
    equal("exit status", b.relay.p.wait(30), 0)
    b.relay.start()


def setup():
    @contextlib.contextmanager
    def made():
        k4 = net.KERNEL4
        rule = {"priority": 10, "field": "subject", "op": "contains", "value": "cheap loans", "action": "block"}
        both = {"profile": {"allow": ["@good.test"], "deny": ["@bad.test"]}, "rules": [rule]}
        customers = relay.lab_customers()
        # strict, mild and header share one route: the same server, no other setting.
        customers["customers"] += [
            customer("strict", ["strict.test"], [(k4, 2525)], **both),
            customer("mild", ["mild.test"], [(k4, 2525)], profile={"actions": {"pattern": "tag"}, "tag_text": "[SPAM]"}),
            customer("header", ["header.test"], [(k4, 2525)], profile={"actions": {"pattern": "header"}}),
            customer("brief", ["brief.test"], [(k4, 2525)], profile={"max_message": "2KiB"}),
            customer("poor", ["poor.test"], [(k4, 2526)]),
            customer("small", ["small.test"], [(k4, 2527)]),
            customer("two", ["two.test"], [(k4, 2528, 10), (k4, 2529, 20)]),
        ]
        with relay.bench(cases.args, customers, store=True) as b:
            b.poor = Sink(b.dir, [(k4, 2526)], "poor", ehlo=[]).start()
            b.small = Sink(b.dir, [(k4, 2527)], "small", ehlo=["PIPELINING", "SIZE 1000"], max_size=1000).start()
            try:
                yield b
            finally:
                b.poor.stop()
                b.small.stop()
    return made()


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirrep")
    cases.run(setup)
