# SPDX-License-Identifier: BSD-3-Clause
"""mails.py - real mails from ../shared/data, and plain ones made here."""
import csv
import hashlib
import os
import subprocess

from . import cases
from .relay import ROOT

DATA = os.environ.get("WEIR_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data"))


def digest(wire):
    return hashlib.sha256(wire).hexdigest()


def dev():
    """[(path, label)] of the dev mails, unpacked once under .weir/. Skips loudly where they are absent."""
    tar, tsv = os.path.join(DATA, "mail/dev.tar.zst"), os.path.join(DATA, "mail/dev.tsv")
    if not os.path.exists(tar):
        cases.skip(f"{tar} is not there (3560 mails are not sent)")
    to = os.path.join(ROOT, ".weir", "mails")
    done = os.path.join(to, ".done")
    if not os.path.exists(done):
        os.makedirs(to, exist_ok=True)
        subprocess.run(["tar", "--zstd", "-xf", tar, "-C", to], check=True)
        open(done, "w").close()
    with open(tsv, newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    return [(os.path.join(to, r["path"]), r["label"]) for r in rows]


def plain(n, size=600, subject="hello", to="bob@lab.test"):
    """A clean mail as it goes over the wire, each one different."""
    head = (f"From: Ann <ann@sender.test>\r\nTo: <{to}>\r\nSubject: {subject} {n}\r\n"
            f"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{n}.weirtest@sender.test>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n").encode()
    line = f"This is line of mail {n}, the meeting is moved to Thursday.\r\n".encode()
    body = line * max(1, (size - len(head)) // len(line))
    return head + body


GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def gtube(n):
    return plain(n, 300, "offer") + GTUBE + b"\r\n"
