#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_dut.py - tcp-dut against the kernel: each socket call over a veth pair, the main ones over a tap as well.

Both families; open, transfer, half close, reset, refused, black hole, non-blocking and poll, linger, TCP_INFO, two at once, SIGTERM.
"""
import contextlib
import hashlib
import os
import random
import select
import socket
import struct
import tempfile
import threading
import time

from weirtest import cases, dut, net
from weirtest.cases import case, check, equal

NS = ""
BOTH = ((socket.AF_INET, net.KERNEL4, net.RELAY4), (socket.AF_INET6, net.KERNEL6, net.RELAY6))
NEIGHBOUR = "10.77.0.99"  # nobody answers for it
MB = 1 << 20
serial = 0


@contextlib.contextmanager
def running(kind="veth", *more, interface=None, addresses=(f"{net.RELAY4}/24", f"{net.RELAY6}/64")):
    """A tcp-dut; the kernel's end of its link is net.TAP with the kernel's addresses."""
    global serial
    serial += 1
    if kind == "veth" and not interface:
        net.veth(NS)
    elif kind == "tap":
        net.sh("ip", "-n", NS, "link", "del", net.TAP, check=False)
    args = [w for a in addresses for w in ("--address", a)] + ["--gateway", net.KERNEL4, "--gateway", net.KERNEL6, *more]
    d = dut.Dut(cases.args.build, interface or (net.TAP if kind == "tap" else net.VETH), os.path.join(tempfile.gettempdir(), f"weirdut{os.getpid()}-{serial}.sock"),
                *args, *(["--kind", "tap"] if kind == "tap" else []))
    if kind == "tap":
        net.kernel_end(NS)
    try:
        yield d
    finally:
        d.end()


def server(address, port=0):
    return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


@contextlib.contextmanager
def opened(c, family=socket.AF_INET, kernel=net.KERNEL4):
    """A connection from the stack to the kernel: its number and the kernel's socket."""
    with server(kernel) as l:
        fd = c.socket(family)
        c.connect(fd, kernel, l.getsockname()[1])
        s, _ = l.accept()
    s.settimeout(20)
    with s:
        yield fd, s


def read_all(c, fd):
    out = []
    while True:
        out.append(c.read(fd))
        if not out[-1]:
            return b"".join(out)


def recv_all(s):
    out = []
    while True:
        out.append(s.recv(MB))
        if not out[-1]:
            return b"".join(out)


def digest(b):
    return len(b), hashlib.sha256(b).hexdigest()


def in_thread(fn, *args):
    box = []
    t = threading.Thread(target=lambda: box.append(fn(*args)))
    t.start()

    def result():
        t.join(30)
        assert box, "a thread did not end"
        return box[0]
    return result


def transfer(kind, size):
    """Connect both ways, `size` bytes each way at the same time, half close, whole and in order."""
    with running(kind) as d:
        for family, kernel, own in BOTH:
            there, back = random.Random(1).randbytes(size), random.Random(2).randbytes(size)
            c, c2 = d.calls, d.client()
            lfd = c.socket(family)
            c.bind(lfd, own, 25)
            c.listen(lfd)
            with opened(c, family, kernel) as (fd, s):
                s2 = socket.create_connection((own, 25), timeout=20)
                fd2, peer = c.accept(lfd)
                equal(f"{kind} {own}: ACCEPT names the peer", peer, s2.getsockname()[:2])
                for name, f, k in (("connected", fd, s), ("accepted", fd2, s2)):
                    heard = in_thread(recv_all, k)
                    said = in_thread(lambda: (k.sendall(there), k.shutdown(socket.SHUT_WR)))
                    read = in_thread(read_all, c2, f)
                    for at in range(0, len(back), dut.DATA_MAX):
                        part = back[at:at + dut.DATA_MAX]
                        assert c.write(f, part) == len(part)
                    c.shutdown(f, socket.SHUT_WR)
                    said()
                    equal(f"{kind} {own}: {name}, to the stack", digest(read()), digest(there))
                    equal(f"{kind} {own}: {name}, from the stack", digest(heard()), digest(back))
                    c.close(f)
                s2.close()
            c.close(lfd)


@case
def transfer_veth():
    transfer("veth", 10 * MB)


@case
def transfer_tap():
    transfer("tap", 10 * MB)


if __name__ == "__main__":
    cases.parse_args()
    NS = net.enter("weirdut")
    cases.run()
