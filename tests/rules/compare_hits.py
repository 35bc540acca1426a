#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""compare_hits - rule hits of rule_dump beside those of SpamAssassin on the same mails.

Usage: compare_hits.py RULES OURS THEIRS [--show N] [--mails RULE]
RULES: rule_dump -p; OURS: rule_dump; THEIRS: sa_hits.pl. Only rules that run here are compared, metas only when all that
they name runs. A hit is a rule in a mail; it is the same when both have it, with the same count where tflags multiple counts.
"""
import argparse
import collections
import re
import sys


def read_rules(path):
    """{name: type} of what runs here."""
    kinds = {}
    for line in open(path, encoding="latin-1"):
        f = line.rstrip("\n").split("\t")
        if f[1] == "skipped" or f[2] in ("off", "partial", "none"):
            kinds[f[0]] = None
        else:
            kinds.setdefault(f[0], f[1])
    return {n: k for n, k in kinds.items() if k}


def read_hits(path):
    mails = {}
    for line in open(path, encoding="latin-1"):
        f = line.split()
        if f:
            mails[f[0]] = dict(x.rsplit("=", 1) for x in f[1:] if re.match(r"[^=]+=[-.0-9e]+$", x))
    return mails


def main():
    p = argparse.ArgumentParser()
    p.add_argument("rules")
    p.add_argument("ours")
    p.add_argument("theirs")
    p.add_argument("--show", type=int, default=40)
    p.add_argument("--mails", help="mails in which this rule differs")
    a = p.parse_args()
    kinds, ours, theirs = read_rules(a.rules), read_hits(a.ours), read_hits(a.theirs)
    mails = [m for m in theirs if m in ours]
    count = collections.defaultdict(lambda: [0, 0, 0, 0])  # same, counts differ, only theirs, only ours
    per_rule = collections.Counter()
    for m in mails:
        for rule, kind in kinds.items():
            x, y = ours[m].get(rule), theirs[m].get(rule)
            if x is None and y is None:
                continue
            how = 2 if x is None else 3 if y is None else 0 if float(x) == float(y) else 1
            count[kind][how] += 1
            if how:
                per_rule[(rule, kind, ("", "count", "theirs", "ours")[how])] += 1
                if a.mails == rule:
                    print(("", "count", "theirs", "ours")[how], x, y, m)
    total = [sum(c[i] for c in count.values()) for i in range(4)]
    print(f"{len(mails)} mails, {len(kinds)} rules")
    print(f"{'type':<12}{'hits':>8}{'same':>8}{'count':>8}{'theirs':>8}{'ours':>8}{'same %':>9}")
    for kind, c in sorted(count.items()) + [("all", total)]:
        n = sum(c)
        print(f"{kind:<12}{n:>8}{c[0]:>8}{c[1]:>8}{c[2]:>8}{c[3]:>8}{100 * c[0] / max(n, 1):>9.2f}")
    for (rule, kind, how), n in per_rule.most_common(a.show):
        print(f"{n:6} {how:<7} {kind:<11} {rule}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
