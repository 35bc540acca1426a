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
    out = in_ns("ping", "-c", str(count), "-i", "0.05", "-W", "1", "-s", str(size), address, check=False).stdout
    return int(out.split(" received")[0].split()[-1])


def refused(address):
    """A RST comes back for a SYN: both checksums and both directions work."""
    code = f"import socket\ntry:\n socket.create_connection(('{address}', 25), timeout=3)\nexcept ConnectionRefusedError:\n print('refused')"
    return in_ns("/usr/bin/python3", "-c", code).stdout.strip() == "refused"


def case_ping(build, cores="1", *options):
    h = Host(build, cores, *options)
    ok = [ping(R4), ping(R6), ping(R4, size=1472), ping(R6, size=1452)], [refused(R4), refused(R6)]
    counters, err = h.end()
    assert ok == ([5] * 4, [True] * 2), ok
    assert err == "", err
    assert counters["echo_replies"] == 20 and counters["rx_segments"] == 2, counters
    assert counters["drop_tcp_checksum"] == counters["drop_icmp_checksum"] == 0
    return counters


def case_software(build):
    case_ping(build, "1", "--software")


def case_two_workers(build):
    """Forty connections: those that arrive at the wrong worker are steered, all are answered."""
    h = Host(build, "0-1")
    ok = all(refused(a) for a in (R4, R6) for _ in range(20))
    counters, _ = h.end()
    assert ok and counters["rx_segments"] == 40, counters
    assert counters["steered_in"] == counters["steered_out"] and counters["drop_steer_wrong"] == 0, counters


FLOOD = r"""
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
head = b"\xff" * 6 + b"\2\0\0\0\0\7" + b"\x08\x06" + b"\0\1\x08\0\6\4\0\1" + b"\2\0\0\0\0\7"
tail = b"\0" * 6 + socket.inet_aton(sys.argv[2])
for i in range(int(sys.argv[3])):
    s.send(head + struct.pack("!I", 0x0a000000 | (i * 2654435761 & 0xffffff)) + tail)
"""


def case_arp_flood(build):
    """100,000 senders: the cache stays in its bound, replies in their rate, and the host is answered meanwhile and after."""
    h = Host(build, "1")
    assert ping(R4) == 5
    start = time.monotonic()
    flood = subprocess.Popen(["ip", "netns", "exec", NS, "/usr/bin/python3", "-c", FLOOD, IF, R4, "100000"])
    during = ping(R4, 10)
    flood.wait()
    seconds = time.monotonic() - start
    after = ping(R4)
    counters, _ = h.end()
    assert during >= 8 and after == 5, (during, after)
    assert counters["arp_requests_in"] > 50000, counters
    assert counters["neighbours"] <= 1024, counters
    assert counters["arp_replies_out"] <= 5000 * (seconds + 1), counters


CASES = {"ping": case_ping, "software": case_software, "two_workers": case_two_workers, "arp_flood": case_arp_flood}


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
