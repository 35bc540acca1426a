#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""matrix.py - writes the matrices of packet scripts: matrix.py states|orders|mss|options|slow_start|pacing > FILE.pkt

What is expected comes from the rules below, which follow the text of the RFCs; nothing here asks the stack. Numbers are
relative to the ISN of their direction, as in every script. README.md says what the lines mean.
"""
import itertools
import sys

OUT = []


def case(name):
    OUT.append(f"case {name}")


def line(text):
    OUT.append("  " + text)


# --- RFC 9293 3.10.7: every state x flags x sequence x acknowledgement ---

WINDOW = 8192  # what we announce in the SYN-ACK
EDGE = 1 + WINDOW


class State:
    """A state, how to get there, and its variables (RFC 9293 3.3.1)."""

    def __init__(self, name, lines, una=0, nxt=0, rcv_nxt=0, edge=EDGE, fin=None):
        self.name, self.lines = name, lines
        self.una, self.nxt, self.rcv_nxt, self.edge = una, nxt, rcv_nxt, edge
        self.fin = fin  # SND.NXT once our FIN is acknowledged; None: none was sent

    @property
    def state(self):
        return self.name.split(" ")[0]


LISTEN = ["set rcv_buf_bytes 8192", "call listen"]
ESTABLISHED = ["set rcv_buf_bytes 8192", "open passive opt mss=1460",
               "inject PA seq 1 ack 1 len 100", "expect A seq 1 ack 101",
               "call send 100", "expect PA seq 1 ack 101 len 100", "inject A seq 101 ack 101", "silence",
               "call send 1000", "expect PA seq 101 ack 101 len 1000"]
FIN_WAIT_1 = ESTABLISHED + ["call close", "expect FA seq 1101 ack 101"]
FIN_WAIT_2 = FIN_WAIT_1 + ["inject A seq 101 ack 1102", "silence"]
CLOSE_WAIT = ESTABLISHED + ["inject FA seq 101 ack 101", "expect A seq 1101 ack 102"]
CLOSING = FIN_WAIT_1 + ["inject FA seq 101 ack 101", "expect A seq 1102 ack 102"]
LAST_ACK = CLOSE_WAIT + ["call close", "expect FA seq 1101 ack 102"]
TIME_WAIT = FIN_WAIT_2 + ["inject FA seq 101 ack 1102", "expect A seq 1102 ack 102"]
SHUT = ["set rcv_buf_bytes 2048", "call hold", "open passive opt mss=1460",
        "inject PA seq 1 ack 1 len 1024", "expect A seq 1 ack 1025", "inject PA seq 1025 ack 1 len 1024",
        "expect A seq 1 ack 2049 win 0", "call send 1000", "expect PA seq 1 ack 2049 len 1000"]

SYNCHRONISED = [
    State("ESTABLISHED", ESTABLISHED, 101, 1101, 101),
    State("ESTABLISHED with a shut window", SHUT, 1, 1001, 2049, 2049),
    State("FIN-WAIT-1", FIN_WAIT_1, 101, 1102, 101, fin=1102),
    State("FIN-WAIT-2", FIN_WAIT_2, 1102, 1102, 101, fin=1102),
    State("CLOSE-WAIT", CLOSE_WAIT, 101, 1101, 102),
    State("CLOSING", CLOSING, 101, 1102, 102, fin=1102),
    State("LAST-ACK", LAST_ACK, 101, 1102, 102, fin=1102),
]
RECEIVING = ("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2")

FLAGS = [s + f + r + p for s in ("", "S") for f in ("", "F") for r in ("", "R") for p in ("", "A")]
FLAGS += ["PA", "UA", "PUA", "FPA", "FPUA", "P", "SPU", "RPA"]


def acceptable(s, seq, seglen):
    """RFC 9293 3.10.7.4, first: the table of four cases."""
    wnd = s.edge - s.rcv_nxt
    last = seq + seglen - 1
    if seglen == 0:
        return seq == s.rcv_nxt if wnd == 0 else s.rcv_nxt <= seq < s.edge
    return wnd > 0 and (s.rcv_nxt <= seq < s.edge or s.rcv_nxt <= last < s.edge)


def text_and_fin(s, state, flags, seq, length):
    """Sixth to eighth. (answers, state)"""
    fin = "F" in flags
    if state not in RECEIVING or (length == 0 and not fin):
        return [], state
    end = seq + length
    if s.edge == s.rcv_nxt:  # nothing of it can be taken
        return [f"A seq {s.nxt} ack {s.rcv_nxt}"], state
    if end + fin > s.edge:  # trimmed to the window; the FIN is behind it
        end, fin = min(end, s.edge), False
    if seq > s.rcv_nxt:  # out of order: an ACK at once (RFC 5681 4.2)
        return [f"A seq {s.nxt} ack {s.rcv_nxt}"], state
    if fin:
        end += 1
        state = {"ESTABLISHED": "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT"}[state]
    return [f"A seq {s.nxt} ack {end}"], state


def synchronised(s, flags, seq, length, ack):
    """RFC 9293 3.10.7.4 with 5961 3 to 5. (answers, state after, error of the user)"""
    challenge = [f"A seq {s.nxt} ack {s.rcv_nxt}"]
    seglen = length + ("S" in flags) + ("F" in flags)
    # "special allowance should be made to accept valid ACKs, URGs, and RSTs" with a window of zero
    shut = s.edge == s.rcv_nxt and seq == s.rcv_nxt and "S" not in flags and "R" not in flags
    if not acceptable(s, seq, seglen) and not shut:
        return [] if "R" in flags else challenge, s.state, None
    if "R" in flags:
        return ([], "CLOSED", "ECONNRESET") if seq == s.rcv_nxt else (challenge, s.state, None)
    if "S" in flags:
        return challenge, s.state, None
    if "A" not in flags:
        if s.state in RECEIVING and shut and seglen:
            return challenge, s.state, None  # not acceptable after all
        return [], s.state, None
    if ack > s.nxt or ack < s.una - 65535:
        return challenge, s.state, None
    state = s.state
    if s.fin and ack >= s.fin:
        if state == "LAST-ACK":
            return [], "CLOSED", "none"
        state = {"FIN-WAIT-1": "FIN-WAIT-2", "CLOSING": "TIME-WAIT"}.get(state, state)
        if s.state == "CLOSING":
            return challenge_of_time_wait(s, flags, seq, length)
    if state in RECEIVING:
        return (*text_and_fin(s, state, flags, seq, length), None)
    if shut and seglen:
        return challenge, state, None
    return [], state, None


def challenge_of_time_wait(s, flags, seq, length):
    """CLOSING goes to TIME-WAIT: text and FIN behind the peer's FIN are ignored."""
    return [], "TIME-WAIT", "none"


def emit(s, title, flags, seq, length, ack, answers, state, err):
    case(title)
    for l in s.lines:
        line(l)
    line(f"inject {flags or '-'} seq {seq}" + (f" ack {ack}" if "A" in flags else "") + (f" len {length}" if length else ""))
    for a in answers:
        line("expect " + a)
    line("silence")
    line(f"state {state}")
    if err:
        line(f"app closed {err}")


def positions(s):
    """Sequence numbers by where they stand."""
    n, e = s.rcv_nxt, s.edge
    if n == e:
        return [("left", n - 50), ("just left", n - 1), ("at", n), ("right of", n + 1), ("outside", n + 500)]
    return [("left", n - 50), ("just left", n - 1), ("at", n), ("inside", n + 50), ("last", e - 1), ("edge", e),
            ("outside", e + 50), ("half the space away", n + 2**31 - 5)]


def acks(s, flags):
    if "A" not in flags:
        return [("no ack", 0)]
    out = [("ack too old", s.una - 65536), ("old ack", s.una - 50), ("ack una", s.una)]
    if s.nxt > s.una:
        out += [("ack between", s.una + 500), ("ack nxt", s.nxt)]
        if s.fin:
            out.append(("ack all but the FIN", s.nxt - 1))
    return out + [("ack beyond", s.nxt + 1), ("ack far beyond", s.nxt + 2**31 - 5)]


def states_synchronised():
    for s in SYNCHRONISED:
        for flags in FLAGS:
            for (where, seq), length in itertools.product(positions(s), (0, 100)):
                for what, ack in acks(s, flags):
                    if where == "half the space away" and what not in ("ack una", "no ack"):
                        continue
                    got = synchronised(s, flags, seq, length, ack)
                    emit(s, f"{s.name}: {flags or '-'} {where}, {length} bytes, {what}", flags, seq, length, ack, *got)


def states_time_wait():
    """RFC 9293 3.10.7.4, 1337 (a RST does not end it), 6191 and 1122 4.2.2.13 (a SYN behind the old numbers opens anew)."""
    s = State("TIME-WAIT", TIME_WAIT, 1102, 1102, 102)
    answer = f"A seq {s.nxt} ack {s.rcv_nxt}"
    for flags in FLAGS:
        for (where, seq), length in itertools.product(positions(s), (0, 100)):
            for what, ack in acks(s, flags):
                if where in ("half the space away", "edge", "last", "outside") and what != "ack una" and "A" in flags:
                    continue
                state, answers = "TIME-WAIT", [answer]
                if "R" in flags:
                    answers = []
                elif "S" in flags and "A" not in flags and s.rcv_nxt < seq < s.rcv_nxt + 2**31:
                    answers, state = [f"SA seq >{s.nxt} ack {seq + 1}"], "SYN-RECEIVED"
                elif length == 0 and "S" not in flags and "F" not in flags and seq == s.rcv_nxt:
                    answers = []  # in place and empty: nothing to say
                emit(s, f"TIME-WAIT: {flags or '-'} {where}, {length} bytes, {what}", flags, seq, length, ack, answers, state, None)


def states_syn_received():
    """RFC 9293 3.10.7.4 for SYN-RECEIVED, passive and active."""
    passive = State("SYN-RECEIVED", LISTEN + ["inject S seq 0 opt mss=1460", "expect SA seq 0 ack 1 win 8192"], 0, 1, 1)
    active = State("SYN-RECEIVED", ["set rcv_buf_bytes 8192", "call connect 7", "expect S seq 0 win 8192",
                                    "inject S seq 0 opt mss=1460", "expect SA seq 0 ack 1"], 0, 1, 1)
    for s, kind in ((passive, "passive"), (active, "active")):
        challenge = [f"A seq 1 ack {s.rcv_nxt}"]
        for flags in FLAGS:
            for (where, seq), length in itertools.product(positions(s), (0, 100)):
                for what, ack in ([("ack old", 0), ("ack nxt", 1), ("ack beyond", 2)] if "A" in flags else [("no ack", 0)]):
                    seglen = length + ("S" in flags) + ("F" in flags)
                    err, state, answers = None, "SYN-RECEIVED", challenge
                    if kind == "passive" and "S" in flags and "R" not in flags and "A" not in flags and seq == 0:
                        answers = ["SA seq 0 ack 1"]  # our answer was lost (as Linux: the SYN-ACK, not an ACK)
                    elif not acceptable(s, seq, seglen):
                        answers = [] if "R" in flags else challenge
                    elif "R" in flags:
                        if seq == s.rcv_nxt:
                            answers, state, err = [], "CLOSED", None if kind == "passive" else "ECONNREFUSED"
                    elif "S" in flags:
                        pass  # RFC 5961 4.2, here too
                    elif "A" not in flags:
                        answers = []
                    elif ack != 1:
                        answers = [f"R seq {ack}"]
                    else:
                        answers, state = text_and_fin(s, "ESTABLISHED", flags, seq, length)
                    emit(s, f"SYN-RECEIVED, {kind}: {flags or '-'} {where}, {length} bytes, {what}",
                         flags, seq, length, ack, answers, state, err)


def states_syn_sent():
    """RFC 9293 3.10.7.3."""
    s = State("SYN-SENT", ["set rcv_buf_bytes 8192", "call connect 7", "expect S seq 0 win 8192"], 0, 1)
    for flags in FLAGS:
        for seq, length in itertools.product((0, 70000, -70000), (0, 100)):
            for what, ack in ([("ack old", 0), ("ack before", -9), ("ack nxt", 1), ("ack beyond", 2), ("ack far", 2**31 - 9)]
                              if "A" in flags else [("no ack", 0)]):
                state, err, answers = "SYN-SENT", None, []
                if "A" in flags and ack != 1:
                    answers = [] if "R" in flags else [f"R seq {ack}"]
                elif "R" in flags:
                    if "A" in flags:
                        state, err = "CLOSED", "ECONNREFUSED"
                elif "S" in flags and "A" in flags:
                    end = seq + 1 + length + ("F" in flags)
                    answers, state = [f"A seq 1 ack {end}"], "CLOSE-WAIT" if "F" in flags else "ESTABLISHED"
                elif "S" in flags:  # both opened at once
                    answers, state = [f"SA seq 0 ack {seq + 1}"], "SYN-RECEIVED"
                emit(s, f"SYN-SENT: {flags or '-'} seq {seq}, {length} bytes, {what}", flags, seq, length, ack, answers, state, err)


def states_without_connection():
    """RFC 9293 3.10.7.1 (CLOSED) and 3.10.7.2 (LISTEN)."""
    for flags in FLAGS:
        for seq, length, ack in itertools.product((0, 1000000), (0, 100), (0, 77, -5) if "A" in flags else (0,)):
            seglen = length + ("S" in flags) + ("F" in flags)
            closed = [] if "R" in flags else [f"R seq {ack}"] if "A" in flags else [f"RA seq =0 ack {seq + seglen}"]
            emit(State("CLOSED", ["call connect 7", "expect S seq 0", "call abort"]),
                 f"CLOSED: {flags or '-'} seq {seq}, {length} bytes, ack {ack}", flags, seq, length, ack, closed, "CLOSED", None)
            listen, state = [], "LISTEN"
            if "R" in flags:
                pass
            elif "A" in flags:
                listen = [f"R seq ={ack & 0xffffffff}"]
            elif "S" in flags:
                listen, state = [f"SA seq 0 ack {seq + 1}"], "SYN-RECEIVED"
            emit(State("LISTEN", LISTEN), f"LISTEN: {flags or '-'} seq {seq}, {length} bytes, ack {ack}",
                 flags, seq, length, ack, listen, state, None)


def states():
    states_synchronised()
    states_time_wait()
    states_syn_received()
    states_syn_sent()
    states_without_connection()


# --- RFC 2018: orders of arrival ---

class Receiver:
    """What RFC 2018 4 and 9293 3.10.7.4 say about ACKs and blocks, of segments of 100 bytes numbered from 0."""

    def __init__(self, room):
        self.have, self.firsts, self.room = set(), [], room

    def block(self, k):
        a = b = k
        while a - 1 in self.have:
            a -= 1
        while b + 1 in self.have:
            b += 1
        return 1 + 100 * a, 1 + 100 * (b + 1)

    def take(self, k):
        """(ack, blocks): the first block holds the segment that triggered the ACK unless it advanced it; then the most
        recently reported first blocks, newest first, those that the ACK reached left out."""
        self.have.add(k)
        nxt = 0
        while nxt in self.have:
            nxt += 1
        if k > nxt:
            self.firsts.insert(0, k)
        out = []
        for f in self.firsts:
            if f > nxt and self.block(f) not in out:
                out.append(self.block(f))
        return 1 + 100 * nxt, out[:self.room]


def sack_order(name, order, ts):
    case(name)
    line("open passive opt mss=1460 sackok" + (" ts=100/0" if ts else ""))
    r = Receiver(3 if ts else 4)
    for i, k in enumerate(order):
        ack, blocks = r.take(k)
        line(f"inject PA seq {1 + 100 * k} ack 1 len 100" + (" opt nop nop ts=100/0" if ts else ""))
        sack = "sack=" + "+".join(f"{a}:{b}" for a, b in blocks)
        opts = (" nop nop ts=0/100" if ts else "") + (f" nop nop {sack}" if blocks else "")
        line(f"expect A seq 1 ack {ack} opt{opts or ' none'}")
    line(f"app read {100 * len(order)}")
    line("usage ooos 0")


def orders():
    for ts in (False, True):
        for p in itertools.permutations(range(5)):
            sack_order(f"order {''.join(map(str, p))}{', timestamps' if ts else ''}", p, ts)
    # more holes than blocks: only the newest are told
    for ts in (False, True):
        for p in itertools.permutations((2, 4, 6, 8, 10), 5):
            if p[0] not in (2, 10):
                continue
            sack_order(f"five holes, {' '.join(map(str, p))}{', timestamps' if ts else ''}", p + (1, 0, 3, 5, 7, 9), ts)


# --- MSS (RFC 9293 3.7.1; a peer's MSS below 88 is raised to 88) ---

def mss():
    edges = {0, 1, 2, 39, 40, 63, 64, 86, 87, 88, 89, 90, 100, 255, 256, 257, 511, 512, 513, 535, 536, 537, 1023, 1024, 1025,
             1219, 1220, 1221, 1359, 1360, 1361, 1439, 1440, 1441, 1447, 1448, 1449, 1459, 1460, 1461, 1499, 1500, 1501, 4095,
             4096, 8959, 8960, 8961, 9000, 16384, 32767, 32768, 32769, 65494, 65495, 65496, 65534, 65535}
    for m in sorted(edges | set(range(0, 1600, 7)) | set(range(1600, 65536, 911))):
        for v6, ts in ((False, False), (True, False), (False, True)):
            if (v6 or ts) and m not in edges:
                continue
            size = min(max(m, 88), 1440 if v6 else 1460) - (12 if ts else 0)
            case(f"a peer's MSS of {m}{', IPv6' if v6 else ''}{', timestamps' if ts else ''}")
            if v6:
                line("set v6 1")
            line(f"open passive opt mss={m}" + (" ts=9/0" if ts else ""))
            line(f"call send {2 * size + 1}")
            line(f"expect A seq 1 ack 1 len {size}")
            line(f"expect A seq {1 + size} ack 1 len {size}")
            line(f"expect PA seq {1 + 2 * size} ack 1 len 1")
            line(f"info snd_mss {size}")
            line("call abort")
            line(f"expect RA seq {2 + 2 * size} ack 1")
    for v6, none in ((False, 536), (True, 1220)):
        case(f"no MSS option: {none}")
        if v6:
            line("set v6 1")
        line("open passive")
        line(f"call send {none + 1}")
        line(f"expect A seq 1 ack 1 len {none}")
        line(f"expect PA seq {1 + none} ack 1 len 1")
        line("call abort")
        line(f"expect RA seq {2 + none} ack 1")
    for mtu in sorted({576, 577, 1000, 1279, 1280, 1281, 1400, 1491, 1492, 1499, 1500} | set(range(600, 1500, 37))):
        for v6, head in ((False, 40), (True, 60)):
            if v6 and mtu < 1280:
                continue
            for active in (False, True):
                case(f"MTU {mtu}{', IPv6' if v6 else ''}: the MSS that we announce{', active' if active else ''}")
                if v6:
                    line("set v6 1")
                line(f"set mtu {mtu}")
                line("set timestamps 0")
                line("set sack 0")
                if active:
                    line("call connect 7")
                    line(f"expect S seq 0 opt mss={mtu - head} nop ws=8")
                else:
                    line("call listen")
                    line("inject S seq 0")
                    line(f"expect SA seq 0 ack 1 opt mss={mtu - head}")


# --- option lists (RFC 9293 3.1, 3.2; 7323 2.2, 3.2; 2018 2) ---

MSS, WS, SACKOK, TS = (bytes([2, 4, 1000 >> 8, 1000 & 255]), bytes([3, 3, 7]), bytes([4, 2]),
                       bytes([8, 10, 0, 0, 0, 99, 0, 0, 0, 0]))
NAMES = {"mss": MSS, "ws": WS, "sackok": SACKOK, "ts": TS}


def syn_ack(has):
    """Linux's order and padding."""
    out = "mss=1460"
    if "ts" in has:
        out += (" sackok" if "sackok" in has else " nop nop") + " ts=0/99"
    elif "sackok" in has:
        out += " nop nop sackok"
    return out + (" nop ws=8" if "ws" in has else "")


def syn_with(name, raw, has, extra=()):
    """`has`: the options that this list means."""
    if len(raw) > 40:
        return
    case(name)
    line("call listen")
    line("inject S seq 0 win 1000" + (f" opt raw={raw.hex()}" if raw else ""))
    line(f"expect SA seq 0 ack 1 opt {syn_ack(has)}")
    ts = "ts" in has
    line("inject A seq 1 ack 1 win 1000" + (" opt nop nop ts=99/0" if ts else ""))
    line("state ESTABLISHED")
    line(f"info snd_mss {(1000 if 'mss' in has else 536) - (12 if ts else 0)}")
    line(f"info snd_wscale {7 if 'ws' in has else 0}")
    line(f"info snd_wnd {1000 << (7 if 'ws' in has else 0)}")
    line(f"info timestamps {int(ts)}")
    line(f"info sack {int('sackok' in has)}")
    for l in extra:
        line(l)


def pad_front(raw):
    return b"\1" * (-len(raw) % 4) + raw


def subsets_and_orders():
    for n in range(5):
        for names in itertools.permutations(NAMES, n):
            raw = b"".join(NAMES[x] for x in names)
            syn_with(f"options {' '.join(names) or 'none'}, NOPs before", pad_front(raw), names)
            syn_with(f"options {' '.join(names) or 'none'}, EOL behind", raw, names)
            syn_with(f"options {' '.join(names) or 'none'}, NOP between each", b"\1".join(NAMES[x] for x in names), names)


def cut_lists():
    for names in (("mss", "sackok", "ts", "ws"), ("ts", "ws", "mss", "sackok"), ("ws", "sackok", "mss", "ts")):
        raw = b"".join(NAMES[x] for x in names)
        for n in range(len(raw) + 1):
            has, at = [], 0
            for x in names:
                at += len(NAMES[x])
                if at <= n:
                    has.append(x)
            syn_with(f"{' '.join(names)} cut behind byte {n}", pad_front(raw[:n]), has)


def bad_lengths():
    """Length 0, 1, and over the end: what stood before holds, the rest does not."""
    for kind in (2, 3, 4, 5, 6, 7, 8, 9, 15, 19, 28, 29, 30, 34, 69, 253, 254, 255):
        for length in (0, 1, 30, 41, 128, 255):
            syn_with(f"kind {kind} with length {length}", pad_front(MSS + bytes([kind, length]) + WS + SACKOK), ["mss"])
        for length in (2, 3, 4, 5, 9, 11, 18):
            known = {2: 4, 3: 3, 4: 2, 8: 10}
            if known.get(kind) == length:
                continue
            syn_with(f"kind {kind} with {length} bytes is passed over", pad_front(MSS + bytes([kind, length] + [0] * (length - 2)) + WS),
                     ["mss", "ws"])
            syn_with(f"kind {kind} with {length} bytes behind the right ones", pad_front(MSS + WS + bytes([kind, length] + [0] * (length - 2))),
                     ["mss", "ws"])
    for kind in (2, 3, 4, 8, 99):
        syn_with(f"kind {kind} as the very last byte", pad_front(MSS + WS + bytes([kind])), ["mss", "ws"])
    syn_with("EOL ends the list", MSS + b"\0" + WS, ["mss"])
    syn_with("EOL first", b"\0" + MSS + WS + TS, [])
    syn_with("forty NOPs", b"\1" * 40, [])
    syn_with("forty EOLs", b"\0" * 40, [])
    syn_with("NOPs before each", b"\1" + MSS + b"\1\1" + WS + b"\1" + SACKOK, ["mss", "ws", "sackok"])


def duplicates():
    """RFCs are silent; Linux takes the last."""
    other = {"mss": bytes([2, 4, 2, 0]), "ws": bytes([3, 3, 2]), "sackok": SACKOK, "ts": bytes([8, 10, 0, 0, 0, 50, 0, 0, 0, 0])}
    for a in NAMES:
        syn_with(f"{a} twice, the last one counts", pad_front(other[a] + NAMES[a]), [a])
        syn_with(f"{a} three times", pad_front(NAMES[a] + other[a] + NAMES[a]), [a])


def scales():
    for ws in range(256):
        case(f"window scale {ws}: at most 14 (RFC 7323 2.3)")
        line(f"open passive win 3 opt mss=1460 nop ws={ws}")
        line(f"info snd_wscale {min(ws, 14)}")
        line(f"info snd_wnd {3 << min(ws, 14)}")


def later_lists():
    """On segments without SYN: MSS, window scale, SACK-permitted say nothing; a malformed list does no harm."""
    shapes = {"MSS": MSS, "window scale": WS, "SACK-permitted": SACKOK, "all of a SYN": MSS + SACKOK + WS,
              "length 0": bytes([5, 0, 1, 1]), "length 1": bytes([8, 1, 1, 1]), "SACK without a block": bytes([5, 2]),
              "SACK of 9 bytes": bytes([5, 9] + [0] * 7), "SACK of 36 bytes": bytes([5, 36] + [255] * 34),
              "a backward block": bytes([5, 10, 0, 0, 40, 0, 0, 0, 20, 0]), "an empty block": bytes([5, 10] + [0] * 8)}
    for name, raw in shapes.items():
        for length in (0, 100):
            case(f"{name} on a segment of {length} bytes")
            line("open passive opt mss=1000 nop nop sackok nop ws=7")
            line("call send 10")
            line("expect PA seq 1 ack 1 len 10")
            line(f"inject PA seq 1 ack 1 win 500 len {length} opt raw={pad_front(raw).hex()}")
            if length:
                line("expect A seq 11 ack 101")
            line("silence")
            line("info snd_mss 1000")
            line("info snd_wscale 7")
            line("info snd_wnd 64000")
    for place, raw in (("NOPs behind", TS + b"\1\1"), ("NOP on both sides", b"\1" + TS + b"\1"), ("EOL behind", TS + b"\0\0"),
                       ("behind an unknown option", bytes([99, 6, 1, 2, 3, 4]) + TS), ("before SACK", TS + bytes([5, 10] + [0] * 8))):
        case(f"timestamps with {place}")
        line("open passive opt mss=1460 nop nop ts=99/0")
        line(f"inject PA seq 1 ack 1 len 10 opt raw={raw.hex()}")
        line("expect A seq 1 ack 11 opt nop nop ts=0/99")


def options():
    subsets_and_orders()
    cut_lists()
    bad_lengths()
    duplicates()
    scales()
    later_lists()


# --- the end of slow start: ACK trains (Ha and Rhee, "Taming the elephants", 4.1, with Linux's 2 ms and 16 segments), RFC 9406 4.2 ---

NO_SSTHRESH = 1 << 30
SECOND_FLIGHT = 20000  # twice IW10


def ack_of(n, more=""):
    line(f"inject A seq 1 ack {n}{more}")
    line("ignore")


def flights(rtt, sack=False):
    """Ten segments of 1,000 bytes, acknowledged by two ACKs; twenty more are on their way for `rtt` ms."""
    line(f"open passive rtt {rtt} opt mss=1000" + (" nop nop sackok" if sack else ""))
    line("call send 60000")
    line(f"ignore +{rtt}")
    ack_of(5001)
    ack_of(10001)
    line(f"ignore +{rtt}")


def train(name, rtt, gap, acks, ssthresh):
    """ACKs of a quarter of a segment, `gap` ms apart."""
    case(name)
    flights(rtt)
    for n in range(1, acks + 1):
        ack_of(10001 + 250 * n)
        if n < acks:
            line(f"ignore +{gap}")
    line(f"info ssthresh {ssthresh}")


def trains():
    for rtt in (10, 20, 40, 100, 200):
        for gap in (1, 2, 3):
            last = rtt // 2 // gap + 2  # the first that comes more than half a round trip behind the first
            if last > SECOND_FLIGHT // 250:
                continue  # the next round's
            name = f"ACKs {gap} ms apart, {rtt} ms round trip"
            if gap <= 2:
                train(f"{name}: half a round trip is not yet enough", rtt, gap, last - 1, NO_SSTHRESH)
                train(f"{name}: slow start ends", rtt, gap, last, SECOND_FLIGHT + 250 * last)
            else:
                train(f"{name}: no train", rtt, gap, last + 2, NO_SSTHRESH)


def pauses():
    """A gap is no part of a train: 12 ACKs a millisecond apart are 10 ms if two come later than 2 ms."""
    case("a pause within a train is not counted")
    flights(20)
    for n in range(1, 14):
        ack_of(10001 + 250 * n)
        if n == 13:
            break
        line("info ssthresh %d" % NO_SSTHRESH)
        line(f"ignore +{7 if n == 4 else 1}")
    line(f"info ssthresh {SECOND_FLIGHT + 250 * 13}")


def small_windows():
    """cwnd is 10,000 and grows by 250 with each ACK: 16,000 with the 24th."""
    for acks, ssthresh in ((23, NO_SSTHRESH), (24, 16000)):
        case(f"a train ends slow start from 16 segments on: {acks} ACKs")
        line("open passive rtt 20 opt mss=1000")
        line("call send 60000")
        line("ignore +20")
        for n in range(1, acks + 1):
            ack_of(1 + 250 * n)
            if n < acks:
                line("ignore +1")
        line(f"info ssthresh {ssthresh}")


def holes():
    """Segment 11 comes late. RFC 3042 3: cwnd waits; but what is SACKed behind it goes on with the train."""
    case("SACKs belong to a train")
    flights(20, sack=True)
    ack_of(11001)
    for i in (1, 2):
        line("ignore +2")
        ack_of(11001, f" opt nop nop sack=12001:{12001 + 1000 * i}")
        line("info cwnd 21000")
    line("ignore +2")
    ack_of(14001)  # news of one segment
    line("info cwnd 22000")
    line("ignore +2")
    ack_of(15001)
    line("info ssthresh %d" % NO_SSTHRESH)
    line("ignore +2")
    ack_of(16001)  # 10 ms: half a round trip
    line("info ssthresh %d" % NO_SSTHRESH)
    line("ignore +2")
    ack_of(17001)
    line("info ssthresh 25000")
    case("once reordering was seen, what comes behind a hole counts when it comes")
    flights(40, sack=True)
    ack_of(11001)
    ack_of(11001, " opt nop nop sack=12001:13001")
    line("info cwnd 21000")
    ack_of(13001)
    line("info cwnd 22000")
    for i in (1, 2, 3):
        ack_of(13001, f" opt nop nop sack=14001:{14001 + 1000 * i}")
        line(f"info cwnd {22000 + 1000 * i}")
    ack_of(17001)
    line("info cwnd 26000")
    line("count retransmit_segs 0")


def delays():
    """RttThresh = last round's least round trip / 8, between 4 and 16 ms; 8 samples; then a quarter of the growth."""
    for rtt, thresh in ((10, 4), (32, 4), (40, 5), (80, 10), (128, 16), (200, 16)):
        for later, slower in ((thresh - 1, False), (thresh, True)):
            case(f"{rtt} ms, a round {later} ms later: {'a quarter of the growth' if slower else 'no delay yet'} (RFC 9406 4.2)")
            flights(rtt)
            line(f"ignore +{later}")
            for n in range(1, 9):
                ack_of(10001 + 1000 * n)
            line("info cwnd 28000")
            ack_of(19001)
            line(f"info cwnd {28250 if slower else 29000}")
            line(f"info ssthresh {NO_SSTHRESH}")


def slow_start():
    trains()
    pauses()
    small_windows()
    holes()
    delays()


# --- the first flight after a silence: an initial window at once, the rest at twice cwnd a round trip ---


def after_silence(name, rtt, silence):
    """cwnd is 20,000 and nothing is in flight."""
    case(name)
    line(f"open passive rtt {rtt} opt mss=1000")
    line("call send 10000")
    line("ignore")
    line(f"ignore +{rtt - 1}")
    line("inject +1 A seq 1 ack 2001")
    line("inject A seq 1 ack 10001")
    line("info cwnd 20000")
    line(f"silence +{silence}")


def segments(first, cnt, wait=0, end=0):
    for i in range(first, first + cnt):
        flags = "PA" if i + 1 == end else "A"
        line(f"expect {f'+{wait} ' if wait and i == first else ''}{flags} seq {10001 + 1000 * i} ack 1 len 1000")


def spread():
    for rtt in (4, 10, 20, 40, 100, 180):
        after_silence(f"twenty segments after a silence, {rtt} ms round trip", rtt, 30)
        line("call send 20000")
        segments(0, 10)
        at = [-(-k * rtt // 40) for k in range(1, 11)]  # ms after which segment 10 + k may leave: k / 20 of half a round trip
        sent, now = 10, 0
        for t in sorted(set(at)):
            segments(sent, at.count(t), t - now, 20)
            sent, now = sent + at.count(t), t
        line("silence")
        line(f"count retransmit_segs 0")


def not_spread():
    after_silence("a round trip of 3 ms is too short for ticks of 1 ms", 3, 30)
    line("call send 20000")
    segments(0, 20, end=20)
    line("count paced 0")
    after_silence("after an RTO there is the initial window and no more", 40, 260)
    line("call send 20000")
    segments(0, 10)
    line("silence +39")
    line("count paced 0")
    after_silence("what an initial window holds leaves at once", 40, 30)
    line("call send 10000")
    segments(0, 10, end=10)
    line("count paced 0")
    after_silence("half a round trip later cwnd is free", 40, 30)
    line("call send 1000")
    segments(0, 1, end=1)
    line("silence +20")
    line("call send 19000")
    segments(1, 19, end=20)


def clocked():
    after_silence("nothing is in flight any more: the next ones go at once", 40, 30)
    line("call send 20000")
    segments(0, 10)
    line("inject A seq 1 ack 20001")
    segments(10, 10, end=20)
    line("inject +40 A seq 1 ack 30001")
    line("silence +100")
    after_silence("a paced flight makes long trains: a whole round trip of one ends slow start", 40, 30)
    line("call send 60000")
    line("ignore +40")
    for n in range(1, 43):
        ack_of(10001 + 250 * n)
        line(f"info ssthresh {NO_SSTHRESH if n < 42 else 20000 + 250 * 42}")
        if n < 42:
            line("ignore +1")


def pacing():
    spread()
    not_spread()
    clocked()


def main():
    wanted = {"states": states, "orders": orders, "mss": mss, "options": options, "slow_start": slow_start, "pacing": pacing}
    if len(sys.argv) != 2 or sys.argv[1] not in wanted:
        raise SystemExit(__doc__)
    wanted[sys.argv[1]]()
    print("\n".join(OUT))


if __name__ == "__main__":
    main()
