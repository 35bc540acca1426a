#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_failopen.py - each stage of the engine fails in turn (WEIR_FAULT, builds with -Dfaults=true): mail passes, the server's copy,
the counter of the stage and the log say so."""
import contextlib
import os
import re

from weirtest import cases, mails, net, relay
from weirtest.cases import case, check, equal
from weirtest.client import Client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def stages():
    with open(os.path.join(ROOT, "engine/stages.def")) as f:
        return re.findall(r'^STAGE\(\w+, \w+, "(\w+)"\)', f.read(), re.M)


# Mails that this stage's filters alone would refuse; of the others a clean one is sent.
SPAM = {s: mails.gtube(1) for s in ("mime", "charset", "match", "policy")}
HTML = (b"From: Ann <ann@sender.test>\r\nTo: Bob <bob@lab.test>\r\nSubject: minutes\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        b"Message-ID: <1@sender.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>The minutes of Tuesday: %s</p>\r\n")
SPAM["html"] = HTML % mails.GTUBE
SPAM["file"] = (b"From: a@b.test\r\nContent-Type: application/octet-stream; name=x.bin\r\n\r\n"
                b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*\r\n")
# Without a country database or a learned model there is nothing that could fail.
IDLE = {"geo", "model"}


def send(body):
    with Client() as c:
        c.ehlo("sender.test")
        return c.mail("ann@sender.test", ["bob@lab.test"], body)[1]


def restart(b, fault):
    b.relay.stop()
    os.environ.pop("WEIR_FAULT", None)
    if fault:
        os.environ["WEIR_FAULT"] = fault
    b.relay.start()
    os.environ.pop("WEIR_FAULT", None)
    b.sink.forget()


@case
def none(b):
    equal("without a fault: refused", send(mails.gtube(1)).code, 550)
    equal("the others too", [send(SPAM[s]).code for s in ("html", "file")], [550, 550])


@case
def each(b):
    for stage in stages():
        restart(b, stage)
        body = mails.plain(1) if stage in IDLE else SPAM.get(stage, HTML % b'<a href="http://fine.example/">here</a>')
        r = send(body)
        check(f"{stage}: mail passes", r.is_(250, "2.0.0"), r)
        got = open(b.sink.mails()[-1]["file"], "rb").read() if b.sink.mails() else b""
        head = f"X-Weir-Unscanned: {stage}\r\n".encode()
        counted = b.relay.metrics()
        failures = counted[f'weir_scan_stage_failures_total{{stage="{stage}"}}']
        if stage in IDLE:
            check(f"{stage}: nothing there to fail", b"X-Weir-Unscanned" not in got and failures == 0 and counted["weir_mails_unscanned_total"] == 0)
            continue
        check(f"{stage}: its copy says so", head in got, got[:500])
        equal(f"{stage}: counted", (failures, counted["weir_mails_unscanned_total"]), (1, 1))
        verdict = b.relay.verdict(r.id)
        equal(f"{stage}: in the log", (verdict["action"], verdict["filter"]), ("deliver", "unscanned"))


@case
def all_at_once(b):
    restart(b, "all")
    r = send(mails.gtube(2))
    check("mail passes", r.is_(250, "2.0.0"), r)
    got = open(b.sink.mails()[-1]["file"], "rb").read()
    check("its copy says so", b"X-Weir-Unscanned: mime, " in got, got[:500])
    with Client() as c:
        c.ehlo("sender.test")
        c.cmd("MAIL FROM:<ann@sender.test>")
        equal("only configured domains, still", c.cmd("RCPT TO:<bob@elsewhere.test>").code, 550)
        equal("only listed mailboxes, still", c.cmd("RCPT TO:<nobody@list.test>").code, 550)
    restart(b, None)
    equal("healthy again: refused", send(mails.gtube(3)).code, 550)


def has_switch(build):
    with open(os.path.join(build, "weir"), "rb") as f:
        return b"WEIR_FAULT" in f.read()


def setup():
    @contextlib.contextmanager
    def made():
        with relay.bench(cases.args, relay.lab_customers(), store=True) as b:
            yield b
    return made()


if __name__ == "__main__":
    cases.parse_args()
    if not has_switch(cases.args.build):
        print("SKIP failing stages: this build has no switch for them (-Dfaults=true)\n0 passed, 0 failed, 1 skipped")
        raise SystemExit(0)
    net.enter("weirfail")
    cases.run(setup)
