#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_packet_tap - the packet layer alone on net_tap: the kernel pings it, connects to it and floods it

    /usr/bin/python3 tests/e2e/test_packet_tap.py --build build [--only CASE]

Makes a network namespace of its own; needs root. Prints a line a case and `N passed, N failed`.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

NS = f"weirpk{os.getpid()}"
IF = "wpk0"
R4, R6, K4, K6 = "10.88.0.2", "fd88::2", "10.88.0.1", "fd88::1"


def sh(*args, check=True):
    return subprocess.run(args, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def in_ns(*args, check=True):
    return sh("ip", "netns", "exec", NS, *args, check=check)


class Host:
    """packet-host on a tap, with the kernel's end configured."""

    def __init__(self, build, cores, *options):
        self.p = subprocess.Popen(["ip", "netns", "exec", NS, f"{build}/tests/packet/packet-host", "--device", f"net_tap0,iface={IF}",
                                   "--cores", cores, "--address", f"{R4}/8", "--address", f"{R6}/64", *options],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.ready = json.loads(self.p.stdout.readline())
        in_ns("ip", "addr", "add", f"{K4}/8", "dev", IF)
        in_ns("ip", "addr", "add", f"{K6}/64", "dev", IF, "nodad")
        in_ns("ip", "link", "set", IF, "up")

    def end(self):
        self.p.send_signal(signal.SIGTERM)
        out, err = self.p.communicate(timeout=10)
        assert self.p.returncode == 0, (self.p.returncode, err)
        return json.loads(out), err


def ping(address, count=5, size=56):
    """How many of count were answered within a second each."""
    out = in_ns("ping", "-c", str(count), "-i", "0.05", "-W", "1", "-s", str(size), address, check=False).stdout
    return int(out.split(" received")[0].split()[-1])


def until(what, seconds=60):
    """Again and again until it is true: a machine under load loses frames in the kernel's queue, and that is not the host's doing."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not within its bound"


def pinged(address, count=5, size=56):
    """At least count echo requests are answered."""
    left = count

    def some():
        nonlocal left
        left -= ping(address, left, size)
        return left <= 0
    until(some)


def echo_replies_heard():
    """Echo replies that the kernel's side of the tap got, both families."""
    with_names = [l.split() for l in in_ns("cat", "/proc/net/snmp").stdout.splitlines() if l.startswith("Icmp:")]
    v6 = [l.split() for l in in_ns("cat", "/proc/net/snmp6").stdout.splitlines()]
    return int(dict(zip(*with_names))["InEchoReps"]) + int(dict(v6)["Icmp6InEchoReplies"])


def handed_over():
    """Frames that the kernel's queue of the tap gave to the host, and those that it lost."""
    return [int(in_ns("cat", f"/sys/class/net/{IF}/statistics/tx_{k}").stdout) for k in ("packets", "dropped")]


def refused(address):
    """A RST comes back for a SYN: both checksums and both directions work."""
    code = f"import socket\ntry:\n socket.create_connection(('{address}', 25), timeout=3)\nexcept ConnectionRefusedError:\n print('refused')"
    return in_ns("/usr/bin/python3", "-c", code).stdout.strip() == "refused"


def case_ping(build, cores="1", *options):
    h = Host(build, cores, *options)
    for address, size in ((R4, 56), (R6, 56), (R4, 1472), (R6, 1452)):
        pinged(address, size=size)
    until(lambda: refused(R4))
    until(lambda: refused(R6))
    heard = echo_replies_heard()
    counters, err = h.end()
    assert err == "", err
    assert counters["echo_replies"] == heard >= 20 and counters["rx_segments"] >= 2, (heard, counters)
    assert counters["drop_tcp_checksum"] == counters["drop_icmp_checksum"] == 0
    return counters


def case_software(build):
    case_ping(build, "1", "--software")


def case_snooping_switch(build):
    """Behind a bridge that gives a group's frames only to who asked for them: neighbours find us, by both versions of MLD."""
    for version in "12":
        h = Host(build, "1")
        in_ns("ip", "addr", "flush", "dev", IF)
        in_ns("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1", "mcast_mld_version", version,
              "mcast_query_interval", "100", "mcast_startup_query_interval", "100", "mcast_query_response_interval", "50")
        in_ns("ip", "link", "set", IF, "master", "br0")
        in_ns("bridge", "link", "set", "dev", IF, "mcast_flood", "off")
        in_ns("ip", "addr", "add", f"{K6}/64", "dev", "br0", "nodad")
        in_ns("ip", "link", "set", "br0", "up")
        until(lambda: "ff02::1:ff00:2" in in_ns("bridge", "mdb", "show", "dev", "br0").stdout)
        pinged(R6)
        until(lambda: "fe80" in in_ns("ip", "-6", "addr", "show", "dev", "br0", "-tentative").stdout)
        time.sleep(3)  # before that a bridge asks from an address of the wrong scope, which is refused; now once a second
        in_ns("ip", "link", "del", "br0")
        counters, err = h.end()
        assert err == "", err
        assert counters["mld_queries_in"] > 0 and counters["mld_reports_out"] > 3, counters


def case_two_workers(build):
    """Forty connections: those that arrive at the wrong worker are steered, all are answered."""
    h = Host(build, "0-1")
    for a in (R4, R6):
        for _ in range(20):
            until(lambda: refused(a))
    counters, _ = h.end()
    assert counters["rx_segments"] >= 40, counters
    assert counters["steered_in"] == counters["steered_out"] and counters["drop_steer_wrong"] == 0, counters


FLOOD = r"""
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
head = b"\xff" * 6 + b"\2\0\0\0\0\7" + b"\x08\x06" + b"\0\1\x08\0\6\4\0\1" + b"\2\0\0\0\0\7"
tail = b"\0" * 6 + socket.inet_aton(sys.argv[2])
kernel = socket.inet_aton(sys.argv[3])
i = 0
while True:  # until the test ends it
    i += 1
    sender = struct.pack("!I", 0x0a000000 | (i * 2654435761 & 0xffffff))
    if sender != kernel:
        s.send(head + sender + tail)
"""


def case_arp_flood(build):
    """Senders without end: the cache stays in its bound, replies in their rate, the kernel's own entry in its place, and whatever of the
    kernel's echo requests and SYNs reaches the host is answered. What is lost in the kernel's queue is asked again."""
    h = Host(build, "1")
    pinged(R4)
    until(lambda: refused(R4))  # the kernel's entry is in use from now on
    start = time.monotonic()
    flood = subprocess.Popen(["ip", "netns", "exec", NS, "/usr/bin/python3", "-c", FLOOD, IF, R4, K4])
    try:
        pinged(R4, 10)
        for _ in range(3):
            until(lambda: refused(R4))
        until(lambda: time.sleep(0.1) or handed_over()[0] > 50000)
    finally:
        flood.kill()
        flood.wait()
    seconds = time.monotonic() - start
    pinged(R4)
    heard, (frames, lost) = echo_replies_heard(), handed_over()
    counters, _ = h.end()
    print(f"  {frames} frames handed over, {lost} lost in the kernel's queue")
    assert counters["rx_frames"] >= frames > counters["arp_requests_in"] > 40000, (frames, counters)
    assert counters["echo_replies"] == heard >= 20 and counters["rx_segments"] >= 4, (heard, counters)
    for lost_here in ("echo_rate", "icmp_checksum", "no_mbuf", "tx_full", "neighbour_queue", "neighbour_failed"):
        assert counters[f"drop_{lost_here}"] == 0, counters
    # three announcements; the kernel's entry is asked for when first used and when 30 s old, never because it was displaced
    assert counters["arp_requests_out"] <= 3 + 2 + seconds / 30, counters
    assert counters["neighbours"] <= 1024, counters
    assert counters["arp_replies_out"] <= 6000 * (seconds + 1), counters


CASES = {"ping": case_ping, "software": case_software, "snooping_switch": case_snooping_switch, "two_workers": case_two_workers,
         "arp_flood": case_arp_flood}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default="build")
    p.add_argument("--quick", action="store_true", help="accepted, changes nothing")
    p.add_argument("--only")
    a = p.parse_args()
    failed = passed = 0
    for name, case in CASES.items():
        if a.only and a.only != name:
            continue
        sh("ip", "netns", "add", NS)
        try:
            case(a.build)
            passed += 1
            print(f"PASS {name}")
        except Exception as e:  # a case that fails must not stop the others
            failed += 1
            print(f"FAIL {name}: {type(e).__name__} {e}")
        finally:
            for pid in sh("ip", "netns", "pids", NS, check=False).stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            sh("ip", "netns", "del", NS)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
