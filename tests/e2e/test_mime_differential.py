#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_mime_differential.py - parts of real mails and torture mails: ours against Python's email package.

Leaf parts are compared by type and sha256 of the decoded bytes; and our own output over cuts of the input. Python differs
on purpose in broken mails (it gives a multipart without parts as text, stops base64 at a lie, wants a whole boundary line):
at least 99.9 % of the real mails and 75 % of the torture mails must agree. --quick takes every tenth real mail.
--show names the mails that differ. Skips without the data.
"""
import argparse
import email
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"


def leaves(msg):
    if msg.is_multipart():
        for part in msg.get_payload():
            yield from leaves(part)
    else:
        yield msg


def python_parts(path):
    out = []
    for part in leaves(email.message_from_bytes(path.read_bytes())):
        try:
            data = part.get_payload(decode=True) or b""
        except (ValueError, LookupError, AssertionError):
            data = b""
        out.append((part.get_content_type(), hashlib.sha256(data).hexdigest()))
    return out


def dump(tool, paths, *options):
    text = "".join(f"{p}\n" for p in paths)
    return subprocess.run([tool, *options], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def our_parts(out):
    parts, name = {}, None
    for line in out.decode(errors="surrogateescape").split("\n"):
        f = line.split(" ")
        if f[0] == "F":
            name = line[2:]
            parts[name] = []
        elif f[0] == "P" and not int(f[6], 16) & 1:
            parts[name].append((f[2], f[5]))
    return parts


def compare(args, what, paths, least):
    tool = args.build.resolve() / "tests/e2e/mime_dump"
    out = dump(tool, paths)
    ok = all(dump(tool, paths, "-c", str(c)) == out for c in ((13,) if args.quick else (1, 13, 4096)))
    ours = our_parts(out)
    other = [p for p in paths if ours[str(p)] != python_parts(p)]
    same = len(paths) - len(other)
    good = ok and paths and same >= least * len(paths)
    print(f"{'ok  ' if good else 'FAIL'} {what}: {same} of {len(paths)} as Python's email, "
          f"cuts {'do not matter' if ok else 'MATTER'}")
    for p in other if args.show or not good else []:
        print(f"{p.name}\n  ours   {ours[str(p)]}\n  python {python_parts(p)}")
    return good


def unpack(to):
    zstd = subprocess.Popen(["zstd", "-dqc", DATA / "mail/dev.tar.zst"], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=zstd.stdout, mode="r|") as t:
        t.extractall(to)
    zstd.wait()
    return sorted(p for p in pathlib.Path(to).rglob("*") if p.is_file())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default="build", type=pathlib.Path)
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--show", action="store_true")
    args = ap.parse_args()
    if not (DATA / "mail/dev.tar.zst").exists() or not shutil.which("zstd"):
        print(f"no {DATA}/mail/dev.tar.zst, or no zstd to unpack it")
        return 77
    torture = sorted(p for p in (DATA / "mime").rglob("*") if p.suffix in (".msg",) or "python-test_email" in p.parts
                     and p.suffix == ".txt")
    good = compare(args, "torture mails", torture, 0.75)
    with tempfile.TemporaryDirectory() as d:
        mails = unpack(d)
        good &= compare(args, "real mails", mails[::10] if args.quick else mails, 0.999)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
