#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_mime_differential.py - parts of real and torture mails: `weirctl scan`'s against Python's email package (compat32)

For each mail the whole tree in order: type, file name, and for leaves the sha256 of the decoded bytes (before charset). A mail that
differs must be in tests/e2e/mime_differences.txt, with its class and a digest of our tree, so that neither side changes unseen;
docs/mime-differences.md explains the classes. Our own output must not depend on how the input was cut.

    /usr/bin/python3 tests/e2e/test_mime_differential.py            the table over all mails (seconds)
    ... --quick    the torture mails and every tenth real one (scripts/test)
    ... --show     each mail that differs, with both trees
Skips without the data.
"""
import argparse
import collections
import email
import email.errors
import email.header
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
EXPECTED = pathlib.Path(__file__).with_name("mime_differences.txt")
CONTAINER = "-"
EMPTY = hashlib.sha256(b"").hexdigest()


def python_name(part):
    name = part.get_filename()
    if name is None:
        return ""
    try:
        return str(email.header.make_header(email.header.decode_header(name)))
    except (ValueError, LookupError, email.errors.HeaderParseError):
        return name


def python_parts(path):
    out = []
    for part in email.message_from_bytes(path.read_bytes()).walk():
        data = b""
        if not part.is_multipart():
            try:
                data = part.get_payload(decode=True) or b""
            except (ValueError, LookupError, AssertionError):
                pass
        digest = CONTAINER if part.is_multipart() else hashlib.sha256(data).hexdigest()
        out.append((part.get_content_type(), python_name(part), digest))
    return out


def our_parts(build, paths, rules):
    out = subprocess.run([build / "tests/e2e/scan_dump", rules], input="".join(f"{p}\n" for p in paths).encode(),
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    trees = {}
    for line in out.decode(errors="surrogateescape").splitlines():
        mail = json.loads(line)
        trees[mail["file"]] = [(p["type"], p["name"] or "", CONTAINER if "container" in p["flags"] else p["sha256"] or EMPTY)
                               for p in mail["parts"]]
    return trees


def tree_digest(tree):
    return hashlib.sha256(repr(tree).encode(errors="surrogateescape")).hexdigest()[:12]


def cuts_matter(build, paths, steps):
    dumps = [subprocess.run([build / "tests/e2e/mime_dump", "-c", str(c)], input="".join(f"{p}\n" for p in paths).encode(),
                            stdout=subprocess.PIPE, check=True).stdout for c in steps]
    return any(d != dumps[0] for d in dumps)


def expected():
    rows = {}
    for line in EXPECTED.read_text().splitlines():
        if line and not line.startswith("#"):
            digest, name, cls = line.split("\t")
            rows[name] = (digest, cls)
    return rows


def compare(args, what, mails, want):
    """mails: name -> path. Counts by class; False when something is not as expected."""
    classes, wrong = collections.Counter(), []
    with tempfile.TemporaryDirectory() as rules:
        ours = our_parts(args.build, list(mails.values()), rules)
    for name, path in mails.items():
        mine, theirs = ours[str(path)], python_parts(path)
        digest, cls = want.get(name, ("", "same"))
        is_same = mine == theirs
        if (is_same and cls != "same") or (not is_same and digest != tree_digest(mine)):
            wrong.append(f"{tree_digest(mine)}\t{name}\t{cls if cls != 'same' else '?'}")
        classes["not as expected" if wrong and wrong[-1].split("\t")[1] == name else cls] += 1
        if args.show and not is_same:
            print(f"{name}\n  ours   {mine}\n  python {theirs}")
    print(f"{what}: {len(mails)} mails")
    for cls, n in classes.most_common():
        print(f"  {n:6} {cls}")
    if wrong:
        print("FAIL not as expected (digest of our tree, mail, class):")
        print("\n".join(wrong))
    return not wrong and len(mails) > 0


def torture():
    """python-test_email, mime4j (inputs alone, not its answers), sa-testmail."""
    base = DATA / "mime"
    paths = [p for p in sorted(base.rglob("*")) if p.is_file()]
    return {str(p.relative_to(base)): p for p in paths
            if "sa-testmail" in p.parts or p.suffix == ".msg" or ("python-test_email" in p.parts and p.suffix == ".txt")}


def unpack(to):
    zstd = subprocess.Popen(["zstd", "-dqc", DATA / "mail/dev.tar.zst"], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=zstd.stdout, mode="r|") as t:
        t.extractall(to)
    zstd.wait()
    return {str(p.relative_to(to)): p for p in sorted(pathlib.Path(to).rglob("*")) if p.is_file()}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default="build", type=pathlib.Path)
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--show", action="store_true")
    args = ap.parse_args()
    args.build = args.build.resolve()
    if not (DATA / "mail/dev.tar.zst").exists() or not shutil.which("zstd"):
        print(f"SKIP no {DATA}/mail/dev.tar.zst, or no zstd to unpack it: MIME was not compared with Python's")
        return 77
    want, steps = expected(), (13, 4096) if args.quick else (1 << 26, 1, 13, 4096)
    mails = torture()
    good = compare(args, "torture mails", mails, want)
    with tempfile.TemporaryDirectory() as d:
        real = unpack(d)
        if args.quick:
            real = {n: p for i, (n, p) in enumerate(real.items()) if i % 10 == 0 or n in want}
        good &= compare(args, "real mails", real, want)
        matter = cuts_matter(args.build, [*mails.values(), *real.values()], steps)
    print("FAIL cuts of the input matter" if matter else f"cuts of {', '.join(map(str, steps))} bytes do not matter")
    return 0 if good and not matter else 1


if __name__ == "__main__":
    sys.exit(main())
