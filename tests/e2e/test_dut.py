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


@case
def half_close():
    with running() as d:
        c = d.calls
        with opened(c) as (fd, s):  # the kernel first
            s.shutdown(socket.SHUT_WR)
            equal("the peer's FIN is 0 bytes, again and again", (c.read(fd), c.read(fd)), (b"", b""))
            equal("CLOSE_WAIT", c.info(fd)["state"], "CLOSE_WAIT")
            c.write(fd, b"still open")
            equal("the other direction goes on", s.recv(100), b"still open")
            c.shutdown(fd, socket.SHUT_WR)
            equal("our FIN", s.recv(100), b"")
            equal("EPIPE behind our FIN", dut.error(c.write, fd, b"x"), "EPIPE")
            cases.wait_for("CLOSE", lambda: c.info(fd)["state"] == "CLOSE")
            equal("ENOTCONN once it is over", dut.error(c.shutdown, fd, socket.SHUT_WR), "ENOTCONN")
        with opened(c, *BOTH[1][:2]) as (fd, s):  # the stack first
            c.write(fd, b"all I have")
            c.shutdown(fd, socket.SHUT_WR)
            equal("what was written, then the FIN", recv_all(s), b"all I have")
            cases.wait_for("FIN_WAIT2", lambda: c.info(fd)["state"] == "FIN_WAIT2")
            s.sendall(b"and I more")
            equal("the other direction goes on", c.read(fd), b"and I more")
            s.close()
            equal("the end", c.read(fd), b"")
            cases.wait_for("CLOSE", lambda: c.info(fd)["state"] == "CLOSE")
        with opened(c) as (fd, s):
            s.sendall(b"late")
            cases.wait_for("bytes", lambda: c.ioctl(fd, dut.SIOCINQ) == 4)
            c.shutdown(fd, socket.SHUT_RD)
            equal("SHUT_RD: what is here, then the end", (c.read(fd), c.read(fd)), (b"late", b""))
            c.write(fd, b"x")
            equal("writing goes on", s.recv(1), b"x")


def reset_by_kernel(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def is_reset(s):
    try:
        return s.recv(1) is None
    except ConnectionResetError:
        return True


@case
def resets():
    with running() as d:
        c = d.calls
        with opened(c) as (fd, s):
            s.sendall(b"before")
            cases.wait_for("bytes", lambda: c.ioctl(fd, dut.SIOCINQ) == 6)
            reset_by_kernel(s)
            cases.wait_for("the reset", lambda: c.poll({fd: 0}, 0))
            equal("what came before a reset is read", c.read(fd), b"before")
            equal("then the reset, once", dut.error(c.read, fd), "ECONNRESET")
            equal("then the end", c.read(fd), b"")
            equal("and EPIPE", dut.error(c.write, fd, b"x"), "EPIPE")
        with opened(c, *BOTH[1][:2]) as (fd, s):
            read = in_thread(lambda: dut.error(d.client().read, fd))
            time.sleep(0.05)
            reset_by_kernel(s)
            equal("a waiting read", read(), "ECONNRESET")
        with opened(c) as (fd, s):
            reset_by_kernel(s)
            cases.wait_for("the reset", lambda: c.poll({fd: 0}, 0))
            equal("SO_ERROR tells it, and takes it",
                  [c.getsockopt(fd, socket.SOL_SOCKET, socket.SO_ERROR) for _ in "12"], [104, 0])
        with opened(c) as (fd, s):
            c.setsockopt(fd, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.close(fd)
            check("SO_LINGER 0: a RST", is_reset(s))
        with opened(c) as (fd, s):
            s.sendall(b"never read")
            cases.wait_for("bytes", lambda: c.ioctl(fd, dut.SIOCINQ) == 10)
            c.close(fd)
            check("closed with unread bytes: a RST", is_reset(s))


@case
def refused():
    with running() as d:
        c = d.calls
        for family, kernel, own in BOTH:
            fd = c.socket(family)
            equal(f"{kernel}: nobody listens", dut.error(c.connect, fd, kernel, 9), "ECONNREFUSED")
            equal(f"{kernel}: no connection to read", dut.error(c.read, fd), "ENOTCONN")
            equal(f"{kernel}: or to write", dut.error(c.write, fd, b"x"), "EPIPE")
            with server(kernel) as l:
                c.connect(fd, kernel, l.getsockname()[1])
                equal(f"{kernel}: again, to one that does", c.info(fd)["state"], "ESTABLISHED")
            s = socket.socket(family)
            s.settimeout(5)
            equal(f"{own}: nobody listens", s.connect_ex((own, 9)), 111)
            s.close()


@contextlib.contextmanager
def black_hole():
    """The kernel takes nothing from the stack and sends nothing to it."""
    net.sh("ip", "-n", NS, "route", "add", "blackhole", net.RELAY4)
    try:
        yield
    finally:
        net.sh("ip", "-n", NS, "route", "del", "blackhole", net.RELAY4)


def set_times(c, fd, timeout_ms=0, idle=0, interval=1, cnt=2):
    if timeout_ms:
        c.setsockopt(fd, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
    if idle:
        c.setsockopt(fd, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, v in ((socket.TCP_KEEPIDLE, idle), (socket.TCP_KEEPINTVL, interval), (socket.TCP_KEEPCNT, cnt)):
            c.setsockopt(fd, socket.IPPROTO_TCP, name, v)


def timed(fn, *args):
    t = time.monotonic()
    return dut.error(fn, *args), time.monotonic() - t


@case
def timeouts():
    """Nobody answers: each in a thread of its own, at the same time."""
    def connect(timeout_ms):
        c = d.client()
        fd = c.socket()
        set_times(c, fd, timeout_ms)
        return timed(c.connect, fd, NEIGHBOUR, 25)

    def write(fd):
        c = d.client()
        c.write(fd, b"x" * 100)
        return timed(c.read, fd)

    with running() as d, opened(d.calls) as (quiet, s1), opened(d.calls) as (busy, s2), opened(d.calls) as (closing, s3):
        c = d.calls
        set_times(c, quiet, idle=1)
        set_times(c, busy, 1500)
        c.setsockopt(closing, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1))
        with black_hole():
            runs = {"connect": in_thread(connect, 1200), "connect, ARP failed": in_thread(connect, 3500), "write": in_thread(write, busy),
                    "keep-alive": in_thread(lambda: timed(d.client().read, quiet)), "linger": in_thread(timed, d.client().close, closing)}
            seen = cases.wait_for("retransmissions", lambda: (i := c.info(busy))["retransmits"] >= 2 and i)
            got = {k: r() for k, r in runs.items()}
        equal("retransmitting", {"state": seen["state"], "unacked": seen["unacked"], "cwnd": seen["snd_cwnd"]},
              {"state": "ESTABLISHED", "unacked": 1, "cwnd": 1})
        check("its RTO was doubled twice", seen["rto"] >= 800000 and seen["total_retrans"] >= 2, seen)
        for name, (want, least) in {"connect": ("ETIMEDOUT", 1.1), "connect, ARP failed": ("EHOSTUNREACH", 3.4), "write": ("ETIMEDOUT", 1.4),
                                    "keep-alive": ("ETIMEDOUT", 2.5), "linger": ("", 0.9)}.items():
            check(f"{name}: {want} after {least} s at least", got[name][0] == want and least <= got[name][1] < least + 10, got[name])
        equal("the end after a timeout", (c.read(busy), dut.error(c.write, busy, b"x")), (b"", "EPIPE"))


@case
def nonblocking():
    with running() as d, server(net.KERNEL4) as l:
        c, port = d.calls, l.getsockname()[1]
        fd = c.socket(flags=socket.SOCK_NONBLOCK)
        equal("poll of a fresh one", c.poll({fd: select.POLLIN | select.POLLOUT}, 0), {fd: select.POLLOUT | select.POLLHUP})
        equal("connect", dut.error(c.connect, fd, net.KERNEL4, port), "EINPROGRESS")
        equal("poll waits until it is open", c.poll({fd: select.POLLOUT | select.POLLIN}, 5000), {fd: select.POLLOUT})
        equal("no error", c.getsockopt(fd, socket.SOL_SOCKET, socket.SO_ERROR), 0)
        equal("connect again, and again", [dut.error(c.connect, fd, net.KERNEL4, port) for _ in "12"], ["", "EISCONN"])
        s, _ = l.accept()
        equal("nothing to read", dut.error(c.read, fd), "EAGAIN")
        got, took = c.poll({fd: select.POLLIN}, 150), time.monotonic()
        equal("poll finds nothing", got, {})
        c.poll({fd: select.POLLIN}, 150)
        check("and takes its time", 0.14 < time.monotonic() - took < 5, time.monotonic() - took)
        s.sendall(b"hello")
        equal("poll is woken", c.poll({fd: select.POLLIN, 999: select.POLLIN}, 5000).get(fd, select.POLLIN), select.POLLIN)
        cases.wait_for("5 bytes", lambda: c.ioctl(fd, dut.SIOCINQ) == 5)
        equal("peek", (c.read(fd, 2, socket.MSG_PEEK), c.read(fd, 100, socket.MSG_PEEK)), (b"he", b"hello"))
        equal("read", (c.read(fd, 2), c.read(fd)), (b"he", b"llo"))
        equal("POLLNVAL", c.poll({999: select.POLLIN}, 0), {999: select.POLLNVAL})
        taken = 0
        while True:  # until the peer's buffer and ours are full
            try:
                taken += c.write(fd, b"z" * dut.DATA_MAX)
            except BlockingIOError:
                if not c.poll({fd: select.POLLOUT}, 200):
                    break
        check("unacknowledged bytes", 0 < c.ioctl(fd, dut.SIOCOUTQ) <= taken, taken)
        check("and no room", c.poll({fd: select.POLLOUT}, 0) == {})
        heard = in_thread(lambda: sum(len(s.recv(MB)) for _ in iter(lambda: s.recv(1, socket.MSG_PEEK), b"")))
        equal("poll is woken by room", c.poll({fd: select.POLLOUT}, 5000), {fd: select.POLLOUT})
        c.shutdown(fd, socket.SHUT_WR)
        equal("all that was taken arrives", heard(), taken)
        s.close()
        equal("the peer's FIN", c.poll({fd: select.POLLIN | select.POLLRDHUP}, 5000),
              {fd: select.POLLIN | select.POLLRDHUP | select.POLLHUP})
        fd = c.socket(flags=socket.SOCK_NONBLOCK)
        equal("connect to nobody", dut.error(c.connect, fd, net.KERNEL4, 9), "EINPROGRESS")
        equal("poll tells", c.poll({fd: 0}, 5000), {fd: select.POLLERR | select.POLLHUP})
        equal("and the error", c.getsockopt(fd, socket.SOL_SOCKET, socket.SO_ERROR), 111)
        lfd = c.socket(flags=socket.SOCK_NONBLOCK)
        c.listen(lfd)
        equal("nobody to accept", dut.error(c.accept, lfd), "EAGAIN")
        fd = c.socket()
        c.connect(fd, net.KERNEL4, port)
        equal("MSG_DONTWAIT", dut.error(c.read, fd, 1, socket.MSG_DONTWAIT), "EAGAIN")


@case
def clients():
    """Numbers are the process's: what one client opens others use, and close while it waits."""
    with running() as d:
        a, b = d.calls, d.client()
        lfd = a.socket()
        a.bind(lfd, net.RELAY4, 25)
        a.listen(lfd, 1)
        a.ask(dut.ACCEPT, lfd)
        equal("b goes on while a waits", b.info(lfd)["state"], "LISTEN")
        s = [socket.create_connection((net.RELAY4, 25), timeout=5) for _ in "123"]
        fd = a.answer()[0]
        equal("b reads what a accepted", (s[0].send(b"x"), b.read(fd)), (1, b"x"))
        cases.wait_for("two in the queue", lambda: b.info(lfd)["unacked"] == 2)
        b.accept(lfd), b.accept(lfd)
        a.ask(dut.ACCEPT, lfd)
        time.sleep(0.05)
        b.close(lfd)
        equal("a's ACCEPT ends", dut.error(a.answer), "EBADF")
        equal("the listener is gone", socket.socket().connect_ex((net.RELAY4, 25)), 111)
        a.ask(dut.READ, fd, 10)
        a.ask(dut.GETSOCKOPT, fd, socket.SOL_SOCKET, socket.SO_TYPE, 4)
        s[0].sendall(b"in order")
        equal("answers come in the order of requests", (a.answer()[1], a.answer()[1]), (b"in order", struct.pack("=i", 1)))
        b.end()
        s[0].sendall(b"y")
        equal("what b had stays", a.read(fd), b"y")


@case
def errors():
    with running() as d:
        c = d.calls
        fd, fd2 = c.socket(), c.socket()
        four, six = net.RELAY4, net.RELAY6
        c.bind(fd, four, 25)
        c.listen(fd)
        for name, want, *args in (
                ("a number that is none", "EBADF", c.read, 99),
                ("a datagram socket", "ESOCKTNOSUPPORT", lambda: c.call(dut.SOCKET, a=socket.AF_INET, b=socket.SOCK_DGRAM)),
                ("another family", "EAFNOSUPPORT", c.socket, socket.AF_UNIX),
                ("a second bind", "EINVAL", c.bind, fd, four, 26),
                ("a port in use", "EADDRINUSE", c.bind, fd2, "0.0.0.0", 25),
                ("an address of others", "EADDRNOTAVAIL", c.bind, fd2, net.KERNEL4, 25),
                ("an address of the other family", "EAFNOSUPPORT", c.bind, fd2, six, 25),
                ("a short address", "EINVAL", lambda: c.call(dut.BIND, fd2, data=b"\2\0")),
                ("accept without listen", "EINVAL", c.accept, fd2),
                ("read of a listener", "ENOTCONN", c.read, fd),
                ("shutdown of a fresh one", "ENOTCONN", c.shutdown, fd2, socket.SHUT_WR),
                ("no way there", "ENETUNREACH", c.connect, c.socket(), "0.0.0.0", 25),
                ("a flag that is not there", "ENOTSUP", c.read, fd2, 1, socket.MSG_OOB),
                ("an option that is not there", "ENOPROTOOPT", c.getsockopt, fd, socket.SOL_SOCKET, 9999),
                ("a value too short", "EINVAL", c.setsockopt, fd, socket.SOL_SOCKET, socket.SO_KEEPALIVE, b"x"),
                ("a call that is not there", "ENOSYS", lambda: c.call(99, fd))):
            equal(name, dut.error(*args), want)
        c.close(fd)
        equal("closed twice", dut.error(c.close, fd), "EBADF")
        c.bind(fd2, four, 25)
        equal("the port is free again", c.socket(), fd)
        b = d.client()
        b.s.send(b"short")
        equal("a datagram that is no request ends its client", b.s.recv(10), b"")


@case
def options():
    with running() as d, opened(d.calls) as (fd, s):
        c = d.calls
        for level, name, value, want in (
                (socket.SOL_SOCKET, "SO_REUSEADDR", 1, 1), (socket.SOL_SOCKET, "SO_KEEPALIVE", 1, 1),
                (socket.SOL_SOCKET, "SO_SNDBUF", 50000, 100000), (socket.SOL_SOCKET, "SO_SNDBUF", 1, 4608),
                (socket.SOL_SOCKET, "SO_RCVBUF", 50000, 100000), (socket.SOL_SOCKET, "SO_RCVBUF", 1, 2304),
                (socket.IPPROTO_TCP, "TCP_NODELAY", 1, 1), (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 12345, 12345),
                (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 77, 77), (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 7, 7),
                (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3, 3)):
            c.setsockopt(fd, level, getattr(socket, name), value)
            equal(f"{name} {value}", c.getsockopt(fd, level, getattr(socket, name)), want)
        equal("TCP_CONGESTION", c.getsockopt(fd, socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0"), b"cubic")
        equal("one that the stack has not", dut.error(c.setsockopt, fd, socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr"), "ENOENT")
        equal("SO_LINGER", c.getsockopt(fd, socket.SOL_SOCKET, socket.SO_LINGER, 8), struct.pack("ii", 0, 0))
        c.setsockopt(fd, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 9))
        equal("SO_LINGER 9", c.getsockopt(fd, socket.SOL_SOCKET, socket.SO_LINGER, 8), struct.pack("ii", 1, 9))
        mss = c.getsockopt(fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        theirs = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        equal("TCP_MAXSEG, as the kernel's", mss, theirs)
        c.write(fd, b"x" * 20000)
        got = len(s.recv(MB))
        i = cases.wait_for("all acknowledged", lambda: (i := c.info(fd))["unacked"] == 0 and i)
        check("TCP_INFO", i["state"] == "ESTABLISHED" and i["rtt"] > 0 and i["snd_cwnd"] >= 10 and i["snd_mss"] == mss and got > 0 and
              i["pmtu"] == 1500 and i["options"] & 7 == 7 and 200000 <= i["rto"] < 2000000, i)


def reached(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.settimeout(5)
        return s.connect_ex((address, 25)) == 0


@case
def any_address():
    with running() as d:
        c = d.calls
        for name, family, any_, only, want in (("0.0.0.0", socket.AF_INET, "0.0.0.0", 0, (True, False)),
                                               (":: for both families", socket.AF_INET6, "::", 0, (True, True)),
                                               (":: with IPV6_V6ONLY", socket.AF_INET6, "::", 1, (False, True))):
            lfd = c.socket(family)
            if only:
                c.setsockopt(lfd, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            c.bind(lfd, any_, 25)
            c.listen(lfd)
            equal(name, (reached(net.RELAY4), reached(net.RELAY6)), want)
            if want == (True, True):
                equal("IPv4 seen by an IPv6 listener", c.accept(lfd)[1][0], "::ffff:" + net.KERNEL4)
            c.close(lfd)


@case
def small_segments():
    with running() as d, server(net.KERNEL4) as l:
        c = d.calls
        fd = c.socket()
        equal("too small a TCP_MAXSEG", dut.error(c.setsockopt, fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG, 87), "EINVAL")
        c.setsockopt(fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG, 500)
        equal("TCP_MAXSEG without a connection", c.getsockopt(fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG), 500)
        c.connect(fd, *l.getsockname())
        s, _ = l.accept()
        both = c.getsockopt(fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG), s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        equal("of both sides, timestamps taken off", both, (488, 488))
        equal("too late", dut.error(c.setsockopt, fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG, 400), "EINVAL")


@case
def shut_window():
    """A reader that waits with a small buffer: the kernel is stopped there, asks, and goes on when it is read."""
    with running() as d, server(net.KERNEL4) as l:
        c = d.calls
        fd = c.socket()
        c.setsockopt(fd, socket.SOL_SOCKET, socket.SO_RCVBUF, 8000)
        c.connect(fd, *l.getsockname())
        s, _ = l.accept()
        data = random.Random(4).randbytes(MB)
        said = in_thread(lambda: (s.sendall(data), s.close()))
        cases.wait_for("a full buffer", lambda: c.ioctl(fd, dut.SIOCINQ) > 7000)
        time.sleep(0.5)  # probes come, and find it shut
        check("no more than that", 7000 < c.ioctl(fd, dut.SIOCINQ) <= 8000 + 256, c.ioctl(fd, dut.SIOCINQ))
        equal("all of it once it is read", digest(read_all(c, fd)), digest(data))
        said()


@case
def two_at_once():
    """Two of them, one at each end of a veth pair: no kernel between them."""
    net.veth(NS)
    net.sh("ip", "-n", NS, "addr", "flush", "dev", net.TAP)
    a4, b4 = "10.77.0.2", "10.77.0.3"
    with running(interface=net.TAP, addresses=(f"{a4}/24", "fd77::2/64")) as a, \
            running(interface=net.VETH, addresses=(f"{b4}/24", "fd77::3/64")) as b:
        check("each has its own MAC", a.ready["mac"] != b.ready["mac"], (a.ready, b.ready))
        data = random.Random(3).randbytes(4 * MB)
        for family, there in ((socket.AF_INET, b4), (socket.AF_INET6, "fd77::3")):
            lfd, fd = b.calls.socket(family), a.calls.socket(family)
            b.calls.bind(lfd, there, 25)
            b.calls.listen(lfd)
            a.calls.connect(fd, there, 25)
            fd2, _ = b.calls.accept(lfd)
            read = in_thread(read_all, b.calls, fd2)
            for at in range(0, len(data), dut.DATA_MAX):
                a.calls.write(fd, data[at:at + dut.DATA_MAX])
            a.calls.close(fd)
            equal(f"{there}: one to the other", digest(read()), digest(data))


def settings():
    flags = net.sh("ip", "-n", NS, "-o", "link", "show", net.VETH).stdout.split("<")[1].split(">")[0]
    names = ("ipv6/conf/{}/disable_ipv6", "ipv4/conf/{}/forwarding", "ipv4/conf/{}/arp_ignore")
    return flags, [open("/proc/sys/net/" + n.format(net.VETH)).read() for n in names]


@case
def ends():
    """SIGTERM: open connections are reset, the interface is as it was."""
    net.veth(NS)
    net.set_sysctl(NS, f"ipv6/conf/{net.VETH}/disable_ipv6", "0")
    net.set_sysctl(NS, f"ipv4/conf/{net.VETH}/forwarding", "1")
    net.sh("ip", "-n", NS, "link", "set", net.VETH, "down")
    before = settings()
    with running(interface=net.VETH) as d:
        during = settings()
        check("the kernel is silent meanwhile, the link up", "UP" in during[0].split(",") and during[1] == ["1\n", "0\n", "8\n"], during)
        with opened(d.calls) as (_, s):
            d.end()
            check("SIGTERM resets what is open", is_reset(s))
    equal("the interface is as it was", settings(), before)
    check("the socket is gone", not os.path.exists(d.path))
    with running("tap"):
        pass
    check("the tap is gone", net.TAP not in net.sh("ip", "-n", NS, "-o", "link").stdout)


FAKE = "10.77.0.77"  # nobody's: a tester speaks from it
SYN, RST, PSH, ACK = 2, 4, 8, 16


def checksum(data):
    n = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    n = (n & 0xffff) + (n >> 16)
    return ~(n + (n >> 16)) & 0xffff


class Raw:
    """Frames of FAKE, which answers ARP, at the kernel's end of the link."""

    def __init__(self, mac):
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.s.bind((net.TAP, 3))
        self.s.settimeout(5)
        self.to, self.mac = bytes.fromhex(mac.replace(":", "")), b"\2fake\1"
        self.us, self.it = socket.inet_aton(FAKE), socket.inet_aton(net.RELAY4)

    def segment(self, flags, seq, ack=0, data=b""):
        t = struct.pack("!HHIIBBHHH", 4321, 25, seq, ack, 5 << 4, flags, 65535, 0, 0) + data
        csum = checksum(self.us + self.it + struct.pack("!HH", 6, len(t)) + t)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(t), 0, 0, 64, 6, 0) + self.us + self.it
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        self.s.send(self.to + self.mac + b"\x08\0" + ip + t[:16] + struct.pack("!H", csum) + t[18:])

    def answer(self):
        """(flags, seq, ack, data) of the next segment to FAKE."""
        while True:
            f = self.s.recv(2000)
            if f[6:12] != self.to:
                continue
            if f[12:14] == b"\x08\6" and f[38:42] == self.us and f[21] == 1:
                self.s.send(self.to + self.mac + b"\x08\6" + f[14:20] + b"\0\2" + self.mac + self.us + self.to + self.it)
            elif f[12:14] == b"\x08\0" and f[30:34] == self.us:
                seq, ack, off, flags = struct.unpack_from("!IIBB", f, 38)
                return flags, seq, ack, f[34 + off // 16 * 4:14 + struct.unpack_from("!H", f, 16)[0]]


@case
def raw_frames():
    """A tester that writes segments itself: at once after the ready line, every answer exact."""
    with running() as d:
        c, r = d.calls, Raw(d.ready["mac"])
        r.segment(SYN, 1000)
        equal("a closed port", r.answer(), (RST | ACK, 0, 1001, b""))
        lfd = c.socket()
        c.bind(lfd, net.RELAY4, 25)
        c.listen(lfd)
        r.segment(SYN, 5000)
        flags, iss, ack, _ = r.answer()
        equal("SYN-ACK", (flags, ack), (SYN | ACK, 5001))
        r.segment(ACK, 5001, iss + 1)
        fd, peer = c.accept(lfd)
        equal("its peer", peer, (FAKE, 4321))
        r.segment(ACK | PSH, 5001, iss + 1, b"hello")
        equal("data and its ACK", (c.read(fd), r.answer()), (b"hello", (ACK, iss + 1, 5006, b"")))
        r.segment(ACK | PSH, 5009, iss + 1, b"later")
        equal("out of order: a duplicate ACK", r.answer(), (ACK, iss + 1, 5006, b""))
        r.segment(ACK | PSH, 5006, iss + 1, b"...")
        equal("the hole is filled", (r.answer(), c.read(fd)), ((ACK, iss + 1, 5014, b""), b"...later"))
        r.segment(RST, 5100)
        equal("a RST in the window, not in place: a challenge", r.answer(), (ACK, iss + 1, 5014, b""))
        c.write(fd, b"reply")
        equal("a reply", r.answer(), (ACK | PSH, iss + 1, 5014, b"reply"))
        r.segment(RST, 5014)
        equal("a RST in place", dut.error(c.read, fd), "ECONNRESET")
        r.s.close()


def first_syn(seed):
    """Port and ISN of the first SYN, and the frames that left before it."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as raw:
        with running("veth", *(("--seed", seed) if seed else ())) as d:
            raw.bind((net.TAP, 3))
            time.sleep(0.3)
            mac = bytes.fromhex(d.ready["mac"].replace(":", ""))
            raw.setblocking(False)
            spoke = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    spoke.append(raw.recv(2000))
            spoke = [f for f in spoke if f[6:12] == mac]
            raw.settimeout(5)
            c = d.calls
            dut.error(c.connect, c.socket(flags=socket.SOCK_NONBLOCK), net.KERNEL4, 9)
            while True:
                f = raw.recv(2000)
                if f[6:12] == mac and f[12:14] == b"\x08\0":
                    return struct.unpack_from("!H", f, 34)[0], struct.unpack_from("!I", f, 38)[0], spoke


@case
def seeds():
    one, two, none = first_syn("7"), first_syn("7"), first_syn(None)
    equal("nothing leaves by itself", [r[2] for r in (one, two, none)], [[]] * 3)
    equal("--seed: the same port and ISN", one[:2], two[:2])
    check("without one: another ISN", one[1] != none[1], (one, none))


if __name__ == "__main__":
    cases.parse_args()
    NS = net.enter("weirdut")
    cases.run()
