#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_devices.py - the relay on devices other than a tap: AF_PACKET and AF_XDP on a veth pair, memif to another process.

On each: the kernel resolves the relay and the relay the kernel (ARP and ND), echo of every size up to the MTU and both families,
mails of one and of many segments in and out, unchanged; and the frames that the device cannot send in pieces go out in one.
memif has no kernel's end: packet-bridge, a process of its own, joins it to the tap.
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal

NS = ""
PORT = {"addresses": [f"{net.RELAY4}/24", f"{net.RELAY6}/64"], "gateway4": net.KERNEL4, "gateway6": net.KERNEL6}


def echo(address, size):
    """Until five were answered: a machine under load may lose some, or answer late."""
    left, end = 5, time.monotonic() + 30
    while left > 0:
        out = net.sh("ping", "-c", str(left), "-i", "0.05", "-W", "1", "-s", str(size), address, check=False).stdout
        left -= int(out.split(" received")[0].split()[-1])
        assert time.monotonic() < end, f"no echo of {size} bytes from {address}: {out}"


def neighbour(address):
    """The MAC that the kernel knows for an address of the relay."""
    words = net.sh("ip", "neigh", "show", "to", address, "dev", net.TAP).stdout.split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else ""


def talk(b):
    """Everything that a device must carry."""
    for address, most in ((net.RELAY4, 1472), (net.RELAY6, 1452)):
        for size in (0, 56, most):
            echo(address, size)
    equal("both families resolve to one MAC", len({neighbour(net.RELAY4), neighbour(net.RELAY6)} - {""}), 1)
    net.sh("ip", "neigh", "flush", "dev", net.TAP)  # and again, by the relay's answers alone
    wires = {}
    for i, size in enumerate((600, 3000, 20000, 300000)):
        for address in (net.RELAY4, net.RELAY6):
            sender, wire = f"m{len(wires)}@sender.test", mails.plain(f"{i} {address}", size)
            with client.Client(address) as c:
                c.ehlo()
                r = c.mail(sender, "bob@lab.test", wire)[1]
            check(f"{size} bytes over {address}", r.code == 250, r)
            wires[sender] = mails.digest(wire)
    equal("at the server, unchanged", {m["from"]: m["hash"] for m in b.sink.mails()}, wires)
    figures = b.relay.metrics()
    bad = {k: v for k, v in figures.items() if v and any(f'reason="{w}"' in k for w in (
        "ip_checksum", "tcp_checksum", "icmp_checksum", "segments", "tx_big", "tx_full", "no_mbuf", "eth_short", "ip_short"))}
    equal("no frame was bad, lost or too large", bad, {})
    equal("exit status", b.relay.stop(), 0)


def config(device, cores="", **port):
    return {"ports": [{"device": device, **PORT, **port}], "dataplane": {"cores": cores} if cores else {}}


@contextlib.contextmanager
def relay_on(device, **more):
    with relay.bench(cases.args, config=config(device, **more)) as b:
        yield b
        assert not b.relay.sanitizer(), b.relay.sanitizer()


def need_ethtool():
    if not shutil.which("ethtool"):
        cases.skip("ethtool is not there (apt-get install ethtool)")


@case
def af_packet():
    need_ethtool()
    net.veth(NS)
    with relay_on(f"net_af_packet0,iface={net.VETH}") as b:
        talk(b)


def need_xdp():
    """A veth that takes an XDP program, and AF_XDP in the kernel."""
    try:
        socket.socket(44, socket.SOCK_RAW, 0).close()
    except OSError as e:
        cases.skip(f"this kernel has no AF_XDP sockets ({e.strerror})")


@case
def af_xdp():
    need_ethtool()
    need_xdp()
    net.veth(NS)
    with relay_on(f"net_af_xdp0,iface={net.VETH}") as b:
        talk(b)


@case
def af_packet_two_workers():
    """Frames come in at whichever socket the kernel's fanout chose: they reach the worker that owns them."""
    need_ethtool()
    net.veth(NS)
    with relay_on(f"net_af_packet0,iface={net.VETH}", cores="0-1") as b:
        talk(b)


@case
def af_xdp_mtu():
    """A frame of AF_XDP lies in one page with its heads: an MTU that does not fit is refused in words, one that fits is used."""
    need_ethtool()
    need_xdp()
    net.veth(NS)
    device = f"net_af_xdp0,iface={net.VETH}"
    with relay.bench(cases.args, config=config(device, mtu=3393), relay=False) as b:
        b.relay.start(wait=False)
        check("an MTU of 3,393: ends with an error", b.relay.p.wait(30) != 0)
        check("which names the device and the bound", device in b.relay.said() and "3392" in b.relay.said(), b.relay.said())
    net.sh("ip", "-n", NS, "link", "set", net.TAP, "mtu", "3392")
    with relay_on(device, mtu=3392) as b:
        echo(net.RELAY4, 3392 - 28)
        echo(net.RELAY6, 3392 - 48)
        talk(b)


@case
def memif():
    path = os.path.join("/run", f"weirdev{os.getpid()}.sock")
    end = f"id=0,socket={path},socket-abstract=no"
    net.tap(NS)
    with relay.bench(cases.args, config=config(f"net_memif0,role=server,{end}"), relay=False) as b:
        b.relay.start(wait=False)
        # A client that comes before the server's port runs is sent away and does not try again.
        cases.wait_for("the relay's worker", lambda: not b.relay.alive() or b.relay.ctl("status").returncode == 0, 30)
        bridge = subprocess.Popen([os.path.join(cases.args.build, "tests/packet/packet-bridge"), f"net_memif0,role=client,{end}",
                                   f"net_tap0,iface={net.TAP},mac=fixed"], stdout=subprocess.PIPE, text=True)
        try:
            b.relay.wait_ready()
            talk(b)
        finally:
            bridge.send_signal(signal.SIGTERM)
            out = bridge.communicate(timeout=20)[0]
        equal("the bridge's exit status", bridge.returncode, 0)
        frames = json.loads(out.splitlines()[-1])  # what the kernel sent before memif was connected is lost
        check("all of it went over memif", frames["there"] > 300 and frames["back"] > 300, frames)


if __name__ == "__main__":
    cases.parse_args()
    NS = net.enter("weirdev")
    cases.run()
