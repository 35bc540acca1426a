#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gen_tcp_peer_corpus - seeds of fuzz_tcp_peer: one life of a connection for each thing that it can do, into the directory given"""
import os
import sys

STEPS = ["syn", "connect", "syn_ack", "ack", "data", "odd", "time", "send", "read", "end", "times", "icmp", "settings", "info"]
FULL = (15, 1, 8)  # a SYN that offers all: scale, timestamps, SACK, ECN
PLAIN = (0, 0, 0)
ALL, SACK = (0, 15, 255), (2 | 32, 0x20, 255)  # acknowledge all; nothing, with blocks


def step(name, a=0, b=0, c=0, peer=0):
    return bytes([STEPS.index(name) | peer << 6, a & 255, b & 255, c & 255])


def accept(opts=FULL, peer=0):
    return step("syn", *opts, peer) + step("ack", *ALL, peer)


def connect(opts=FULL, peer=0):
    return step("connect", peer=peer) + step("syn_ack", *opts, peer) + step("ack", *ALL, peer)


def ms(n, peer=0):
    return step("time", 0, n % 20, n // 20, peer)


def long(units, peer=0):
    return step("time", 1, units, 0, peer)


def send(cnt=200, peer=0):
    return step("send", 1, cnt, 0, peer)


def acks(n, peer=0):
    return (step("ack", 0, 8, 255, peer) + ms(50, peer)) * n


def main():
    out = sys.argv[1]
    grown = send() + acks(6) + send() + acks(4)
    sacked = step("ack", *SACK) + step("ack", 2 | 64, 0x40, 255) + step("ack", 2 | 128, 0x60, 255)
    close = step("end") + step("ack", *ALL) + step("data", 0, 0, 1) + ms(50)
    seeds = {
        "accept": accept() + step("data", 0, 100, 8) + step("read", 0, 0, 9) + close,
        "accept_plain": accept(PLAIN) + step("data", 0, 200) * 3 + send(3) + step("ack", *ALL) + step("data", 0, 0, 1) + step("end") + step("ack", *ALL),
        "accept6": accept(peer=2) + step("send", 0, 90, 0, 2) + step("ack", *ALL, 2) + step("data", 0, 90, 0, 2) + step("end", peer=2),
        "connect": connect() + step("send", 0, 90) + step("ack", *ALL) + step("data", 0, 50, 8) + close + long(20),
        "connect6": connect(peer=2) + send(9, 2) + step("ack", *ALL, 2) + step("end", 2, 0, 0, 2),
        "simultaneous": step("connect") + step("syn", *FULL) + step("ack", *ALL) + step("send", 0, 9),
        "connect_lost": step("connect") + long(1) * 12,
        "connect_refused": step("connect") + step("odd", 0, 1, 20) + step("connect") + step("icmp", 32, 3, 0),
        "small_first": step("connect", 3, 60, 9) + step("syn_ack", *FULL) + step("ack", *ALL) + send(30) + acks(2),
        "cookies": accept(peer=1) + step("syn", *FULL, 0) + step("syn", *PLAIN, 3) + step("syn", *FULL, 2) + ms(1100) + ms(2100)
        + step("ack", *ALL, 3) + step("ack", *ALL, 2) + step("odd", 0, 9, 16) + step("ack", *ALL) + step("send", 0, 9, 0, 2),
        "cookies_old": step("syn", *FULL, 1) + step("syn", *FULL) + step("syn", *FULL, 2) + long(40) + step("ack", *ALL) + step("ack", *ALL, 2),
        "half_lost": step("syn", *FULL) + long(1) * 9,
        "prefix": step("settings", 2, 1) + step("syn", *FULL) + step("syn", *FULL, 3) + step("ack", *ALL) + step("ack", *ALL, 3),
        "sack": accept() + grown + sacked + acks(3) + step("info"),
        "sack_twice": accept() + grown + sacked + ms(400) + step("ack", 6 | 8 | 32, 0, 255) + sacked + acks(8),
        "sack_lost_again": accept() + grown + sacked + long(1) + sacked + ms(300) + acks(3) + step("ack", 6, 4, 255) + acks(6),
        "no_sack": accept((1, 0, 7)) + grown + step("ack", 0, 0, 255) * 6 + acks(9),
        "timeout": accept() + grown + ms(900) + ms(900) + step("ack", 0, 3, 255) + acks(9),
        "tail": accept() + grown + step("ack", *ALL) + send(5) + ms(120) + step("ack", 6, 15, 255) + ms(200) + step("info"),
        "dead": accept() + send() + long(10) * 9,
        "undo": accept() + grown + ms(700) + step("ack", 6, 2, 255) + step("ack", 6, 15, 255) + send() + acks(3),
        "ecn": accept() + grown + step("ack", 1, 8, 255) + ms(60) + step("ack", 1, 8, 255) + step("data", 0, 50, 16 | 128) + acks(4),
        "ecn_connect": connect() + step("data", 0, 200, 16) + step("data", 0, 200, 128) + send() + step("ack", 1, 4, 255) + acks(3),
        "shut": accept() + send() + step("ack", 0, 15, 0) + long(1) * 3 + step("ack", 0, 15, 1) + ms(300) + step("ack", 0, 15, 255) + acks(3),
        "shut_for_ever": accept() + send() + (step("ack", 0, 15, 0) + long(30)) * 8,
        "holes": accept() + step("data", 15, 200) + step("data", 45, 200) + step("data", 30, 100) + step("data", 15, 255, 8) + step("data", 0, 255)
        + step("read", 0, 3, 99) + step("data", 0, 255, 8),
        "holes_plain": accept(PLAIN) + step("data", 30, 200, 1) + step("data", 10, 200) + step("data", 0, 200) + ms(50),
        "held": accept() + step("read", 1) + step("data", 0, 255) * 9 + step("read", 1, 9, 40) + ms(50) + step("read", 0, 0, 255),
        "many": step("read", 1) + accept() + (step("data", 0, 1) * 10) * 3 + step("read", 0, 0, 255),
        "keep": accept() + step("times", 3 | 32, 4, 4) + long(1) * 2 + step("ack", *ALL) + long(1) * 5,
        "keep_user": connect() + step("times", 3, 0, 2) + ms(900) * 4 + step("times", 0),
        "icmp_soft": connect() + send() + step("icmp", 0, 0) + step("icmp", 2, 0) + step("icmp", 3, 0) + step("icmp", 16, 3) + acks(3),
        "icmp_mtu": connect() + send() + step("icmp", 0, 4, 125) + acks(3) + step("icmp", 16, 4, 0) + send() + acks(4) + long(160) + send() + acks(6),
        "icmp_mtu6": connect(peer=2) + send(peer=2) + step("icmp", 0, 0, 170, 2) + step("icmp", 0, 0, 90, 2) + step("ack", *ALL, 2),
        "icmp_mtu_nagle": connect((1, 0, 7)) + send(5) + step("icmp", 0, 4, 80) + step("ack", *ALL),
        "black_hole": connect() + grown + long(1) * 6 + step("ack", *ALL) + acks(3) + step("end", 2) + connect(peer=0) + send() + long(16) + send() + acks(5),
        "probe_lost": connect() + send() + step("icmp", 0, 4, 125) + acks(3) + long(155) + send() + sacked + ms(300) + acks(3),
        "pmtus": b"".join(connect(peer=i) + send(20, i) + step("icmp", 0, 4, 165, i) + step("end", 2, 0, 0, i) for i in (0, 1, 2, 0, 1)),
        "pmtu_shared": connect() + connect(peer=3) + send(20) + send(20, 3) + step("icmp", 0, 4, 125) + long(1, 3) * 3 + step("ack", *ALL, 3),
        "hystart": connect() + (send(230) + (step("ack", 0, 4, 255) + ms(9)) * 9) * 2 + b"".join(
            (step("ack", 0, 2, 255) + ms(3)) * 12 + ms(40 * i) + send(230) for i in range(4)),
        "settings": step("settings", 1, 50) + accept() + send() + step("settings", 1 | 4 | 8, 200, 30) + acks(3) + step("settings", 16)
        + step("syn", 64 | 15, 0, 0, 1) + step("ack", *ALL, 1),
        "unlisten": step("settings", 8) + step("syn", 64, 0, 0, 1) + step("ack", *ALL, 1),
        "strays": accept() + step("syn", 0, 128) + step("odd", 9, 0, 4) + step("odd", 0, 0, 20) + step("odd", 0, 0, 4) + step("odd", 0, 0, 4),
        "strays_ack": accept() + step("odd", 0, 1, 17) + step("odd", 100, 0, 16) + step("odd", 0, 100, 16) + step("odd", 0, 9, 16 | 128),
        "time_wait": accept() + close + step("odd", 0, 0, 17) + step("syn", *FULL) + step("ack", *ALL) + step("end", 3) + ms(500) + step("syn", *PLAIN) + step("syn", 32),
        "time_waits": b"".join(accept(peer=i) + step("end", peer=i) + step("ack", *ALL, i) + step("data", 0, 0, 1, i) for i in range(4)) + long(20),
        "both_close": accept() + step("end") + step("data", 0, 0, 1) + step("odd", 0, 0, 4) + step("ack", *ALL),
        "peer_first": accept() + step("data", 0, 9, 1) + step("send", 0, 99) + step("end") + step("ack", *ALL),
        "orphan": accept() + send() + step("end", 3) + acks(5) + step("data", 0, 99) + step("ack", *ALL) + long(20),
        "orphans": b"".join(accept(peer=i) + send(30, i) + step("end", 3, 0, 0, i) for i in range(4)),
        "abort": accept() + send() + step("end", 2) + step("data", 0, 9) + step("syn", *FULL) + step("ack", *ALL),
        "room": accept() + step("send", 2, 99) + send() * 9 + acks(9),
        "small": accept() + step("send", 0, 255) * 12 + step("ack", *ALL) + acks(3),
    }
    os.makedirs(out, exist_ok=True)
    for name, data in seeds.items():
        for opts in (0, 8 | 16)[: 1 + (name in ("ecn", "ecn_connect", "sack", "timeout", "undo", "no_sack"))]:
            first = {"cookies": 1, "cookies_old": 1, "many": 4 | 128, "small": 2, "room": 2, "ecn_connect": 8}.get(name, 0) | opts
            with open(os.path.join(out, name + ("_reno" if opts else "")), "wb") as f:
                f.write(bytes([first, 0x10 if name in ("holes", "sack") else 0]) + data)


if __name__ == "__main__":
    main()
