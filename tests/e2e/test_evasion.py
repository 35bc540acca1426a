#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_evasion.py - the demo's own spam in twenty other ways (tests/evasion) is blocked as it was

    /usr/bin/python3 tests/e2e/test_evasion.py --build build

Every mail that contrib/rules blocks as it is, each transform, none lost. Beside it a mail of ordinary text, written in the same ways, must
pass: a transform is no reason to block. The full corpus: tests/evasion/run.py.
"""
import argparse
import os
import random
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/evasion"), os.path.join(ROOT, "contrib/demo")]
import mails as demo  # noqa: E402
import run  # noqa: E402
import transforms  # noqa: E402

HONEST = {"hidden text", "HTML attachment", "redirectors", "numeric hosts", "userinfo", "IDNA"}  # signs by themselves


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--quick", action="store_true")
    args = p.parse_args()
    scanner = run.Scanner(args.build)
    every = list(demo.make())
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="weir-evasion-") as folder:
        raw = {"spam": [m[4] for m in every if m[1] in ("spam", "phish")], "ham": [m[4] for m in every if m[1] == "ham"][:60]}
        mails = {}
        for kind, some in raw.items():
            paths = run.write_all(folder, some, lambda mail, rng: mail, 0)
            scans = scanner.scan(list(paths.values()))
            mails[kind] = [m for m, s in zip(some, scans) if run.is_caught(s) == (kind == "spam")]
    print(f"{len(mails['spam'])} of {len(raw['spam'])} spam blocked, {len(mails['ham'])} of {len(raw['ham'])} ham let through as they are")
    for name, change in transforms.TRANSFORMS:
        applied, through = run.measure(scanner, mails["spam"], change, 1)
        ok = applied > 0 and not through
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {len(through)} of {applied} got through: {[(i, s['score']) for i, s in through[:5]]}")
        passed, failed = passed + ok, failed + (not ok)
        if name in HONEST:
            continue
        applied, through = run.measure(scanner, mails["ham"], change, 1)
        ok = len(through) == applied
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {applied - len(through)} of {applied} ordinary mails blocked")
        passed, failed = passed + ok, failed + (not ok)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
