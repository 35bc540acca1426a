#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""url_filter.py - the URL and phone filter alone: lists made of earlier spam, signs that need no list, both; by source

    /usr/bin/python3 bench/url_filter.py --build build --train DIR/train.tsv --train-root DIR --test DIR/dev.tsv --test-root DIR
        [--without SOURCE]... [--known-hosts FILE]... [--keep DIR] [--fold F]

The lists, in Weir's formats, are made of spam of the train table alone:
  domain   registrable domains that links of spam lead to, not those that only give it pictures and the like
  url      host and path of links on hosts that anybody can put a page on (shorteners, redirectors, hosts of ham)
  phone    numbers of ten digits and more
Never what stands in any ham of the train table, domains of --known-hosts (tables of hosts that many share: any file with their names), domains
below which others have theirs. --without leaves a source out of the lists' making.
The signs (HEURISTICS below) decide each by itself. Caught: any action but deliver; nothing else in the rule set, no model.
--fold F trains on the first F of each source of the train table by time and tests on its rest: for choosing signs without a look at dev.
Intervals: Wilson, 95 %. Rates of no hit are given with the upper bound 3/N as well.
"""
import argparse
import collections
import csv
import json
import math
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEURISTICS = [  # name, features of engine/features.def, what it is
    ("NUMERIC", "F_URL_NUMERIC && F_HTML_LINKS", "a link to an address instead of a name"),
    ("DISGUISED", "F_URL_NUMERIC && F_URL_OBFUSCATED", "an address written in octal, hex or as one number"),
    ("USERINFO", "F_URL_USERINFO", "a user name before the host"),
    ("MIXED_SCRIPT", "F_URL_MIXED_SCRIPT", "a label of two alphabets"),
    ("BRAND", "F_URL_BRAND", "a borrowed name or one that looks like it"),
    ("MISMATCH", "F_URL_MISMATCH", "the text shows another host"),
    ("CODE", "F_URL_CODE", "a link that is code"),
    ("FRESH", "F_URL_FRESH && F_HTML_LINKS", "a domain of the sort that is thrown away"),
]
PHONE_DIGITS = 10
SUFFIXES = "/usr/share/publicsuffix/public_suffix_list.dat"
ASSET = re.compile(r"\.(gif|jpe?g|png|webp|svg|ico|css|js|swf|cab|woff2?)$", re.I)  # what a page is made of: often on others' hosts


def read_table(path, root):
    with open(path, newline="", encoding="utf-8") as f:
        return [{**r, "file": os.path.join(root, r["path"])} for r in csv.DictReader(f, delimiter="\t")]


def scan(build, rules, rows):
    """The rows' answers, in order, as they come."""
    cmd = [os.path.join(ROOT, build, "weirctl"), "scan", "--rules", rules, "--json", "--batch", "-"]
    with tempfile.TemporaryFile("w+") as names:
        names.write("".join(f"{r['file']}\n" for r in rows))
        names.seek(0)
        with subprocess.Popen(cmd, stdin=names, stdout=subprocess.PIPE, text=True) as p:
            cnt = 0
            for row, line in zip(rows, p.stdout):
                cnt += 1
                yield row, json.loads(line)
        if cnt != len(rows):
            raise RuntimeError(f"{cnt} answers for {len(rows)} mails")


def known_hosts(paths):
    """All words of the tables that are names of hosts."""
    out = set()
    for path in paths:
        with open(path, encoding="utf-8") as f:
            for line in f:
                out.update(w.strip(".") for w in re.split(r"[\s,;]+", line.split("#")[0].lower()) if re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", w))
    return out


def sold_below():
    """Domains below which others have theirs, by the Public Suffix List: a list of domains that has one has all of them."""
    out = set()
    with open(SUFFIXES, encoding="utf-8") as f:
        for line in f:
            labels = line.split("//")[0].strip().lstrip("!*.").split(".")
            out.update(".".join(labels[i:]) for i in range(len(labels)))
    return out


def place(url):
    """host/path of a canonical form, without its query."""
    rest = url["canonical"].split("://", 1)[1]
    return rest.split("?", 1)[0].rstrip("/")


class Lists:
    """What spam has and ham has not."""

    def __init__(self, known):
        self.known = known
        self.spam = collections.defaultdict(set)  # kind -> keys
        self.ham = collections.defaultdict(set)

    def add(self, label, answer):
        to = self.ham if label == "ham" else self.spam
        for u in answer["urls"]:
            if "bad_host" in u["flags"] or not u["registrable"]:
                continue
            to["domain"].add(u["registrable"])
            if label == "spam" and ASSET.search(place(u)):
                continue
            if u["redirect_to"] is None:
                to["leads"].add(u["registrable"])
            if len(place(u)) > len(u["host"]) + 4:
                to["url"].add(place(u))
        to["phone"].update(p for p in answer["phones"] if len(p) >= PHONE_DIGITS)

    def is_shared(self, domain):
        return domain in self.known or domain in self.ham["domain"]

    def make(self):
        domains = {d for d in self.spam["leads"] if not self.is_shared(d)}
        urls = {u for u in self.spam["url"] - self.ham["url"] if not self.is_listed(u, domains)}
        return {"domain": sorted(domains), "url": sorted(urls), "phone": sorted(self.spam["phone"] - self.ham["phone"])}

    @staticmethod
    def is_listed(url, domains):
        labels = url.split("/", 1)[0].split(":")[0].split(".")
        return any(".".join(labels[i:]) in domains for i in range(len(labels)))


def write_lists(folder, lists):
    for kind, keys in lists.items():
        with open(os.path.join(folder, f"{kind}.list"), "w", encoding="utf-8") as f:
            f.write(f"%name TRAIN_{kind.upper()}\n%kind {kind}\n")
            f.writelines(f"{'http://' if kind == 'url' else ''}{k}\n" for k in keys if not re.search(r"[\s#]", k))


def write_heuristics(folder):
    with open(os.path.join(folder, "heuristics.rules"), "w", encoding="utf-8") as f:
        for name, expression, what in HEURISTICS:
            f.write(f"meta {name} {expression}\ndescribe {name} {what}\nfilter {name} url\n")


def wilson(hit, cnt):
    if cnt == 0:
        return 0.0, 0.0
    z, p = 1.959964, hit / cnt
    mid, half = p + z * z / (2 * cnt), z * math.sqrt(p * (1 - p) / cnt + z * z / (4 * cnt * cnt))
    return 100 * max(0.0, (mid - half) / (1 + z * z / cnt)), 100 * (mid + half) / (1 + z * z / cnt)


def rate(hit, cnt):
    low, high = wilson(hit, cnt)
    bound = f", at most {300 / cnt:.2f} % (3/N)" if hit == 0 and cnt else ""
    return f"{hit:5} of {cnt:5}  {100 * hit / cnt if cnt else 0:6.2f} %  ({low:.2f} to {high:.2f}{bound})"


def report(title, rows, hits):
    """hits: {file: names of rules}"""
    print(f"\n== {title}")
    sources = sorted({(r["label"], r["source"]) for r in rows})
    names = sorted({n for some in hits.values() for n in some})
    for label in ("spam", "ham"):
        for source in [s for l, s in sources if l == label] + ["all"]:
            some = [hits[r["file"]] for r in rows if r["label"] == label and source in (r["source"], "all")]
            print(f"  {label} {source:<16} {rate(sum(map(bool, some)), len(some))}")
    print("  mails by rule   " + " ".join(f"{l[0]}:{s}" for l, s in sources))
    for name in names:
        cells = [sum(name in hits[r["file"]] for r in rows if (r["label"], r["source"]) == key) for key in sources]
        print(f"  {name:<15} " + " ".join(f"{c:>{len(k[1]) + 2}}" for c, k in zip(cells, sources)))


def hits_of(build, folder, rows):
    return {r["file"]: sorted({x["name"] for x in a["rules"]}) if a["action"] != "deliver" else [] for r, a in scan(build, folder, rows)}


def split(rows, share):
    """The first share of each source's ham and of its spam by time, and their rest."""
    by = collections.defaultdict(list)
    for r in rows:
        by[r["label"], r["source"]].append(r)
    first, rest = [], []
    for some in by.values():
        some.sort(key=lambda r: r["date"])
        n = int(len(some) * share)
        first += some[:n]
        rest += some[n:]
    return first, rest


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--train", required=True)
    p.add_argument("--train-root", required=True)
    p.add_argument("--test")
    p.add_argument("--test-root")
    p.add_argument("--without", action="append", default=[])
    p.add_argument("--known-hosts", action="append", default=[])
    p.add_argument("--fold", type=float)
    p.add_argument("--keep")
    args = p.parse_args()
    train = read_table(args.train, args.train_root)
    if args.fold:
        train, test = split(train, args.fold)
    else:
        test = read_table(args.test, args.test_root)
    with tempfile.TemporaryDirectory(prefix="weir-url-") as top:
        folder = {k: os.path.join(args.keep or top, k) for k in ("none", "lists", "heuristics", "both")}
        for path in folder.values():
            os.makedirs(path, exist_ok=True)
        with open(os.path.join(folder["none"], "none.rules"), "w", encoding="utf-8") as f:
            f.write("meta __NONE F_URLS > 0\n")
        made = Lists(known_hosts(args.known_hosts) | sold_below())
        for row, answer in scan(args.build, folder["none"], train):
            if row["label"] == "ham" or row["source"] not in args.without:
                made.add(row["label"], answer)
        lists = made.make()
        print("lists of train: " + ", ".join(f"{k} {len(v)}" for k, v in lists.items()))
        for k in ("lists", "both"):
            write_lists(folder[k], lists)
        for k in ("heuristics", "both"):
            write_heuristics(folder[k])
        for k in ("lists", "heuristics", "both"):
            report(k, test, hits_of(args.build, folder[k], test))
    return 0


if __name__ == "__main__":
    sys.exit(main())
