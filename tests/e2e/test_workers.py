#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_workers.py - two workers on one tap: flows reach the core that owns them, whichever queue the kernel used; limits to
a customer's server hold for both together; reload, drain and the sums are the node's."""
from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal, note

SESSIONS = 20


@case
def both_take_mail(b):
    n = 400 if cases.args.quick else 4000
    bulk = client.Bulk([(i, f"m{i}@sender.test", ["bob@lab.test"], mails.plain(i, 4000)) for i in range(n)],
                       sessions=SESSIONS, addr=[net.RELAY4, net.RELAY6], reuse=2)
    got = bulk.run()
    bad = [r for r in got if r.code != 250]
    check(f"{n} mails", not bad, [(r.code, r.text) for r in bad[:3]])
    equal("at the server", sorted(m["from"] for m in b.sink.mails()), sorted(f"m{i}@sender.test" for i in range(n)))
    check("warm connections of both workers: at most 10 at once", b.sink.stats()["max_open"] <= 10, b.sink.stats()["max_open"])
    equal("no violation", b.sink.stats()["violations"], [])
    note(f"{len(got) / bulk.seconds:.0f} mails/s")


@case
def the_sums_are_the_nodes(b):
    s = cases.wait_for("idle", lambda: (lambda s: s if s["mails"]["in_flight"] == 0 and s["sessions"] == 0 else None)(b.relay.status()), 10)
    m = s["mails"]
    equal("sent = delivered + refused + deferred + given_up", m["sent"], m["delivered"] + m["refused"] + m["deferred"] + m["given_up"])
    check("both workers ended mails", cases.wait_for("so the log", lambda: {e["worker"] for e in b.relay.log("mail")} == {0, 1}))
    lost = {k: int(v) for k, v in b.relay.metrics().items() if "steer_wrong" in k and int(v)}
    equal("no frame reached a worker that does not own it", lost, {})


@case
def reload_and_drain(b):
    equal("reload", b.relay.ctl("reload").returncode, 0)
    with client.Client() as c:
        c.ehlo()
        equal("a mail after it", c.mail("ann@sender.test", ["bob@lab.test"], mails.plain("after"))[1].code, 250)
    equal("drain: exit status", b.relay.stop(), 0)
    b.relay.start()


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirwrk")
    cases.run(lambda: relay.bench(cases.args, config={"dataplane": {"cores": "0-1"}}))
