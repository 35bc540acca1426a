#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_limits.py - what one network may hold open, and the tcp section, as an operator sets them: seen, refused, changed by a reload."""
import copy

from weirtest import cases, client, net, relay
from weirtest.cases import case, check, equal


def reload_with(b, **sections):
    """The lab's configuration with these sections merged in; what weirctl says of it."""
    b.relay.config = relay.merge(b.relay.config, sections)
    b.relay.write_config()
    return b.relay.ctl("reload")


def result(b, what):
    return sum(v for k, v in b.relay.metrics().items()
               if k.startswith("weir_smtp_sessions_total") and f'result="{what}"' in k)


@case
def connections_of_a_network(b):
    was = copy.deepcopy(b.relay.config)
    equal("reload", reload_with(b, limits={"per_address": "on", "connections": 50, "connections_per_prefix": 3}).returncode, 0)
    with_banner = []
    try:
        for addr in (net.RELAY4, net.RELAY6):  # an IPv4 /24 and an IPv6 /48 are two networks
            mine = [client.Client(addr) for _ in range(3)]
            with_banner += mine
            equal(f"three by {addr}", [c.banner.code for c in mine], [220] * 3)
            with client.Client(addr) as c:
                equal("the fourth", (c.banner.code, "network" in c.banner.text), (421, True))
        equal("counted", result(b, "prefix_limit"), 2)
        equal("reload", reload_with(b, limits={"connections_per_prefix": 4}).returncode, 0)
        with client.Client() as c:
            equal("a reload changes it", c.banner.code, 220)
        with_banner[0].reset()
        with_banner[1].quit()
        equal("reload", reload_with(b, limits={"connections_per_prefix": 2}).returncode, 0)
        cases.wait_for("ends of every kind are given back", lambda: again(), 10)
        equal("0 is any number", reload_with(b, limits={"connections_per_prefix": 0}).returncode, 0)
        many = [client.Client() for _ in range(20)]
        with_banner += many
        equal("twenty", {c.banner.code for c in many}, {220})
    finally:
        for c in with_banner:
            c.close()
        b.relay.config = was
        b.relay.write_config()
        equal("reload", b.relay.ctl("reload").returncode, 0)
    cases.wait_for("no session is left", lambda: b.relay.status()["sessions"] == 0, 10)
    r = reload_with(b, limits={"connections_per_prefix": "many"})
    check("a wrong figure is refused with its key", r.returncode != 0 and "limits.connections_per_prefix" in r.stderr, r.stderr)
    b.relay.config = was
    b.relay.write_config()
    equal("reload", b.relay.ctl("reload").returncode, 0)


def again():
    """One of the first three is left: a second one has room."""
    with client.Client() as c:
        return c.banner.code == 220


@case
def tcp_section(b):
    was = copy.deepcopy(b.relay.config)
    probes = "weir_tcp_keep_alive_probes_total"

    def asked():
        return sum(v for k, v in b.relay.metrics().items() if k.startswith(probes))

    for key, wrong in (("ecn", "on"), ("keep_idle", "-1s"), ("keep_probes", 0)):
        r = reload_with(b, tcp={key: wrong})
        check(f"tcp.{key}: {wrong} is refused with its key", r.returncode != 0 and f"tcp.{key}" in r.stderr, r.stderr)
        if key == "ecn":
            check("and what it may be", all(w in r.stderr for w in ("passive", "off", "active")), r.stderr)
        b.relay.config = copy.deepcopy(was)
    try:
        equal("reload", reload_with(b, tcp={"ecn": "active", "keep_idle": "1s", "keep_interval": "1s"}).returncode, 0)
        with client.Client() as c:
            cases.wait_for("a silent sender is asked", lambda: asked() >= 2, 10)
            c.ehlo()
            equal("and stays", c.cmd("NOOP").code, 250)
    finally:
        b.relay.config = was
        b.relay.write_config()
        equal("reload", b.relay.ctl("reload").returncode, 0)


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirlim")
    cases.run(lambda: relay.bench(cases.args))
