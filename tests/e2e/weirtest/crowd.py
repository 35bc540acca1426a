#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""crowd.py - many connections in a process of its own, so that they don't cost the honest sender its time.

    crowd.py idle N      N sessions that greeted and wait
    crowd.py slow N      N senders inside DATA, one byte a second each
    crowd.py churn N     connections that come, say EHLO and go, about N a second
Prints `ready ...` once they stand, then one line of JSON at each line on stdin, and ends when that is closed.
"""
import json
import os
import resource
import select
import socket
import sys
import threading
import time

from net import RELAY4, RELAY6  # started as a program: its folder is the path


def connect(n, lines, batch=200):
    """n connections that sent `lines` and got as many replies, opened in batches. Returns (sockets, refused)."""
    socks, bad = [], 0
    while len(socks) + bad < n:
        new = []
        for i in range(min(batch, n - len(socks) - bad)):
            addr = RELAY6 if (len(socks) + i) % 2 else RELAY4
            s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
            s.settimeout(20)
            try:
                s.connect((addr, 25))
                new.append(s)
            except OSError:
                s.close()
                bad += 1
        for s in new:
            try:
                s.recv(512)
                for l in lines:
                    s.sendall(l)
                    if s.recv(4096)[:1] not in (b"2", b"3"):
                        raise OSError("refused")
                s.setblocking(False)
                socks.append(s)
            except OSError:
                s.close()
                bad += 1
    return socks, bad


def alive(socks):
    """How many still stand: nothing to read, or data but no end."""
    p = select.poll()
    for s in socks:
        p.register(s, select.POLLIN | select.POLLRDHUP)
    gone = sum(1 for fd, ev in p.poll(0) if ev & (select.POLLRDHUP | select.POLLHUP | select.POLLERR))
    return len(socks) - gone


class Churn:
    def __init__(self, rate):
        self.rate, self.done, self.failed, self.stop = rate, 0, 0, False
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        """Pairs of a new connection and an end of the one a second ago."""
        open_, t0, made = [], time.monotonic(), 0
        while not self.stop:
            while made < (time.monotonic() - t0) * self.rate:
                made += 1
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex((RELAY4, 25))
                open_.append(s)
                if len(open_) > self.rate:
                    old = open_.pop(0)
                    try:
                        if old.recv(512)[:3] == b"220":
                            self.done += 1
                        else:
                            self.failed += 1
                        if made % 2:
                            old.send(b"EHLO churn.test\r\n")
                    except OSError:
                        self.failed += 1
                    old.close()
            time.sleep(0.002)


def main():
    what, n = sys.argv[1], int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.nice(15)
    socks, bad, churn = [], 0, None
    if what == "idle":
        socks, bad = connect(n, [b"EHLO idle.test\r\n"])
    elif what == "slow":
        socks, bad = connect(n, [b"EHLO slow.test\r\n", b"MAIL FROM:<slow@sender.test>\r\n", b"RCPT TO:<bob@list.test>\r\n", b"DATA\r\n"])

        def drip():
            text = b"Subject: slow\r\n\r\n" + b"one byte a second " * 1000
            for i in range(len(text)):
                t0 = time.monotonic()
                for s in socks:
                    try:
                        s.send(text[i:i + 1])
                    except OSError:
                        pass
                time.sleep(max(0.0, 1 - (time.monotonic() - t0)))
        threading.Thread(target=drip, daemon=True).start()
    else:
        churn = Churn(n)
        time.sleep(2)
    print(f"ready {len(socks)} {bad}", flush=True)
    for line in sys.stdin:
        print(json.dumps({"alive": alive(socks), "of": n, "refused": bad,
                          **({"done": churn.done, "failed": churn.failed} if churn else {})}), flush=True)
    for i, s in enumerate(socks):  # by FIN, some at a time: a RST that is lost is lost for good
        try:
            s.recv(1 << 16)
        except OSError:
            pass
        s.close()
        if i % 100 == 0:
            time.sleep(0.002)
    os._exit(0)


if __name__ == "__main__":
    main()
