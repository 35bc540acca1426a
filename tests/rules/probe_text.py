# SPDX-License-Identifier: BSD-3-Clause
"""probe_text - a text that an expression in PCRE syntax matches, made at random from the expression itself.

What it does not understand (conditions on look-behind, recursion) it leaves out; whoever asks must try the text.
"""
import random

ANY = [b"x", b"a", b"e", b"1", b"-", b" ", b"A", b"o", b"7", b"_", b".", b"@"]
CLASSES = {
    "d": b"1234567890", "w": b"aexioq17_Z", "s": b" ", "h": b" ", "S": b"xa1-", "D": b"xa-. ",
    "W": b"- .,!", "N": b"xa", "H": b"xa", "V": b"xa",
}
POSIX = {"alpha": b"axZ", "digit": b"17", "alnum": b"ax1Z", "space": b" ", "punct": b"-.!", "upper": b"XZ",
         "lower": b"xa", "xdigit": b"1af", "word": b"ax1_", "print": b"xa1", "graph": b"xa1", "blank": b" ", "cntrl": b"\x01"}
ESCAPES = {"t": b"\t", "n": b"\n", "r": b"\r", "f": b"\f", "e": b"\x1b", "a": b"\x07"}


class Probe:
    def __init__(self, pattern, seed):
        self.p = pattern
        self.i = 0
        self.rng = random.Random(seed)
        self.groups = {}
        self.names = {}
        self.count = 0
        self.extended = False
        self.long = seed % 3

    def more(self):
        return self.i < len(self.p)

    def at(self, z):
        return self.p.startswith(z, self.i)

    def text(self):
        return self.alternatives()

    def alternatives(self):
        options = [self.sequence()]
        while self.at("|"):
            self.i += 1
            options.append(self.sequence())
        plain = [o for o in options if all(b < 128 for b in o)]
        return self.rng.choice(plain or options)

    def sequence(self):
        out = b""
        while self.more() and self.p[self.i] not in "|)":
            if self.extended and self.p[self.i].isspace():
                self.i += 1
                continue
            if self.extended and self.p[self.i] == "#":
                while self.more() and self.p[self.i] != "\n":
                    self.i += 1
                continue
            start, count = self.i, self.count
            piece = self.atom()
            low, high = self.quantifier()
            end = self.i
            n = low if self.long == 0 else min(high, low + self.rng.randint(0, 2))
            if n == 0:
                continue
            out += piece
            for _ in range(min(n, 2000) - 1):  # a new choice each time
                self.i, self.count = start, count
                out += self.atom()
            self.i = end
        return out

    def quantifier(self):
        low, high = 1, 1
        if self.at("?"):
            low, high = 0, 1
        elif self.at("*"):
            low, high = 0, 3
        elif self.at("+"):
            low, high = 1, 4
        elif self.at("{"):
            end = self.p.find("}", self.i)
            body = self.p[self.i + 1:end]
            parts = body.split(",")
            if end < 0 or not parts[0].isdigit() or len(parts) > 2:
                return 1, 1
            low = int(parts[0])
            high = low if len(parts) == 1 else int(parts[1]) if parts[1].isdigit() else low + 3
            self.i = end
        else:
            return 1, 1
        self.i += 1
        if self.more() and self.p[self.i] in "?+":
            self.i += 1
        return low, high

    def pick(self, options):
        plain = [o for o in options if all(b < 128 for b in o)]
        return self.rng.choice(plain or options)

    def atom(self):
        c = self.p[self.i]
        self.i += 1
        if c == "(":
            return self.group()
        if c == "[":
            return self.char_class()
        if c == ".":
            return self.rng.choice(ANY)
        if c in "^$":
            return b""
        if c == "\\":
            return self.escape()
        return c.encode("latin-1")

    def escape(self):
        c = self.p[self.i]
        self.i += 1
        if c in CLASSES:
            return bytes([self.rng.choice(CLASSES[c])])
        if c in ESCAPES:
            return ESCAPES[c]
        if c in "bBAzZGKQE":
            return b""
        if c == "R":
            return b"\n"
        if c == "x":
            return self.hex()
        if c.isdigit() or c in "gk":
            return self.back_reference(c)
        return c.encode("latin-1")

    def hex(self):
        if self.at("{"):
            end = self.p.index("}", self.i)
            v = int(self.p[self.i + 1:end], 16)
            self.i = end + 1
            return bytes([v]) if v < 256 else b"?"
        n = 0
        while n < 2 and self.i + n < len(self.p) and self.p[self.i + n] in "0123456789abcdefABCDEF":
            n += 1
        v = int(self.p[self.i:self.i + n] or "0", 16)
        self.i += n
        return bytes([v])

    def back_reference(self, c):
        if c.isdigit():
            n = int(c)
        else:
            close = {"{": "}", "<": ">", "'": "'"}.get(self.p[self.i], "")
            if close:
                end = self.p.index(close, self.i + 1)
                name = self.p[self.i + 1:end]
                self.i = end + 1
            else:
                name = self.p[self.i]
                self.i += 1
            n = self.names.get(name, 0) if not name.lstrip("-").isdigit() else int(name)
            if n < 0:
                n += self.count + 1
        return self.groups.get(n, b"")

    def group(self):
        number = 0
        extended = self.extended
        if self.at("?"):
            self.i += 1
            for look in ("<=", "<!", "=", "!"):
                if self.at(look):
                    self.i += len(look)
                    inner = self.alternatives()
                    self.i += 1
                    self.ahead = inner if look == "=" else b""
                    return b""
            if self.at("#"):
                self.i = self.p.index(")", self.i) + 1
                return b""
            if self.at("P<") or self.at("<") or self.at("'"):
                start = self.i + (2 if self.at("P<") else 1)
                end = min(x for x in (self.p.find(">", start), self.p.find("'", start)) if x > 0)
                self.count += 1
                number = self.count
                self.names[self.p[start:end]] = number
                self.i = end + 1
            elif self.at("P="):
                end = self.p.index(")", self.i)
                n = self.names.get(self.p[self.i + 2:end], 0)
                self.i = end + 1
                return self.groups.get(n, b"")
            elif self.at(":") or self.at(">") or self.at("|"):
                self.i += 1
            else:
                on = True
                while self.p[self.i] not in ":)":
                    on = False if self.p[self.i] == "-" else on
                    if self.p[self.i] == "x":
                        self.extended = on
                    self.i += 1
                self.i += 1
                if self.p[self.i - 1] == ")":
                    return b""
        else:
            self.count += 1
            number = self.count
        out = self.alternatives()
        self.i += 1
        self.extended = extended
        if number:
            self.groups[number] = out
        return out

    def char_class(self):
        negated = self.at("^")
        self.i += negated
        chars = set()
        first = True
        while self.more() and (first or self.p[self.i] != "]"):
            first = False
            low = self.class_item(chars)
            if low is not None and self.at("-") and self.p[self.i + 1:self.i + 2] not in ("]", ""):
                self.i += 1
                high = self.class_item(chars)
                chars.update(range(low, (high if high is not None else low) + 1))
            elif low is not None:
                chars.add(low)
        self.i += 1
        if negated:
            options = [o for o in ANY + [b"<", b"\n", b"\x01", b"z"] if o[0] not in chars]
            return self.rng.choice(options[:6]) if options else b"~"
        return self.pick([bytes([c]) for c in sorted(chars)] or [b"x"])

    def class_item(self, chars):
        if self.at("[:"):
            end = self.p.index(":]", self.i)
            chars.update(POSIX.get(self.p[self.i + 2:end], b"x"))
            self.i = end + 2
            return None
        if self.at("\\"):
            self.i += 1
            if self.p[self.i] in CLASSES:
                chars.update(CLASSES[self.p[self.i]])
                self.i += 1
                return None
            if self.p[self.i] == "b":
                self.i += 1
                return 8
            b = self.escape()
            return b[0] if b else 0
        self.i += 1
        return ord(self.p[self.i - 1])


def probe_text(pattern, seed):
    """Bytes that pattern (a latin-1 str) probably matches; None when it cannot be read."""
    try:
        return Probe(pattern, seed).text()
    except (IndexError, ValueError, RecursionError, OverflowError, UnicodeEncodeError):
        return None
