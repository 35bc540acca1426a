#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_addresses.py - forms of addresses and what RFC 5321 says of them; open relay.

lab.test asks its server, which takes anything; list.test knows bob and alice here; all else is foreign.
"""
import re

from weirtest import cases, mails, net, relay
from weirtest.cases import case, check, equal
from weirtest.client import Client

OK = "ok"              # 250 2.1.5
SYNTAX = "syntax"      # 501 5.1.3: no address by the grammar
ARGS = "arguments"     # 501 5.5.4: the command is wrong around it
RELAY = "relay"        # 550 5.7.1 relaying denied
UNKNOWN = "unknown"    # 550 5.1.1
UTF8 = "utf8"          # 553 5.6.7: needs SMTPUTF8 in MAIL (RFC 6531 3.5)
REFUSED = "refused"    # 553 5.1.3: an address, and not allowed: too long, or a way through relays

L64, L65 = "a" * 64, "a" * 65
LABEL63, LABEL64 = "b" * 63, "b" * 64
DOMAIN255 = ".".join(["c" * 49] * 5) + ".test"     # 254 with the dots: 5*49+4+5
DOMAIN256 = ".".join(["c" * 62] * 4) + ".test"     # 256

# form after "RCPT TO:", expectation, what the customer's server must see (None: the form without brackets)
RCPT = [
    ("<bob@lab.test>", OK, None),
    ("<BOB@LAB.TEST>", OK, "BOB@lab.test"),
    ("<bob@list.test>", OK, None),
    ("<BoB@LiSt.TeSt>", OK, "BoB@list.test"),
    ("<eve@list.test>", UNKNOWN, None),
    ("<\"bob\"@list.test>", OK, "bob@list.test"),
    ("<\"b\\ob\"@list.test>", OK, "bob@list.test"),
    ("<\"bob\"@lab.test>", OK, "bob@lab.test"),
    ("<\"bob smith\"@lab.test>", OK, None),
    ("<\"a\\\"b\"@lab.test>", OK, None),
    ("<\"a\\\\b\"@lab.test>", OK, None),
    # % ! and a quoted @ were ways through relays: refused.
    ("<\"bob@foreign.test\"@lab.test>", REFUSED, None),
    ("<\"a>b\"@lab.test>", OK, None),
    ("<\"a<b\"@lab.test>", OK, None),
    ("<\".bob\"@lab.test>", OK, None),
    ("<\"bo..b\"@lab.test>", OK, None),
    ("<\"\"@lab.test>", SYNTAX, None),
    ("<#$&'*+-/=?^_`{|}~@lab.test>", OK, None),
    ("<!#$%&'*+-/=?^_`{|}~@lab.test>", REFUSED, None),
    ("<bob+tag@lab.test>", OK, None),
    ("<a.b.c@lab.test>", OK, None),
    ("<0@lab.test>", OK, None),
    (f"<{L64}@lab.test>", OK, None),
    (f"<{L65}@lab.test>", REFUSED, None),
    ("<postmaster>", OK, "postmaster@lab.test"),
    ("<POSTMASTER>", OK, "postmaster@lab.test"),
    ("<postmaster@lab.test>", OK, None),
    ("<PostMaster@list.test>", OK, "PostMaster@list.test"),
    ("<@lab.test:bob@lab.test>", OK, "bob@lab.test"),
    ("<@a.test,@b.test:bob@lab.test>", OK, "bob@lab.test"),
    ("<@foreign.test:bob@lab.test>", OK, "bob@lab.test"),
    # Open relay: the last domain decides, however it is wrapped.
    ("<bob@foreign.test>", RELAY, None),
    ("<@lab.test:bob@foreign.test>", RELAY, None),
    ("<@lab.test,@list.test:bob@foreign.test>", RELAY, None),
    ("<postmaster@foreign.test>", RELAY, None),
    ("<bob@sub.lab.test>", RELAY, None),
    ("<bob@lab.test.foreign.test>", RELAY, None),
    ("<bob@evil-lab.test>", RELAY, None),
    ("<bob@test>", RELAY, None),
    ("<bob@localhost>", RELAY, None),
    ("<bob@xn--bcher-kva.test>", RELAY, None),
    ("<bob@[192.0.2.1]>", RELAY, None),
    ("<bob@[10.77.0.2]>", RELAY, None),
    ("<bob@[IPv6:2001:db8::1]>", RELAY, None),
    ("<bob@[ipv6:::1]>", RELAY, None),
    ("<bob%foreign.test@lab.test>", REFUSED, None),
    ("<foreign.test!bob@lab.test>", REFUSED, None),
    ("<bob%lab.test@foreign.test>", REFUSED, None),
    ("<lab.test!bob@foreign.test>", REFUSED, None),
    ("<\"bob@lab.test\"@foreign.test>", REFUSED, None),
    (f"<bob@{LABEL63}.test>", RELAY, None),
    (f"<bob@{DOMAIN255}>", RELAY, None),
    # No address.
    ("<bob@lab.test@foreign.test>", SYNTAX, None),
    ("<bob@foreign.test@lab.test>", SYNTAX, None),
    ("<>", SYNTAX, None),
    ("<bob>", SYNTAX, None),
    ("<@lab.test>", SYNTAX, None),
    ("<@>", SYNTAX, None),
    ("<bob@>", SYNTAX, None),
    ("<postmaster@>", SYNTAX, None),
    ("<.bob@lab.test>", SYNTAX, None),
    ("<bob.@lab.test>", SYNTAX, None),
    ("<bo..b@lab.test>", SYNTAX, None),
    ("<bob@.lab.test>", SYNTAX, None),
    ("<bob@lab..test>", SYNTAX, None),
    ("<bob@lab.test.>", SYNTAX, None),
    ("<bob@-lab.test>", SYNTAX, None),
    ("<bob@lab-.test>", SYNTAX, None),
    ("<bob@lab.test->", SYNTAX, None),
    ("<bob@la b.test>", SYNTAX, None),
    ("<bob@lab/test>", SYNTAX, None),
    ("<bob@lab@test>", SYNTAX, None),
    (f"<bob@{LABEL64}.test>", REFUSED, None),
    (f"<bob@{DOMAIN256}>", REFUSED, None),
    ("<bo b@lab.test>", SYNTAX, None),
    ("< bob@lab.test>", SYNTAX, None),
    ("<bob@lab.test >", SYNTAX, None),
    ("<bob(comment)@lab.test>", SYNTAX, None),
    ("<bob,amy@lab.test>", SYNTAX, None),
    ("<bob;@lab.test>", SYNTAX, None),
    ("<bob:@lab.test>", SYNTAX, None),
    ("<bo\\b@lab.test>", SYNTAX, None),
    ("<bob\t@lab.test>", SYNTAX, None),
    ("<bob\x01@lab.test>", SYNTAX, None),
    ("<bob\x7f@lab.test>", SYNTAX, None),
    ("<\"bob@lab.test>", SYNTAX, None),
    ("<\"bob\"x@lab.test>", SYNTAX, None),
    ("<\"bob\".x@lab.test>", SYNTAX, None),
    ("<x.\"bob\"@lab.test>", SYNTAX, None),
    ("<\"bo\"b\"@lab.test>", SYNTAX, None),
    ("<\"bob\\\"@lab.test>", SYNTAX, None),
    ("<\"a\x01b\"@lab.test>", SYNTAX, None),
    ("<bob@[192.0.2.256]>", SYNTAX, None),
    ("<bob@[192.0.2]>", SYNTAX, None),
    ("<bob@[192.0.2.1>", SYNTAX, None),
    ("<bob@192.0.2.1]>", SYNTAX, None),
    ("<bob@[IPv6:2001:zz::1]>", SYNTAX, None),
    ("<bob@[IPv6:::1::2]>", SYNTAX, None),
    ("<bob@[]>", SYNTAX, None),
    ("<@lab.test bob@lab.test>", SYNTAX, None),
    ("<@lab.test,bob@lab.test>", SYNTAX, None),
    ("<lab.test:bob@lab.test>", SYNTAX, None),
    ("bob@lab.test", SYNTAX, None),
    ("<bob@lab.test", SYNTAX, None),
    ("bob@lab.test>", SYNTAX, None),
    ("<<bob@lab.test>>", SYNTAX, None),
    ("<bob@lab.test>x", ARGS, None),
    ("<bob@lab.test> <amy@lab.test>", ARGS, None),
    ("", ARGS, None),
    (" <bob@lab.test>", OK, "bob@lab.test"),
    ("<bob@lab.test> ", OK, "bob@lab.test"),
    ("<jürgen@lab.test>", UTF8, None),
    ("<bob@läb.test>", UTF8, None),
]

MAIL = [
    ("<ann@sender.test>", OK), ("<>", OK), ("<\"ann b\"@sender.test>", OK), ("<ann@[192.0.2.1]>", OK),
    ("<ann@[IPv6:2001:db8::1]>", OK), ("<@a.test:ann@sender.test>", OK), (f"<{L64}@sender.test>", OK),
    ("<ann@x>", OK), (f"<{L65}@sender.test>", REFUSED), ("<ann>", SYNTAX), ("<ann@>", SYNTAX), ("<@sender.test>", SYNTAX),
    ("<ann@sender..test>", SYNTAX), ("<an n@sender.test>", SYNTAX), ("ann@sender.test", SYNTAX), ("<ann@sender.test", SYNTAX),
    ("< >", SYNTAX), ("<ann@sender.test>x", ARGS), ("<ann@[300.1.1.1]>", SYNTAX), ("<\"ann@sender.test>", SYNTAX),
    ("<ann@-sender.test>", SYNTAX), ("<\x01@sender.test>", SYNTAX),
]


def fits(r, want, good):
    if want == OK:
        return r.is_(250, good)
    if want == RELAY:
        return r.is_(550, "5.7.1") and "relaying denied" in r.text
    return r.is_(*{SYNTAX: (501, "5.1.3"), ARGS: (501, "5.5.4"), REFUSED: (553, "5.1.3"), UNKNOWN: (550, "5.1.1"), UTF8: (553, "5.6.7")}[want])


def printable(form):
    return re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02x}", form if len(form) < 60 else form[:50] + f"... ({len(form)})")


@case
def rcpt_forms(b):
    """Each form; what was taken is sent, and arrives at the server under the right name."""
    for form, want, seen in RCPT:
        b.sink.forget()
        with Client() as c:
            c.ehlo()
            c.cmd("MAIL FROM:<ann@sender.test>")
            r = c.cmd(f"RCPT TO:{form}")
            if not check(f"RCPT TO:{printable(form)} is {want}", fits(r, want, "2.1.5"), r):
                continue
            if r.code == 250:
                r = c.data(mails.plain("form"))
                got = [x for m in b.sink.mails() for x in m["rcpt"]]
                target = seen or form.strip("<>")
                same = got == [target] or (len(got) == 1 and got[0].lower() == target.lower())
                check(f"RCPT TO:{printable(form)} arrives", r.code == 250 and same, f"{r}, at the server {got}, want {target}")
            else:
                r = c.data(mails.plain("form"))
                check(f"RCPT TO:{printable(form)}: nothing arrives", r.is_(554, "5.5.1") and not b.sink.mails(), r)


@case
def mail_forms(b):
    for form, want in MAIL:
        with Client() as c:
            c.ehlo()
            r = c.cmd(f"MAIL FROM:{form}")
            check(f"MAIL FROM:{printable(form)} is {want}", fits(r, want, "2.1.0"), r)


@case
def no_foreign_name_at_the_server(b):
    equal("no violation", b.sink.stats()["violations"], [])


if __name__ == "__main__":
    assert len(RCPT) >= 60 and len(DOMAIN256) > 255 >= len(DOMAIN255)
    cases.parse_args()
    net.enter("weiradr")
    cases.run(lambda: relay.bench(cases.args))
