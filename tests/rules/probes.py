#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""probes - does each rule fire on a text of its own, in its own lane? Counted by type (decisions.md 32).

Usage: probes.py --dump build/tests/rules/rule_dump [--cache DIR] [--rounds N] [--list] RULEDIR
For each rule a text is made from its expression (probe_text.py), put into a mail where its lane looks, and scanned with all
rules loaded; up to N texts are tried. A negated rule must hit a mail without, and not the one with the text.
"""
import argparse
import base64
import subprocess
import sys

from probe_text import probe_text

TYPES = ["body", "rawbody", "header", "uri", "mimeheader", "full"]
VIEW_RAW, VIEW_ADDR, VIEW_NAME = 1, 2, 4
SOURCES = ["field", "all", "all-external", "tocc", "messageid", "envelopefrom", "relays", "none"]
HEAD = b"From: a@b.test\nTo: c@d.test\nSubject: x\n"


def b64(data):
    return base64.encodebytes(data)


def text_mail(data, kind):
    try:
        data.decode("utf-8")
        charset = b"utf-8"
    except UnicodeDecodeError:
        charset = b"iso-8859-1"
    return (HEAD + b"Content-Type: " + kind + b"; charset=" + charset +
            b"\nContent-Transfer-Encoding: base64\n\n" + b64(data))


def relay_mail(probe):
    """The text is a piece of "[ ip=… rdns=… helo=… by=… … ]": a field that gives it."""
    f = {"ip": b"192.0.2.1", "rdns": b"r.test", "helo": b"h.test", "by": b"b.test", "id": b"abcd", "envfrom": b""}
    for word in probe.strip(b"[] ").replace(b"]", b" ").split():
        k, eq, v = word.partition(b"=")
        if eq and k.decode("latin-1") in f and v:
            f[k.decode("latin-1")] = v
    return (b"Received: from %s (%s [%s]) by %s with SMTP id %s (envelope-from <%s>); Tue, 2 Jan 2024 10:00:00 +0000\n"
            % (f["helo"], f["rdns"], f["ip"], f["by"], f["id"], f["envfrom"]))


def address(probe, seed):
    """An address with the text in it."""
    probe = probe.strip()
    if probe.startswith(b"@"):
        return b"a" + probe
    if b"@" in probe:
        return probe
    return (b"a@" + probe, probe + b"@b.test", b"a@x" + probe, probe)[seed % 4]


def field_value(probe, part, seed):
    if part & VIEW_ADDR:
        return b"<" + address(probe, seed) + b">"
    if part & VIEW_NAME:
        return b'"' + probe.replace(b'"', b'\\"') + b'" <a@b.test>'
    if part & VIEW_RAW:
        return probe
    if seed % 2 == 0 and (any(b >= 128 or b < 32 for b in probe) or probe != probe.strip()):
        return b"=?utf-8?B?" + base64.b64encode(probe) + b"?="
    return probe


def header_mail(field, source, part, probe, mime, seed):
    name = field.encode("latin-1")
    src = SOURCES[source]
    if mime:
        return (HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + name + b": " + probe + b"\n\nx\n--b--\n")
    if src in ("all", "all-external"):
        lines = b"\n".join(x for x in probe.split(b"\n") if x)
        head = lines + b"\n" if b":" in lines.split(b"\n")[0] else b"X-P: " + lines + b"\n"
        return (b"Received: from h.test (r.test [192.0.2.1]) by b.test; x\n" if src == "all-external" else b"") + head + b"\nx\n"
    if src == "tocc":
        name = b"To"
    elif src == "messageid":
        name = b"Message-Id"
    elif src == "envelopefrom":
        return b"Return-Path: <" + address(probe, seed) + b">\n\nx\n"
    elif src == "relays":
        return relay_mail(probe) + HEAD + b"\nx\n"
    return name + b": " + field_value(probe, part, seed) + b"\n\nx\n"


def make_mail(rule, probe, seed):
    if rule["kind"] == "body":
        return text_mail(probe, b"text/plain")
    if rule["kind"] == "rawbody":
        return text_mail(probe, b"text/html")
    if rule["kind"] == "full":
        return HEAD + b"\n" + probe + b"\n" if not probe.startswith(b"From") else probe + b"\n\nx\n"
    if rule["kind"] == "uri":
        if probe.startswith(b"mailto:") or b"\n" not in probe:
            if b":" not in probe[:12]:
                probe = b"http://h.test" + (b"" if probe[:1] in (b"/", b"?", b".") else b"/") + probe
            href = probe.replace(b"&", b"&amp;").replace(b'"', b"&quot;")
            return text_mail(b'<a href="' + href + b'">x</a>', b"text/html")
        return text_mail(probe, b"text/plain")
    return header_mail(rule["field"], rule["source"], rule["part"], probe, rule["kind"] == "mimeheader",
                       seed)


def read_rules(args):
    """Rules with an expression, and how many others have a score of 0."""
    cmd = [args.dump, "-q", "-p"] + (["-c", args.cache] if args.cache else []) + [args.rules]
    out = subprocess.run(cmd, stdout=subprocess.PIPE, check=True).stdout.decode("latin-1")
    rows = [f for f in (line.split("\t", 7) for line in out.split("\n")) if len(f) == 8]
    off = {f[0] for f in rows if f[2] == "off"}
    rules = [{"name": f[0], "kind": f[1], "way": f[2], "flags": f[3], "field": f[4], "source": int(f[5]), "part": int(f[6]),
              "pattern": f[7]} for f in rows if f[1] in TYPES and f[7] and f[0] not in off]
    return rules, off


def scan(args, mails):
    """{rule: bool} of each (rule, mail)."""
    data = b"".join(b"%s %d\n" % (n.encode(), len(m)) + m for n, m in mails)
    cmd = [args.dump, "-q", "-m"] + (["-c", args.cache] if args.cache else []) + [args.rules]
    out = subprocess.run(cmd, input=data, stdout=subprocess.PIPE, check=True).stdout.decode("latin-1")
    hits = {}
    for line in out.split("\n"):
        f = line.split()
        if f:
            hits[f[0]] = any(x.rsplit("=", 1)[0] == f[0] for x in f[1:])
    return hits


def main():
    p = argparse.ArgumentParser()
    p.add_argument("rules")
    p.add_argument("--dump", required=True)
    p.add_argument("--cache")
    p.add_argument("--rounds", type=int, default=12)
    p.add_argument("--list", action="store_true", help="name what did not fire")
    p.add_argument("--at-least", type=float, default=0, help="exit 1 when fewer percent of a type's rules fire")
    a = p.parse_args()
    rules, off = read_rules(a)
    todo = {r["name"]: r for r in rules if r["way"] != "none"}
    fired = set()
    for seed in range(a.rounds):
        mails = []
        for name, r in todo.items():
            if "!" in r["flags"]:
                mails.append((name, b"X-Nothing: x\n\nx\n" if seed else HEAD + b"\nx\n"))
                continue
            text = probe_text(r["pattern"], seed)
            if text is not None and len(text) < 60000:
                mails.append((name, make_mail(r, text, seed)))
        for name, hit in scan(a, mails).items():
            if hit:
                fired.add(name)
        todo = {n: r for n, r in todo.items() if n not in fired}
        if not todo:
            break
    bad = 0
    print(f"{'type':<12}{'rules':>7}{'run':>7}{'fire':>7}{'fire/rules':>12}")
    total = [0, 0, 0]
    for kind in TYPES:
        mine = [r for r in rules if r["kind"] == kind]
        run = [r for r in mine if r["way"] != "none"]
        n, ok = len(mine), sum(r["name"] in fired for r in run)
        total = [total[0] + n, total[1] + len(run), total[2] + ok]
        bad |= n > 0 and 100 * ok < a.at_least * n and kind in TYPES[:4]
        print(f"{kind:<12}{n:>7}{len(run):>7}{ok:>7}{100 * ok / max(n, 1):>11.1f}%")
    print(f"{'all':<12}{total[0]:>7}{total[1]:>7}{total[2]:>7}{100 * total[2] / max(total[0], 1):>11.1f}%   ({len(off)} with a score of 0 left out)")
    if a.list:
        for n, r in sorted(todo.items()):
            print(f"{r['kind']:<11}{r['way']:<10}{n} {r['pattern'][:100]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
