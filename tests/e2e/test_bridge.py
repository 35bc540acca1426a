#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_bridge - the bad line of tests/lab does what its model says, and the same with the same seed

    /usr/bin/python3 tests/e2e/test_bridge.py --build build [--quick]

Two namespaces of its own and raw frames; needs root. Prints `N passed, N failed`.
"""
import argparse
import ctypes
import os
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))
import line  # noqa: E402

FRAMES = 4000
SO_RCVBUFFORCE, CLONE_NEWNET = 33, 0x40000000
failed = passed = 0


def check(what, ok, detail=""):
    global failed, passed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} {what}{'' if ok else f': {detail}'}", flush=True)


def frame(n, size=100, proto=6):
    """An Ethernet frame of IPv4 TCP (or another protocol) that carries a number; no checksum is looked at."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size - 14, 0, 0, 64, proto, 0, b"\x0a\x4f\0\2", b"\x0a\x4f\0\1")
    return (b"\xff" * 6 + b"\2\0\0\0\0\1" + b"\x08\0" + ip + struct.pack("!HHII", 1, 2, n, 0) + b"\x50\x10\0\0\0\0\0\0").ljust(size, b"\0")


def enter(fd):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def socket_in(ns, name):
    """A packet socket inside of a namespace."""
    mine, its = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{ns}", os.O_RDONLY)
    try:
        enter(its)
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind((name, 3))
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        return s
    finally:
        enter(mine)
        os.close(mine)
        os.close(its)


def through(l, model, seed=1, count=FRAMES, size=100, gap=20e-6, proto=6, settle=0.3):
    """Frames 0..count through the bridge: [(number, seconds under way)] in order of arrival, and its counts."""
    l.start("--ab", model, seed=seed)
    near, far = socket_in(l.near, "near0"), socket_in(l.far, "far0")
    sent, got = [], []

    def drain(wait):
        far.settimeout(wait)
        while True:
            try:
                b = far.recv(2048)
            except (TimeoutError, BlockingIOError):
                return
            if b[6:12] == b"\2\0\0\0\0\1":
                n = struct.unpack_from("!I", b, 38)[0]
                got.append((n, time.monotonic() - sent[n] if n < len(sent) else 0, b))
            far.settimeout(wait)
    every = max(1, min(50, int(1e-3 / gap))) if gap else 50
    for n in range(count):
        sent.append(time.monotonic())
        near.send(frame(n, size, proto))
        if n % every == every - 1:
            drain(0)
            time.sleep(gap * every)
    drain(settle)
    near.close()
    far.close()
    return got, l.stop()


def numbers(got):
    return [g[0] for g in got]


def test(l):
    got, c = through(l, "")
    check("nothing said: all arrive, in order", numbers(got) == list(range(FRAMES)), (len(got), c))
    got, c = through(l, "loss=5", seed=3)
    again, _ = through(l, "loss=5,delay=7,rate=50", seed=3, gap=60e-6)
    other, _ = through(l, "loss=5", seed=4)
    check("one seed loses the same numbers on another line at another pace", numbers(got) == numbers(again), (len(got), len(again)))
    check("another seed loses others", numbers(got) != numbers(other))
    check("5 % are about 5 %", 0.035 * FRAMES < FRAMES - len(got) < 0.065 * FRAMES and c["ab"]["lost"] == FRAMES - len(got), (len(got), c))
    udp, c = through(l, "loss=50", proto=17)
    check("what is no TCP has no number and is not lost", len(udp) == FRAMES and c["ab"]["in"] == 0, (len(udp), c))
    got, c = through(l, "burst=1:20")
    lost = sorted(set(range(FRAMES)) - set(numbers(got)))
    runs = sum(1 for i, n in enumerate(lost) if i == 0 or lost[i - 1] != n - 1)
    check("bursts are about five long", runs > 10 and 3 < len(lost) / runs < 8, (len(lost), runs))
    got, c = through(l, "reorder=2:20", gap=40e-6)
    late = sum(1 for i, n in enumerate(numbers(got)) if n < max(numbers(got)[:i], default=-1))
    check("2 % come late, none is lost", len(got) == FRAMES and 0.01 * FRAMES < c["ab"]["late"] == late < 0.03 * FRAMES, (len(got), late, c))
    got, c = through(l, "duplicate=3")
    check("3 % come twice", len(got) == FRAMES + c["ab"]["doubled"] and 0.02 * FRAMES < c["ab"]["doubled"] < 0.04 * FRAMES, (len(got), c))
    got, c = through(l, "corrupt=3")
    bits = [sum(bin(x ^ y).count("1") for x, y in zip(g[2], frame(i))) for i, g in enumerate(got)] if len(got) == FRAMES else []
    check("one bit of 3 % flips", bits and max(bits) == 1 and sum(bits) >= c["ab"]["corrupted"] * 0.9, (len(got), c))


def test_time(l):
    """Figures of time, with room above for a machine under load: the model never makes a frame early."""
    got, c = through(l, "delay=30", count=400, gap=1e-3)
    times = sorted(g[1] for g in got)
    check("30 ms: never less, mostly little more", times[0] >= 0.0299 and times[200] < 0.035, (times[0], times[200]))
    begin = time.monotonic()
    got, c = through(l, "rate=8", count=500, size=1000, gap=0)
    check("500 frames of 1,000 bytes take half a second at 8 Mbit/s", len(got) == 500 and time.monotonic() - begin > 0.5, (len(got), c))
    took = [g[1] for g in got]
    check("the last one waited for the others", took and took[-1] > 0.4, took[-1:])
    got, c = through(l, "rate=8,queue=100000", count=500, size=1000, gap=0)
    check("a queue of 100 frames drops at its tail", 100 <= len(got) < 250 and c["ab"]["queue_max_bytes"] <= 100000
          and numbers(got)[:100] == list(range(100)), (len(got), c))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--quick", action="store_true", help="the same: it takes some seconds")
    args = p.parse_args()
    if os.geteuid() != 0:
        print("SKIP all: needs root for network namespaces\n0 passed, 0 failed, 1 skipped")
        return 0
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))
    with line.Line(os.path.abspath(args.build), f"wbr{os.getpid()}") as l:
        test(l)
        test_time(l)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
