#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_actions.py - each action of a filter from the customer's settings to what his server gets, log and counters."""
import contextlib
import json
import os
import re
import time

from weirtest import cases, mails, net, relay
from weirtest.cases import case, check, equal
from weirtest.client import Client
from weirtest.relay import Sink, customer

FORWARD = "spam@collect.test"


def send(rcpts, body, sender="ann@sender.test", params=""):
    with Client() as c:
        c.ehlo("sender.test")
        return c.mail(sender, rcpts if isinstance(rcpts, list) else [rcpts], body)[1]


def counter(b, name):
    return sum(v for k, v in b.relay.metrics().items() if k.split("{")[0] == name)


def bodies(b):
    return [open(m["file"], "rb").read() for m in b.sink.mails()]


@case
def forward(b):
    b.sink.forget()
    before = counter(b, "weir_mails_forwarded_total")
    r = send("bob@forward.test", mails.gtube(1))
    check("the sender is told that it was taken", r.is_(250, "2.0.0"), r)
    got = b.sink.mails()
    equal("to the address alone", [m["rcpt"] for m in got], [[FORWARD]])
    equal("from its sender", [m["from"] for m in got], ["ann@sender.test"])
    text = bodies(b)[0]
    check("for whom it was", re.search(rb"\n\tfor <bob@forward\.test>;|for <bob@forward\.test>", text[:1000]), text[:600])
    check("and why", re.search(rb"^X-Weir-Verdict: pattern\r$", text, re.M) and re.search(rb"^X-Weir-Rules: GTUBE", text, re.M), text[:600])
    equal("counted", counter(b, "weir_mails_forwarded_total"), before + 1)
    verdict = b.relay.verdict(r.id)
    equal("in the log", (verdict["action"], verdict["filter"]), ("forward", "pattern"))
    r = send("bob@forward.test", mails.plain("clean"))
    check("what no filter hits", r.is_(250, "2.0.0"), r)
    equal("goes to its recipient", b.sink.mails()[-1]["rcpt"], ["bob@forward.test"])
    r = send(["bob@forward.test", "eve@forward.test", "joe@forward.test"], mails.gtube(2))
    equal("three of them: once", (r.code, b.sink.mails()[-1]["rcpt"]), (250, [FORWARD]))
    balance = b.relay.balance()
    equal("the sum", balance["sent"], sum(v for k, v in balance.items() if k != "sent"))


@case
def forward_beside_others(b):
    """One is forwarded, the other gets it: no server has both forms in one transaction (decisions 6)."""
    b.sink.forget()
    r = send(["bob@forward.test", "bob@continue.test"], mails.gtube(3), sender="two@sender.test")
    check("451 once", r.is_(451, "4.7.1"), r)
    equal("nothing was sent", b.sink.mails(), [])
    with Client() as c:
        c.ehlo("sender.test")
        c.cmd("MAIL FROM:<two@sender.test>")
        equal("the retry: first recipient", c.cmd("RCPT TO:<bob@forward.test>").code, 250)
        equal("the retry: second recipient later", c.cmd("RCPT TO:<bob@continue.test>").code, 452)
        equal("the first one's", c.data(mails.gtube(3)).code, 250)
    r = send("bob@continue.test", mails.gtube(3), sender="two@sender.test")
    equal("the second one's", r.code, 250)
    equal("each its own way", [m["rcpt"] for m in b.sink.mails()], [[FORWARD], ["bob@continue.test"]])
    agree = send(["bob@forward.test", "bob@continue.test"], mails.plain("agree"), sender="three@sender.test")
    equal("a mail that no filter hits: both", (agree.code, b.sink.mails()[-1]["rcpt"]), (250, ["bob@forward.test", "bob@continue.test"]))


@case
def forward_refused(b):
    """A server that does not know the address: the mail is not lost, its recipients get it."""
    b.sink.forget()
    before = counter(b, "weir_forward_refused_total")
    b.sink.faults({"stage": "rcpt", "do": "reply:550 5.1.1 no such mailbox", "match": "collect.test", "times": 1})
    r = send(["bob@forward.test", "eve@forward.test"], mails.gtube(4))
    check("taken", r.is_(250, "2.0.0"), r)
    equal("by its recipients", b.sink.mails()[-1]["rcpt"], ["bob@forward.test", "eve@forward.test"])
    check("who see what was found", b"X-Weir-Verdict: pattern\r\n" in bodies(b)[-1])
    equal("counted", counter(b, "weir_forward_refused_total"), before + 1)
    for text in ("501 5.1.3 what is that", "521 5.7.1 no mail here"):
        b.sink.faults({"stage": "rcpt", "do": f"reply:{text}", "match": "collect.test", "times": 1})
        r = send("bob@forward.test", mails.gtube(4))
        equal(f"{text}: no retry would mend it", (r.code, b.sink.mails()[-1]["rcpt"]), (250, ["bob@forward.test"]))
    b.sink.faults({"stage": "rcpt", "do": "reply:451 4.3.0 later", "match": "collect.test", "times": 1})
    r = send("bob@forward.test", mails.gtube(5))
    check("what is only put off is put off", r.code == 451, r)
    r = send("bob@forward.test", mails.gtube(5))
    equal("and comes", (r.code, b.sink.mails()[-1]["rcpt"]), (250, [FORWARD]))


@case
def forward_streamed(b):
    """Over hold_bytes: its window decides, before the rest has come."""
    b.sink.forget()
    body = mails.gtube(6) + b"line of a long mail\r\n" * 150000
    r = send("bob@forward.test", body)
    check("taken", r.is_(250, "2.0.0"), r)
    equal("to the address alone", [m["rcpt"] for m in b.sink.mails()], [[FORWARD]])
    equal("it was streamed", counter(b, "weir_streamed_total"), 1)
    r = send("bob@forward.test", body + b"the end is not welcome\r\n")
    check("its end is judged for him that it is for", r.is_(550, "5.7.1"), r)
    equal("so nobody has it", len(b.sink.mails()), 1)


@case
def by_custom_rule(b):
    b.sink.forget()
    r = send("bob@rules.test", mails.plain("a", subject="please collect this"))
    equal("forward", (r.code, b.sink.mails()[-1]["rcpt"]), (250, [FORWARD]))
    r = send("bob@rules.test", mails.plain("b", subject="please tag this"))
    check("tag", r.code == 250 and b"Subject: [LOOK] please tag this b\r\n" in bodies(b)[-1], bodies(b)[-1][:500])
    r = send("bob@rules.test", mails.plain("c", subject="please head this"))
    check("header", r.code == 250 and b"X-Weir-Verdict: custom\r\n" in bodies(b)[-1], bodies(b)[-1][:500])
    r = send("bob@rules.test", mails.plain("d", subject="please block this"))
    check("block", r.is_(550, "5.7.1"), r)
    r = send("bob@rules.test", mails.plain("e", subject="our list: please block this"))
    check("continue is an exception to the rules behind it", r.is_(250, "2.0.0"), r)


@case
def by_continue(b):
    b.sink.forget()
    body = mails.gtube(7)
    r = send("bob@continue.test", body)
    check("taken", r.is_(250, "2.0.0"), r)
    equal("as it was", b.sink.mails()[-1]["hash"], mails.digest(body))
    check("but named in the log", "GTUBE" in b.relay.verdict(r.id)["rules"])


@case
def senders(b):
    """Mailbox before customer, allow before deny, at RCPT and for what is in the mail."""
    rows = (("x@bad.test", "bob@senders.test", 550), ("friend@bad.test", "bob@senders.test", 550),
            ("friend@bad.test", "ann@senders.test", 250), ("x@bad.test", "ann@senders.test", 550),
            ("x@good.test", "bob@senders.test", 250), ("x@sub.good.test", "bob@senders.test", 250),
            ("x@good.test", "ann@senders.test", 550), ("x@other.test", "bob@senders.test", 250))
    for sender, rcpt, code in rows:
        with Client() as c:
            c.ehlo("sender.test")
            c.cmd(f"MAIL FROM:<{sender}>")
            equal(f"{sender} to {rcpt}", c.cmd(f"RCPT TO:<{rcpt}>").code, code)
    r = send("bob@senders.test", mails.gtube(8), sender="x@good.test")
    check("an allowed one's mail passes", r.is_(250, "2.0.0"), r)
    r = send("bob@senders.test", mails.gtube(9), sender="x@other.test")
    check("another's does not", r.is_(550, "5.7.1"), r)
    r = send("raw@senders.test", mails.gtube(10), sender="x@bad.test")
    check("a mailbox with filtering off gets all", r.is_(250, "2.0.0"), r)


@case
def backup_mx(b):
    """Mail that comes by the backup while the primary greets has one point more (S14)."""
    def score():
        r = send("bob@lab.test", mails.plain("backup"))
        assert r.code == 250, r
        return b.relay.verdict(r.id)

    def restart(backup):
        b.relay.stop()
        b.relay.config["listen"] = [{"address": "any", "port": 25, **({"backup_of": net.KERNEL4} if backup else {})}]
        b.relay.write_config()
        b.relay.start()

    plain = score()
    restart(True)
    time.sleep(3)  # two ticks: nobody listens at the primary's port 25
    check("primary down: no sign", "BY_BACKUP_MX" not in score()["rules"], score())
    b.relay.stop()
    primary = Sink(b.dir, [(net.KERNEL4, 25)], "primary").start()
    try:
        restart(True)
        time.sleep(3)
        got = score()
        check("primary up: the rule", "BY_BACKUP_MX" in got["rules"], got)
        equal("and its score", got["score_milli"], plain["score_milli"] + 800)
    finally:
        primary.stop()
        restart(False)
    check("no backup: no sign", "BY_BACKUP_MX" not in score()["rules"])


@case
def refused_by_import(b):
    good = {"profile": {"actions": {"url": "forward"}, "forward_to": FORWARD}}
    rows = (("quarantine", {"profile": {"actions": {"url": "quarantine"}}}, "quarantine"),
            ("quarantine by a rule", {"rules": [{"field": "subject", "value": "x", "action": "quarantine"}]}, "quarantine"),
            ("forward without an address", {"profile": {"actions": {"url": "forward"}}}, "profile.forward_to is missing"),
            ("forward by a rule, without", {"rules": [{"field": "subject", "value": "x", "action": "forward"}]}, "profile.forward_to is missing"),
            *((f"forward to {a!r}", relay.merge(good, {"profile": {"forward_to": a}}), "profile.forward_to: wants an address")
              for a in ("", "nobody", "@x.test", "a@", "a@nodot", "a b@x.test", "a@x.test>", "a@x.test\t", "<a@x.test>", "a..b@x.test", "a@x.test,b@x.test",
                        "a@[192.0.2.1]", "x" * 65 + "@x.test")))
    for name, over, word in rows:
        path = os.path.join(b.dir, "refused.json")
        with open(path, "w") as f:
            json.dump({"customers": [relay.merge(customer("new", ["new.test"], [(net.KERNEL4, 2525)]), over)]}, f)
        r = b.relay.ctl("customer", "import", path, "--config", b.relay.config_path)
        check(name, r.returncode == 1 and (word in r.stderr or "control characters" in r.stderr), (r.returncode, r.stderr))


def setup():
    @contextlib.contextmanager
    def made():
        sink = [(net.KERNEL4, 2525)]

        def rule(n, text, action):
            return {"priority": n, "field": "subject", "op": "contains", "value": text, "action": action}

        customers = relay.lab_customers()
        customers["customers"] += [
            customer("forward", ["forward.test"], sink, profile={"actions": {"pattern": "forward"}, "forward_to": FORWARD},
                     rules=[{"priority": 1, "field": "body", "op": "contains", "value": "the end is not welcome", "action": "block"}]),
            customer("continue", ["continue.test"], sink, profile={"actions": {"pattern": "continue"}}),
            customer("rules", ["rules.test"], sink, profile={"tag_text": "[LOOK]", "forward_to": FORWARD},
                     rules=[rule(1, "our list", "continue"), rule(2, "collect this", "forward"), rule(3, "tag this", "tag"),
                            rule(4, "head this", "header"), rule(5, "block this", "block")]),
            {**customer("senders", ["senders.test"], sink, profile={"allow": ["@good.test"], "deny": ["@bad.test", "friend@bad.test"]}),
             "mailboxes": {"mode": "any", "settings": [{"local": "ann", "allow": ["friend@bad.test"], "deny": ["@good.test"]},
                                                       {"local": "raw", "filtering": False}]}},
        ]
        with relay.bench(cases.args, customers, store=True) as b:
            yield b
    return made()


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weiract")
    cases.run(setup)
