#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""kernel_end.py - the kernel's TCP at one end: kernel_end.py SECONDS send ADDRESS PORT | receive PORT

The receiver counts the bytes that arrive within SECONDS of accept(); both ends print one JSON object.
"""
import json
import socket
import struct
import sys
import time

seconds, what = float(sys.argv[1]), sys.argv[2]
buf = memoryview(bytearray(1 << 18))


def info(s):
    """tcpi_total_retrans, tcpi_rtt, tcpi_snd_cwnd of struct tcp_info."""
    b = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    w = struct.unpack_from("=24I", b, 8)
    return {"rtt_us": w[15], "cwnd": w[18], "total_retrans": w[23]}


def send():
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    s.settimeout(20)
    s.connect((sys.argv[3], int(sys.argv[4])))
    s.settimeout(0.2)
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            n += s.send(buf)
        except socket.timeout:
            pass
        except OSError:
            break
    out = {"sent": n, **info(s)}
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    return out


def receive():
    s = socket.create_server(("0.0.0.0", int(sys.argv[3])))
    print('{"ready": true}', flush=True)
    s.settimeout(30)
    c, _ = s.accept()
    c.settimeout(0.2)
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            got = c.recv_into(buf)
        except socket.timeout:
            continue
        except OSError:
            break
        if got == 0:
            break
        n += got
    c.close()
    return {"received": n}


print(json.dumps(send() if what == "send" else receive()))
