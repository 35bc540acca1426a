#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sink.py - a customer's mail server as a process of its own.

    sink.py --listen 10.77.0.1:2525 [--listen [fd77::1]:2525] --record FILE [--control SOCKET] [--store DIR]

Every mail that it answers with 2xx is one JSON line in FILE, written before the answer leaves:
    {"n", "from", "rcpt", "size", "hash", "received", "how", "params", "session", "helo", "answered"}
`hash` is SHA-256 of the mail without the Received field on top, dots unstuffed.

Faults are set over the control socket, one JSON object a line, answered by one:
    {"set": {...}}    any of the settings below
    {"stats": true}   counts since the start
A fault: {"stage": S, "do": WHAT, "skip": N, "times": N, "match": TEXT, "after": BYTES}
  S     connect ehlo mail rcpt data body dot rset quit
  WHAT  "reply:CODE text"   this answer in place of ours
        "bye:CODE text"     this answer, then close
        "hang"              no answer, ever
        "sleep:SECONDS"     our own answer, later
        "close" "reset"     FIN, RST
        "kill"              the process dies by SIGKILL
        "garbage"           bytes that are no reply
        "lost-reset" "lost-hang" "lost-kill"   at dot: the mail is stored, the answer never comes
"""
import argparse
import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import struct

DEFAULT_EHLO = ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"]
PATH = r'<((?:"(?:\\.|[^"\\])*"|[^>"])*)>(.*)$'  # a quoted local part may hold >
RECEIVED = re.compile(rb"\AReceived:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", re.I)
# What careless servers also take as the end of data.
LENIENT_END = re.compile(rb"(?:\r\n|\n|\r)\.(?:\x00)?(?:\r\n|\n|\r)")


class Settings:
    def __init__(self):
        self.ehlo = list(DEFAULT_EHLO)
        self.faults = []
        self.known = None          # list of addresses; None takes any
        self.lenient = False       # ends data as careless servers do
        self.banner = "220 sink.test ESMTP"
        self.accept_text = "2.0.0 queued as {n}"
        self.store = None
        self.max_size = 0          # answers 552 at the dot beyond it
        self.reject_body = None    # text that makes the dot a 554


class Stats:
    def __init__(self):
        self.connections = self.open = self.mails = self.rcpts = self.mail_cmds = self.bytes = 0
        self.max_open = 0
        self.violations = []
        self.fired = {}
        self.commands = {}


class Conn(asyncio.Protocol):
    count = 0

    def __init__(self, srv):
        self.srv = srv
        self.set, self.stats = srv.set, srv.stats
        self.buf = bytearray()
        self.mode = "cmd"
        self.helo = self.sender = None
        self.rcpts = []
        self.params = ""
        self.body = bytearray()
        self.left = 0
        self.last = False
        self.stopped = False
        self.facts = {}

    # --- transport
    def connection_made(self, transport):
        self.t = transport
        Conn.count += 1
        self.id = Conn.count
        self.stats.connections += 1
        self.stats.open += 1
        self.stats.max_open = max(self.stats.max_open, self.stats.open)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = transport.get_extra_info("peername")[0]
        if not self.fault("connect", self.set.banner):
            self.reply(self.set.banner)

    def connection_lost(self, exc):
        self.stopped = True
        self.stats.open -= 1

    def data_received(self, data):
        if self.stopped:
            return
        self.buf += data
        self.stats.bytes += len(data)
        self.work()

    def reply(self, text):
        if not self.t.is_closing():
            self.t.write(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def violation(self, what):
        if len(self.stats.violations) < 50:
            self.stats.violations.append(f"session {self.id}: {what}")

    # --- faults
    def fault(self, stage, subject="", normal=None):
        """True if a fault took the answer over. `normal` is called when a delay ends."""
        for f in self.set.faults:
            if f["stage"] != stage or (f.get("match") and f["match"] not in subject):
                continue
            if f.get("skip", 0) > 0:
                f["skip"] -= 1
                continue
            if f.get("times", 1) <= 0:
                continue
            f["times"] = f.get("times", 1) - 1
            key = f"{stage} {f['do'].split(':')[0]}"
            self.stats.fired[key] = self.stats.fired.get(key, 0) + 1
            self.apply(f["do"], normal)
            return True
        return False

    def apply(self, do, normal):
        what, _, arg = do.partition(":")
        what = what.replace("lost-", "")
        if what == "reply":
            for line in arg.split("\n"):
                self.reply(line)
        elif what == "bye":
            self.reply(arg)
            self.stopped = True
            self.t.close()
        elif what == "hang":
            self.stopped = True
            self.t.pause_reading()
        elif what == "sleep":
            self.stopped = True
            def later():
                self.stopped = False
                if normal:
                    normal()
                elif self.set.banner and not self.helo:
                    self.reply(self.set.banner)
                self.work()
            asyncio.get_running_loop().call_later(float(arg), later)
        elif what == "close":
            self.stopped = True
            self.t.close()
        elif what == "reset":
            self.stopped = True
            s = self.t.get_extra_info("socket")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.t.abort()
        elif what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "garbage":
            self.t.write(b"\x00\xffthis is no reply\r\n" * 3)
            self.stopped = True
        else:
            raise ValueError(do)

    # --- protocol
    def work(self):
        while not self.stopped and self.buf:
            if self.mode == "cmd":
                end = self.buf.find(b"\n")
                if end < 0:
                    if len(self.buf) > 4096:
                        self.violation("command line over 4096 bytes")
                        self.t.abort()
                        self.stopped = True
                    return
                line = bytes(self.buf[:end + 1])
                del self.buf[:end + 1]
                if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\x00" in line:
                    self.violation(f"bare CR, LF or NUL in a command {line!r}")
                if self.buf and "PIPELINING" not in self.set.ehlo and not line.upper().startswith(b"BDAT"):
                    self.violation(f"pipelined after {line!r}, not offered")
                self.command(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
            elif self.mode == "data":
                if not self.data():
                    return
            elif not self.bdat():
                return

    def command(self, line):
        verb, _, arg = line.partition(" ")
        verb = verb.upper()
        self.stats.commands[verb] = self.stats.commands.get(verb, 0) + 1
        fn = getattr(self, "do_" + verb.lower(), None)
        if fn is None or not verb.isalpha():
            self.violation(f"unknown command {line!r}")
            self.reply("500 5.5.2 unknown command")
        else:
            fn(arg)

    def do_ehlo(self, arg):
        self.helo = arg
        self.reset()
        def normal():
            lines = ["sink.test"] + self.set.ehlo
            for i, l in enumerate(lines):
                self.reply(f"250{' ' if i == len(lines) - 1 else '-'}{l}")
        if not self.fault("ehlo", arg, normal):
            normal()

    def do_helo(self, arg):
        self.helo = arg
        self.reset()
        if not self.fault("helo", arg):
            self.reply("250 sink.test")

    def reset(self):
        self.sender = None
        self.rcpts = []
        self.body = bytearray()

    def has(self, ext):
        return any(e.split()[0] == ext for e in self.set.ehlo)

    def do_mail(self, arg):
        m = re.match("FROM:" + PATH, arg, re.I | re.S)
        self.stats.mail_cmds += 1
        if not m or self.sender is not None:
            self.violation(f"MAIL {arg!r}{' twice' if self.sender is not None else ''}")
            self.reply("503 5.5.1 bad MAIL")
            return
        for word in m[2].split():
            ext = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8"}.get(word.split("=")[0].upper())
            if ext is None or not self.has(ext):
                self.violation(f"MAIL parameter {word!r}, not offered")
        def normal():
            self.sender, self.params = m[1], m[2].strip()
            self.reply("250 2.1.0 sender ok")
        if not self.fault("mail", m[1], normal):
            normal()

    def do_rcpt(self, arg):
        m = re.match("TO:" + PATH, arg, re.I | re.S)
        self.stats.rcpts += 1
        if not m or self.sender is None:
            if not m:
                self.violation(f"RCPT {arg!r}")
            self.reply("503 5.5.1 bad RCPT")
            return
        def normal():
            if self.set.known is not None and m[1].lower() not in self.set.known:
                self.reply(f"550 5.1.1 <{m[1]}> no such user here")
                return
            self.rcpts.append(m[1])
            self.reply("250 2.1.5 recipient ok")
        if not self.fault("rcpt", m[1], normal):
            normal()

    def do_rset(self, arg):
        self.reset()
        if not self.fault("rset"):
            self.reply("250 2.0.0 flushed")

    def do_noop(self, arg):
        if not self.fault("noop"):
            self.reply("250 2.0.0 ok")

    def do_quit(self, arg):
        if not self.fault("quit"):
            self.reply("221 2.0.0 bye")
            self.stopped = True
            self.t.close()

    def do_xclient(self, arg):
        self.facts["xclient"] = arg
        self.reply("220 sink.test ESMTP")

    def do_xforward(self, arg):
        self.facts["xforward"] = arg
        self.reply("250 2.0.0 ok")

    def do_data(self, arg):
        if self.fault("data", self.sender or ""):
            return
        if not self.rcpts:
            self.reply("503 5.5.1 no recipients" if self.sender is None else "554 5.5.1 no valid recipients")
            return
        self.body = bytearray()
        self.mode = "data"
        self.reply("354 go ahead")

    def body_fault(self):
        for f in self.set.faults:
            if f["stage"] == "body" and len(self.body) + len(self.buf) < f.get("after", 1):
                return False
        if not self.fault("body", self.sender or ""):
            return False
        self.stopped = True  # an answer in the middle of the mail is the only one
        return True

    def data(self):
        if self.body_fault():
            return False
        start = max(0, len(self.body) - 8)
        self.body += self.buf
        del self.buf[:]
        # The first line may be the dot already.
        if self.set.lenient:
            m = LENIENT_END.search(b"\r\n" + self.body) if start == 0 else LENIENT_END.search(self.body, start)
            shift = 2 if start == 0 else 0
            if not m:
                return False
            at, end = m.start() - shift, m.end() - shift
        else:
            if self.body.startswith(b".\r\n"):
                at, end = -2, 3
            else:
                at = self.body.find(b"\r\n.\r\n", start)
                if at < 0:
                    return False
                end = at + 5
        self.buf += self.body[end:]
        mail = bytes(self.body[:max(at + 2, 0)])
        self.mode = "cmd"
        if self.buf and "PIPELINING" not in self.set.ehlo:
            self.violation("bytes after the dot, PIPELINING not offered")
        if re.search(rb"(?<!\r)\n|\r(?!\n)", mail):
            self.violation("bare CR or LF inside DATA")
        self.finish((b"\r\n" + mail).replace(b"\r\n.", b"\r\n")[2:], "data")
        return True

    def do_bdat(self, arg):
        if not self.has("CHUNKING"):
            self.violation("BDAT, not offered")
        m = re.fullmatch(r"(\d+)( LAST)?", arg, re.I)
        if not m:
            self.violation(f"BDAT {arg!r}")
            self.reply("501 5.5.4 bad BDAT")
            return
        self.left, self.last = int(m[1]), bool(m[2])
        if self.fault("data", self.sender or ""):
            self.mode = "skip" if not self.stopped else self.mode
        else:
            self.mode = "bdat" if self.rcpts else "skip-refuse"
        if self.left == 0:
            self.bdat()

    def bdat(self):
        if self.mode == "bdat" and self.body_fault():
            return False
        n = min(self.left, len(self.buf))
        if self.mode == "bdat":
            self.body += self.buf[:n]
        del self.buf[:n]
        self.left -= n
        if self.left:
            return False
        mode, self.mode = self.mode, "cmd"
        if mode == "skip-refuse":
            self.reply("503 5.5.1 no recipients")
        elif mode == "bdat":
            if self.last:
                self.finish(bytes(self.body), "bdat")
            else:
                self.reply("250 2.0.0 chunk ok")
        return True

    def finish(self, mail, how):
        sender, rcpts = self.sender, self.rcpts
        def store(answered):
            m = RECEIVED.match(mail)
            rest = mail[m.end():] if m else mail
            self.stats.mails += 1
            n = self.stats.mails
            rec = {"n": n, "from": sender, "rcpt": rcpts, "size": len(rest),
                   "hash": hashlib.sha256(rest).hexdigest(), "received": m[0].decode("latin-1") if m else None,
                   "how": how, "params": self.params, "session": self.id, "helo": self.helo,
                   "peer": self.peer, "answered": answered, **self.facts}
            if self.set.store:
                path = os.path.join(self.set.store, f"{os.getpid()}-{n}.eml")
                with open(path, "wb") as f:
                    f.write(mail)
                rec["file"] = path
            os.write(self.srv.record, json.dumps(rec).encode() + b"\n")
            return n
        def normal():
            if self.set.max_size and len(mail) > self.set.max_size:
                self.reply("552 5.3.4 message too big for this server")
            elif self.set.reject_body and self.set.reject_body.encode() in mail:
                self.reply("554 5.7.1 this server does not like the content")
            else:
                n = store(True)
                self.reply("250 " + self.set.accept_text.format(n=n))
            self.reset()
        for f in self.set.faults:
            if f["stage"] == "dot" and f["do"].startswith("lost-") and f.get("times", 1) > 0 \
               and f.get("skip", 0) <= 0 and (f.get("match") or "") in sender:
                store(False)
                break
        if self.fault("dot", sender or "", normal):
            self.reset()
        else:
            normal()


class Server:
    def __init__(self, a):
        self.set, self.stats = Settings(), Stats()
        self.set.store = a.store
        if a.settings:
            self.change(json.loads(a.settings))
        self.record = os.open(a.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def change(self, new):
        for k, v in new.items():
            if not hasattr(self.set, k):
                raise ValueError(k)
            setattr(self.set, k, v)

    async def control(self, reader, writer):
        while line := await reader.readline():
            cmd = json.loads(line)
            if "set" in cmd:
                self.change(cmd["set"])
            writer.write(json.dumps(vars(self.stats)).encode() + b"\n")
        writer.close()

    async def serve(self, a):
        loop = asyncio.get_running_loop()
        for l in a.listen:
            host, _, port = l.rpartition(":")
            await loop.create_server(lambda: Conn(self), host.strip("[]"), int(port), backlog=4096)
        if a.control:
            if os.path.exists(a.control):
                os.unlink(a.control)
            await asyncio.start_unix_server(self.control, a.control)
        print("ready", flush=True)
        await asyncio.Event().wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--listen", action="append", required=True)
    p.add_argument("--record", required=True)
    p.add_argument("--control")
    p.add_argument("--store")
    p.add_argument("--settings", help="JSON, as over the control socket")
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *x: os._exit(0))
    asyncio.run(Server(a).serve(a))


if __name__ == "__main__":
    main()
