# SPDX-License-Identifier: BSD-3-Clause
"""client.py - a sender: every byte in hand (Client), or thousands of mails over many sessions (Bulk)."""
import collections
import queue
import socket
import struct
import threading
import time

from . import net


class Closed(Exception):
    """The relay ended the connection. `got` is what came before that."""


class Reply:
    __slots__ = ("code", "lines")

    def __init__(self, code, lines):
        self.code, self.lines = code, lines

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return f"<{self.code} {self.text!r}>"

    def is_(self, code, enhanced=None):
        """Code, and the enhanced code if one is asked for, in every line."""
        return self.code == code and (enhanced is None or all(l.startswith(enhanced + " ") for l in self.lines))

    @property
    def id(self):
        for word in self.text.split():
            if word.startswith("id="):
                return word[3:]
        return None


def to_wire(raw):
    """A mail from a file with LF ends as its bytes between DATA and the dot, before stuffing."""
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def stuff(wire):
    return (b"\r\n" + wire).replace(b"\r\n.", b"\r\n..")[2:]


class Client:
    def __init__(self, addr=net.RELAY4, port=25, source=None, timeout=30.0, banner=True):
        fam = socket.AF_INET6 if ":" in addr else socket.AF_INET
        self.s = socket.socket(fam, socket.SOCK_STREAM)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.settimeout(timeout)
        if source:
            self.s.bind((source, 0))
        self.buf = b""
        self.s.connect((addr, port))
        self.banner = self.reply() if banner else None

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    def close(self):
        self.s.close()

    def reset(self):
        """End by RST, as a sender that crashed."""
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.s.close()

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        self.s.sendall(data)

    def line(self):
        while b"\n" not in self.buf:
            try:
                d = self.s.recv(65536)
            except ConnectionResetError:
                raise Closed(f"reset; before it: {self.buf!r}") from None
            if not d:
                raise Closed(f"closed; before it: {self.buf!r}")
            self.buf += d
        line, _, self.buf = self.buf.partition(b"\n")
        if not line.endswith(b"\r"):
            raise AssertionError(f"a reply line without CR: {line!r}")
        if len(line) + 1 > 512:
            raise AssertionError(f"a reply line of {len(line) + 1} bytes")
        return line[:-1].decode("utf-8", "surrogateescape")

    def reply(self):
        lines = []
        while True:
            l = self.line()
            if len(l) < 3 or not l[:3].isdigit() or (len(l) > 3 and l[3] not in " -"):
                raise AssertionError(f"not a reply line: {l!r}")
            lines.append(l[4:])
            if l[3:4] != "-":
                return Reply(int(l[:3]), lines)

    def cmd(self, line):
        self.send(line if isinstance(line, bytes) else line + "\r\n")
        return self.reply()

    def ehlo(self, name="sender.test"):
        return self.cmd(f"EHLO {name}")

    def data(self, wire, stuffed=False):
        """DATA, the body, the final reply. The reply to DATA itself if that was not 354."""
        r = self.cmd("DATA")
        if r.code != 354:
            return r
        self.send((wire if stuffed else stuff(wire)) + b".\r\n")
        return self.reply()

    def mail(self, sender, rcpts, wire, params=""):
        """One transaction: (verb that decided, reply). RSET first where it did not get to the dot."""
        r = self.cmd(f"MAIL FROM:<{sender}>{params}")
        if r.code != 250:
            return "mail", r
        ok = 0
        for a in [rcpts] if isinstance(rcpts, str) else rcpts:
            r = self.cmd(f"RCPT TO:<{a}>")
            ok += r.code == 250
        if not ok:
            self.cmd("RSET")
            return "rcpt", r
        r = self.data(wire)
        return "data", r

    def quit(self):
        r = self.cmd("QUIT")
        self.close()
        return r

    def closed(self, timeout=5.0):
        """Has the relay ended the connection? Reads away what is left."""
        self.s.settimeout(timeout)
        try:
            while self.s.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except (socket.timeout, TimeoutError):
            return False


Result = collections.namedtuple("Result", "key verb code text seconds start")


class Bulk:
    """Many mails over `sessions` connections, `reuse` mails on each. results() after join().

    mails: iterable of (key, sender, rcpts, wire), read as it goes; finish() ends it early. A connection that breaks counts for the mail on
    it as code 0 with what happened as text; the next mail begins on a fresh one.
    """

    def __init__(self, mails, sessions=20, addr=net.RELAY4, port=25, reuse=50, timeout=60.0, source=None,
                 pause=0.0):
        self.it, self.lock = iter(mails), threading.Lock()
        self.addrs = [addr] if isinstance(addr, str) else list(addr)
        self.port, self.reuse, self.timeout, self.source, self.pause = port, reuse, timeout, source, pause
        self.out = queue.SimpleQueue()
        self.stop = False
        self.threads = [threading.Thread(target=self.session, args=(i,), daemon=True) for i in range(sessions)]

    def start(self):
        self.t0 = time.monotonic()
        for t in self.threads:
            t.start()
        return self

    def next(self):
        with self.lock:
            return next(self.it, None)

    def session(self, i):
        c, used = None, 0
        addr = self.addrs[i % len(self.addrs)]
        while not self.stop:
            mail = self.next()
            if mail is None:
                break
            key, sender, rcpts, wire = mail
            t0 = time.monotonic()
            try:
                if c is None:
                    c, used = Client(addr, self.port, timeout=self.timeout, source=self.source), 0
                    if c.banner.code != 220:
                        raise Closed(f"banner {c.banner}")
                    c.ehlo()
                t0 = time.monotonic()
                verb, r = c.mail(sender, rcpts, wire)
                self.out.put(Result(key, verb, r.code, r.text, time.monotonic() - t0, t0))
                used += 1
                if used >= self.reuse or r.code == 421:
                    c.close() if r.code == 421 else c.quit()
                    c = None
            except (OSError, Closed, AssertionError) as e:
                self.out.put(Result(key, "lost", 0, f"{type(e).__name__}: {e}", time.monotonic() - t0, t0))
                if c:
                    c.close()
                c = None
                time.sleep(0.02)
            if self.pause:
                time.sleep(self.pause)
        if c:
            try:
                c.quit()
            except (OSError, Closed, AssertionError):
                c.close()

    def finish(self, timeout=60):
        """Each session ends after the mail that it is at."""
        self.stop = True
        return {r.key: r for r in self.join(timeout)}

    def join(self, timeout=600):
        end = time.monotonic() + timeout
        for t in self.threads:
            t.join(max(0.0, end - time.monotonic()))
        self.seconds = time.monotonic() - self.t0
        self.stop = True
        r = []
        while not self.out.empty():
            r.append(self.out.get())
        return r

    def run(self, timeout=600):
        return self.start().join(timeout)


def percentile(values, p):
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * p))] if v else 0.0
