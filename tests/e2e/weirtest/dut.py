# SPDX-License-Identifier: BSD-3-Clause
"""dut.py - tcp-dut and its socket calls from Python (tests/dut/tcp_dut.h)."""
import errno
import json
import os
import signal
import socket
import struct
import subprocess

(SOCKET, BIND, LISTEN, ACCEPT, CONNECT, READ, WRITE, CLOSE, SHUTDOWN, GETSOCKOPT, SETSOCKOPT, FCNTL, IOCTL, POLL) = range(1, 15)
DATA_MAX = 65536
SIOCINQ, SIOCOUTQ = 0x541B, 0x5411
F_GETFL, F_SETFL = 3, 4
STATES = ["?", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN",
          "CLOSING"]


def sockaddr(address, port):
    if ":" in address:
        return struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(port), 0, socket.inet_pton(socket.AF_INET6, address), 0)
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(address))


def address_of(data):
    family, port = struct.unpack_from("=HH", data)
    if family == socket.AF_INET6:
        return socket.inet_ntop(family, data[8:24]), socket.ntohs(port)
    return socket.inet_ntoa(data[4:8]), socket.ntohs(port)


class Calls:
    """One connection to a tcp-dut: a call, its answer."""

    def __init__(self, path, timeout=30):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(timeout)
        self.s.connect(path)

    def end(self):
        self.s.close()

    def ask(self, op, fd=-1, a=0, b=0, c=0, data=b""):
        self.s.send(struct.pack("=6i", op, fd, a, b, c, len(data)) + data)

    def answer(self):
        """(ret, data); OSError with the stack's errno."""
        r = self.s.recv(12 + DATA_MAX)
        ret, err, n = struct.unpack_from("=3i", r)
        assert len(r) == 12 + n, (len(r), n)
        if ret < 0:
            raise OSError(err, os.strerror(err))
        return ret, r[12:]

    def call(self, *args, **kw):
        self.ask(*args, **kw)
        return self.answer()

    def socket(self, family=socket.AF_INET, flags=0):
        return self.call(SOCKET, a=family, b=socket.SOCK_STREAM | flags)[0]

    def bind(self, fd, address, port):
        self.call(BIND, fd, data=sockaddr(address, port))

    def listen(self, fd, backlog=8):
        self.call(LISTEN, fd, backlog)

    def accept(self, fd):
        new, data = self.call(ACCEPT, fd)
        return new, address_of(data)

    def connect(self, fd, address, port):
        self.call(CONNECT, fd, data=sockaddr(address, port))

    def read(self, fd, n=DATA_MAX, flags=0):
        return self.call(READ, fd, n, flags)[1]

    def write(self, fd, data):
        return self.call(WRITE, fd, data=data)[0]

    def close(self, fd):
        self.call(CLOSE, fd)

    def shutdown(self, fd, how):
        self.call(SHUTDOWN, fd, how)

    def getsockopt(self, fd, level, name, room=4):
        data = self.call(GETSOCKOPT, fd, level, name, room)[1]
        return struct.unpack("=i", data)[0] if room == 4 else data

    def setsockopt(self, fd, level, name, value):
        self.call(SETSOCKOPT, fd, level, name, data=struct.pack("=i", value) if isinstance(value, int) else value)

    def nonblock(self, fd):
        flags = self.call(FCNTL, fd, F_GETFL)[0]
        self.call(FCNTL, fd, F_SETFL, flags | os.O_NONBLOCK)

    def ioctl(self, fd, request):
        return struct.unpack("=i", self.call(IOCTL, fd, request)[1])[0]

    def poll(self, fds, timeout_ms):
        """fds: {fd: events}. {fd: revents} of those that have any."""
        data = b"".join(struct.pack("=ihh", fd, ev, 0) for fd, ev in fds.items())
        ret, out = self.call(POLL, a=len(fds), b=timeout_ms, data=data)
        got = {fd: r for fd, _, r in struct.iter_unpack("=ihH", out) if r}
        assert ret == len(got), (ret, got)
        return got

    def info(self, fd):
        """The figures of struct tcp_info that every kernel has."""
        d = self.getsockopt(fd, socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        state, ca, retransmits, _, _, options = struct.unpack_from("=6B", d)
        u = struct.unpack_from("=24I", d, 8)
        names = ("rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets", "last_data_sent", "last_ack_sent",
                 "last_data_recv", "last_ack_recv", "pmtu", "rcv_ssthresh", "rtt", "rttvar", "snd_ssthresh", "snd_cwnd", "advmss",
                 "reordering", "rcv_rtt", "rcv_space", "total_retrans")
        return {"state": STATES[state], "ca_state": ca, "retransmits": retransmits, "options": options, **dict(zip(names, u))}


class Dut:
    """A tcp-dut that runs until end(), and one connection to it."""

    def __init__(self, build, interface, path, *args):
        self.path, self.open = path, []
        self.p = subprocess.Popen([os.path.join(build, "tests/tcp-dut"), "--if", interface, "--socket", path, *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.p.stdout.readline()
        if not line:
            raise AssertionError(f"tcp-dut did not start: {self.p.communicate()[1]}")
        self.ready = json.loads(line)
        self.calls = self.client()

    def client(self):
        self.open.append(Calls(self.path))
        return self.open[-1]

    def end(self):
        for c in self.open:
            c.end()
        self.p.send_signal(signal.SIGTERM)
        out, err = self.p.communicate(timeout=10)
        assert self.p.returncode == 0 and not err, (self.p.returncode, out, err)


def error(fn, *args):
    """Name of the errno that a call ends with; "" if it does not fail."""
    try:
        fn(*args)
        return ""
    except OSError as e:
        return errno.errorcode[e.errno]
