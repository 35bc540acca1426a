#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gen_packet_corpus - seeds of fuzz_packet: one frame of each kind, and a few sequences, into the directory given"""
import ipaddress
import os
import struct
import sys

ME, PEER = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
A4 = {n: ipaddress.ip_address(f"10.0.0.{n}").packed for n in (1, 2, 9)}
A6 = {n: ipaddress.ip_address(f"fd00::{n}").packed for n in (1, 2, 9)}


def record(frame, flags=1):
    return struct.pack("!BH", flags, len(frame)) + frame


def ip4(proto, payload, frag=0, ident=1, options=b""):
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), ident, frag, 64, proto, 0)
    return ME + PEER + b"\x08\x00" + head + A4[9] + A4[2] + options + payload


def ip6(nxt, payload, hop=64, dst=None, src=None):
    return ME + PEER + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(payload), nxt, hop) + (src or A6[9]) + (dst or A6[2]) + payload


def tcp(n=8):
    return struct.pack("!HHIIBBHHH", 1000, 25, 1, 2, 5 << 4, 0x10, 1000, 0, 0) + bytes(n)


def arp(op):
    return (ME if op == 2 else b"\xff" * 6) + PEER + b"\x08\x06" + b"\0\1\x08\0\6\4" + struct.pack("!H", op) + PEER + A4[9] + ME + A4[2]


def icmp(kind, code, word, data=b""):
    return struct.pack("!BBHI", kind, code, 0, word) + data


def main():
    out = sys.argv[1]
    quote4 = bytes.fromhex("4500003c000140004006") + b"\0\0" + A4[2] + A4[9] + tcp(0)
    quote6 = struct.pack("!IHBB", 6 << 28, 20, 6, 64) + A6[2] + A6[9] + tcp(0)
    part = tcp(92)
    seeds = {
        "tcp4": record(ip4(6, tcp())),
        "tcp4_options": record(ip4(6, tcp(), options=b"\7\7\4\0\0\0\0\0")),
        "tcp6": record(ip6(6, tcp())),
        "tcp6_ext": record(ip6(0, b"\x3c\0\1\4\0\0\0\0" + b"\6\0\1\4\0\0\0\0" + tcp())),
        "arp": record(arp(1)) + record(arp(2), 4) + record(arp(2)),
        "echo4": record(ip4(1, icmp(8, 0, 1, b"hello"))),
        "echo6": record(ip6(58, icmp(128, 0, 1, b"hello"))),
        "ns": record(ip6(58, icmp(135, 0, 0, A6[2] + b"\1\1" + PEER), 255)),
        "na": record(ip6(58, icmp(136, 0, 0x60000000, A6[9] + b"\2\1" + PEER), 255)),
        "error4": record(ip4(1, icmp(3, 4, 1400, quote4))),
        "error6": record(ip6(58, icmp(2, 0, 1300, quote6))),
        "frag4": record(ip4(6, part[:56], 0x2000), 0) + record(ip4(6, part[56:], 7), 0),
        "frag6": record(ip6(44, b"\6\0\0\1\0\0\0\1" + part[:56]), 0) + record(ip6(44, b"\6\0\0\x38\0\0\0\1" + part[56:]), 0),
        "overlap": record(ip4(6, part[:56], 0x2000), 0) + record(ip4(6, part[48:], 6), 0),
        "vlan": record(ME + PEER + b"\x81\0\0\0" + ip4(6, tcp())[12:]),
    }
    own = A6[2] + b"\2\1" + PEER
    group = bytes.fromhex("ff0200000000000000000001ff000002")
    seeds["nd_dad"] = record(ip6(58, icmp(135, 0, 0, A6[2]), 255, group, bytes(16)))  # somebody else wants our address
    seeds["nd_conflict"] = record(ip6(58, icmp(136, 0, 0x20000000, own), 255))
    seeds["nd_ours"] = record(ip6(58, icmp(135, 0, 0, own[:16]), 255)) + record(ip6(58, icmp(136, 0, 0x20000000, own), 255), 3)
    seeds["nd_answered"] = b"".join([record(ip6(58, icmp(135, 0, 0, A6[2] + b"\1\1" + PEER), 255)),
                                     record(ip6(58, icmp(136, 0, 0x60000000, A6[9] + b"\2\1" + PEER), 255), 3),
                                     record(ip6(58, icmp(136, 0, 0x40000000, A6[9]), 255))])
    seeds["nd_bad"] = b"".join([record(ip6(58, icmp(135, 0, 0, A6[2] + b"\1\0" + PEER), 255)),
                                record(ip6(58, icmp(135, 0, 0, A6[2] + b"\1\1"), 255)),
                                record(ip6(58, icmp(135, 0, 0, A6[2]), 64)),
                                record(ip6(58, icmp(134, 0, 0, A6[2]), 255)),
                                record(ip6(58, icmp(135, 0, 0, group), 255)),
                                record(ip6(58, icmp(135, 0, 0, A6[2] + b"\1\1" + PEER), 255, group, bytes(16))),
                                record(ip6(58, icmp(136, 0, 0x40000000, A6[9]), 255, group))])
    big = tcp(1400)
    seeds["frag_three"] = record(ip4(6, big[:464], 0x2000), 0) + record(ip4(6, big[928:], 116), 0) + record(ip4(6, big[464:928], 0x2000 | 58), 0)
    seeds["frag_odd"] = b"".join([record(ip4(6, big[:8], 0x2000), 0), record(ip4(6, big[:61], 0x2000, 2), 0),
                                  record(ip4(6, big[:64], 0x2000, 3), 0), record(ip4(6, big[:64], 0x2000, 3), 0),
                                  record(ip4(6, big[:64], 0x2000 | 0x1ff0, 4), 0)])
    seeds["frag_many"] = b"".join(record(ip4(6, big[:64], 0x2000, i), 0) for i in range(20)) + record(ip4(6, big[:64], 0x2000, 99), 2)
    os.makedirs(out, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(out, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
