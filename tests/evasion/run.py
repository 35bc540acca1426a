#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""run.py - writes caught spam in twenty other ways and says how much of it is still caught

    /usr/bin/python3 tests/evasion/run.py --build build --tsv ../shared/data/mail/train.tsv --root DIR [--model FILE] [--sample 1000]
        --root: where the mails of the table were unpacked
    ... --show NAME    the mails that one transform gets through, with the rules they lost

Caught: any action but deliver, by contrib/rules (and the model). Only mails caught as they are, so nothing can be won: a point is a
hundredth of the mails the transform applies to. Exit status 1 when one costs more than --points (1).
"""
import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import transforms  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Scanner:
    def __init__(self, build, model=None):
        self.cmd = [os.path.join(ROOT, build, "weirctl"), "scan", "--rules", os.path.join(ROOT, "contrib/rules"), "--json", "--batch", "-"]
        self.cmd += ["--model", model] if model else []

    def scan(self, paths):
        """One object a mail, in order."""
        p = subprocess.run(self.cmd, input="".join(f"{x}\n" for x in paths), capture_output=True, text=True, check=False)
        lines = p.stdout.splitlines()
        if len(lines) != len(paths):
            raise RuntimeError(f"{len(lines)} answers for {len(paths)} mails: {p.stderr[:400]}")
        return [json.loads(line) for line in lines]


def is_caught(scan):
    return scan["action"] != "deliver"


def write_all(folder, mails, change, seed):
    """{index: path} of the mails that could be written otherwise."""
    paths = {}
    for i, raw in enumerate(mails):
        new = change(raw, random.Random(f"{seed}:{i}"))
        if new is None:
            continue
        paths[i] = os.path.join(folder, f"{i}.eml")
        with open(paths[i], "wb") as f:
            f.write(new)
    return paths


def measure(scanner, mails, change, seed):
    """(applied, [(index, scan) that got through])"""
    with tempfile.TemporaryDirectory(prefix="weir-evasion-") as folder:
        paths = write_all(folder, mails, change, seed)
        scans = scanner.scan(list(paths.values())) if paths else []
        return len(paths), [(i, s) for i, s in zip(paths, scans) if not is_caught(s)]


def report(scanner, mails, before, seed, show=None):
    """The table; the most points that one transform cost."""
    worst = 0.0
    print(f"{'transform':<18} {'applied':>8} {'caught':>8} {'lost':>6} {'points':>7}")
    for name, change in [transforms.CONTROL] + transforms.TRANSFORMS:
        if show and name != show:
            continue
        applied, through = measure(scanner, mails, change, seed)
        points = 100 * len(through) / applied if applied else 0.0
        print(f"{name:<18} {applied:8} {applied - len(through):8} {len(through):6} {points:7.2f}", flush=True)
        if name != transforms.CONTROL[0]:
            worst = max(worst, points)
        for i, s in through if show else []:
            names = {r["name"] for r in s["rules"]}
            lost = sorted({(r["name"], r["score"]) for r in before[i]["rules"] if r["name"] not in names}, key=lambda r: -r[1])
            won = sorted({r["name"] for r in s["rules"]} - {r["name"] for r in before[i]["rules"]})
            model = "" if s["model"] is None else f" model {before[i]['model']:.3f} -> {s['model']:.3f}"
            print(f"  {before[i]['file']}: {before[i]['score']:.1f} -> {s['score']:.1f}{model}, lost {lost}, won {won}")
    return worst


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--tsv", required=True)
    p.add_argument("--root", required=True)
    p.add_argument("--model")
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--points", type=float, default=1.0)
    p.add_argument("--show")
    args = p.parse_args()
    with open(args.tsv, newline="", encoding="utf-8") as f:
        paths = [os.path.join(args.root, r["path"]) for r in csv.DictReader(f, delimiter="\t") if r["label"] == "spam"]
    if args.sample and args.sample < len(paths):
        paths = sorted(random.Random(args.seed).sample(paths, args.sample))
    scanner = Scanner(args.build, args.model)
    scans = scanner.scan(paths)
    caught = [s for s in scans if is_caught(s)]
    print(f"{len(caught)} of {len(paths)} mails are caught as they are")
    mails = []
    for s in caught:
        with open(s["file"], "rb") as f:
            mails.append(f.read())
    return 1 if report(scanner, mails, caught, args.seed, args.show) > args.points else 0


if __name__ == "__main__":
    sys.exit(main())
