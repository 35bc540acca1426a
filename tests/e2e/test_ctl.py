#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""test_ctl.py - the lab, weirctl, what is refused because it is not there yet, /metrics and the log."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error

from weirtest import cases, client, mails, net, relay
from weirtest.cases import case, check, equal

LAB = os.path.join(relay.ROOT, "scripts", "lab.py")
KEYS = {"namespace", "relay4", "relay6", "port", "upstream", "control_socket", "http", "log", "pid"}


def lab(*args):
    more = ("--build", cases.args.build) if args[0] == "up" else ()
    return subprocess.run([sys.executable, LAB, *args, *more], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def inside(*cmd):
    return subprocess.run(["ip", "netns", "exec", "weirlab", *cmd], capture_output=True, text=True)


@case
def the_lab(b):
    if net.netns_exists("weirlab"):
        cases.skip("a lab is up; this test would end it")
    r = lab("up")
    if not check("up", r.returncode == 0, r.stderr[-800:]):
        return
    try:
        j = json.loads(r.stdout)
        equal("one JSON line with the keys", (set(j), len(r.stdout.splitlines())), (KEYS, 1))
        equal("addresses", (j["relay4"], j["relay6"], j["port"], j["upstream"], j["namespace"]),
              ("10.77.0.2", "fd77::2", 25, "10.77.0.1:2525", "weirlab"))
        check("the pid is the relay's", b"weir" in open(f"/proc/{j['pid']}/cmdline", "rb").read())
        talk = "import sys; sys.path.insert(0, %r); from weirtest import client, mails\n" % os.path.dirname(os.path.abspath(__file__))
        talk += ("import time\nt = time.monotonic(); c = client.Client(%r); c.ehlo(); c.cmd('MAIL FROM:<a@b.test>')\n"
                 "r = c.cmd('RCPT TO:<bob@%s>'); print(r.code, r.text[:5], time.monotonic() - t < 1)")
        equal("no sink: lab.test 451 4.4.1 within a second", inside(sys.executable, "-c", talk % (j["relay4"], "lab.test")).stdout.strip(), "451 4.4.1 True")
        equal("list.test without a sink, over IPv6", inside(sys.executable, "-c", talk % (j["relay6"], "list.test")).stdout.strip(), "250 2.1.5 True")
        os.kill(j["pid"], signal.SIGKILL)
        time.sleep(0.3)
        addrs = inside("ip", "-o", "addr", "show", "weir0").stdout
        check("the tap and its addresses survive a killed relay", "10.77.0.1/24" in addrs and "fd77::1/64" in addrs, addrs)
    finally:
        r = lab("down")
    equal("down", (r.returncode, net.netns_exists("weirlab")), (0, False))
    equal("down twice", lab("down").returncode, 0)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("smtp:\n  hostname: other.lab.test\n  max_recipients: 2\n")
        f.flush()
        r = lab("up", "--config", f.name, "--strict")
        try:
            if check("up --config --strict", r.returncode == 0, r.stderr[-800:]):
                said = inside(sys.executable, "-c", "import socket; s = socket.create_connection(('10.77.0.2', 25), 5); print(s.recv(512).decode())").stdout
                check("--config is merged over the default", said.startswith("220 other.lab.test "), said)
        finally:
            lab("down")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("geo:\n  database: /nonexistent.mmdb\n")
        f.flush()
        r = lab("up", "--config", f.name)
        check("an earlier lab's saved snapshot is not what a broken one runs on", r.returncode != 0 and "/nonexistent.mmdb" in r.stderr, r.stdout + r.stderr)
        lab("down")
    r = lab("up", "--tls")
    check("--tls is refused by name", r.returncode != 0 and "STARTTLS" in r.stderr, r.stderr)
    equal("and nothing is left", net.netns_exists("weirlab"), False)
    r = lab("up", "--config", "/nonexistent.yaml")
    check("a missing file is said", r.returncode != 0 and "/nonexistent.yaml" in r.stderr, r.stderr)


@case
def not_yet(b):
    """What is asked for and not there is refused by `check` and at start, with its name."""
    table = [("tls", {"tls": {"certificate": "x.pem"}}, "tls"), ("smtp.tls", {"smtp": {"tls": "required"}}, "tls"),
             ("store.driver postgres", {"store": {"driver": "postgres"}}, "postgres"), ("store.dsn", {"store": {"dsn": "host=x"}}, "dsn"),
             ("spool", {"spool": {"path": "/x"}}, "spool"), ("quarantine", {"quarantine": {"path": "/x"}}, "quarantine"),
             ("dns", {"dns": {"server": "192.0.2.1"}}, "dns"),
             ("feeds over https", {"feeds": [{"name": "drop", "kind": "drop-json", "source": "https://feeds.test/drop.json", "period": "1h", "target": "ip-block"}]}, "feeds"),
             ("an unknown key", {"smtp": {"hostnam": "x"}}, "smtp.hostnam"), ("an unknown section", {"smtpp": {"x": 1}}, "smtpp"),
             ("a bad value", {"smtp": {"max_message": "fifty"}}, "max_message"), ("a value out of range", {"smtp": {"max_recipients": 0}}, "max_recipients"),
             ("scan over hold", {"smtp": {"hold_bytes": "64KiB", "scan_bytes": "512KiB"}}, "scan_bytes"),
             ("a core that is missing", {"dataplane": {"cores": "999"}}, "999"),
             ("a rules folder that is missing", {"rules": {"directories": ["/nonexistent"]}}, "/nonexistent"),
             ("a device that is missing", {"ports": [{"device": "0000:ff:1f.7", "addresses": ["10.9.9.9/24"]}]}, "0000:ff:1f.7")]
    for name, over, word in table:
        path = os.path.join(b.dir, "bad.yaml")
        with open(path, "w") as f:
            base = relay.merge(b.relay.config, {"node": {"state_dir": os.path.join(b.dir, "bad"), "control_socket": os.path.join(b.dir, "bad.sock")}})
            json.dump(relay.merge(base, over), f, indent=1)
        if "device" not in name and "core" not in name:  # `check` opens nothing, and may be another machine's
            r = b.relay.ctl("check", "--config", path)
            check(f"check: {name}", r.returncode == 1 and word in r.stdout + r.stderr, (r.returncode, (r.stdout + r.stderr)[-300:]))
        # In a namespace of its own, so that it cannot touch our tap.
        r = subprocess.run(["unshare", "-n", os.path.join(b.relay.build, "weir"), "--config", path], capture_output=True, text=True, timeout=30)
        check(f"start: {name}", r.returncode not in (0, -11, -6) and word in r.stdout + r.stderr, (r.returncode, (r.stdout + r.stderr)[-300:]))
    r = b.relay.ctl("check", "--config", b.relay.config_path)
    equal("check: ours is good", (r.returncode, r.stderr), (0, ""))


@case
def several_errors_at_once(b):
    path = os.path.join(b.dir, "bad.yaml")
    with open(path, "w") as f:
        f.write("smtp:\n  hostnam: x\n  max_message: fifty\nlistn: []\n")
    said = (lambda r: r.stdout + r.stderr)(b.relay.ctl("check", "--config", path))
    check("all of them, each with its line", all(f"{path}:{n}" in said for n in (2, 3, 4)), said)


@case
def profiles_not_yet(b):
    for key, bad in (("quarantine", {"profile": {"actions": {"url": "quarantine"}}}),
                     ("spool", {"route": {"on_outage": "spool"}}), ("colour", {"colour": "red"}), ("thresold", {"profile": {"thresold": 4}})):
        c = relay.customer("new", ["new.test"], [(net.KERNEL4, 2525)])
        path = os.path.join(b.dir, "bad.json")
        with open(path, "w") as f:
            json.dump({"customers": [relay.merge(c, bad)]}, f)
        r = b.relay.ctl("customer", "import", path, "--config", b.relay.config_path)
        check(f"a customer with {key}", r.returncode == 1 and key in r.stderr + r.stdout, (r.returncode, r.stderr + r.stdout))


def second(b, name, over):
    """Another weir beside ours, in the same network namespace: its exit status and words."""
    path = os.path.join(b.dir, "second.yaml")
    with open(path, "w") as f:
        json.dump(relay.merge(b.relay.config, over), f)
    r = subprocess.run([os.path.join(b.relay.build, "weir"), "--config", path], capture_output=True, text=True, timeout=30)
    return name, r.returncode, r.stderr


@case
def one_at_a_time(b):
    """A second weir on the same state_dir, socket or tap ends with 1 and the first one's pid, and the first does not notice."""
    own = {"node": {"state_dir": os.path.join(b.dir, "second"), "control_socket": os.path.join(b.dir, "second.sock")}, "http": {"listen": "off"}}
    link = net.sh("ip", "-o", "link", "show", net.TAP).stdout
    with client.Client(timeout=10) as c:
        c.ehlo()
        equal("MAIL at the first", c.cmd("MAIL FROM:<ann@sender.test>").code, 250)
        for name, status, said in (second(b, "state_dir", {"node": {"control_socket": own["node"]["control_socket"]}}),
                                   second(b, "control_socket", {"node": {"state_dir": own["node"]["state_dir"]}}),
                                   second(b, "ports", own),
                                   second(b, "ports", relay.merge(own, {"ports": [{"device": f"net_tap7,iface={net.TAP}", "addresses": ["10.77.0.9/24"]}]}))):
            check(f"a second one on the same {name}", status == 1 and f"{name}: " in said and f"(pid {b.relay.p.pid})" in said, (status, said))
        equal("the link was not touched", net.sh("ip", "-o", "link", "show", net.TAP).stdout, link)
        equal("the session that was open goes on", c.cmd("RCPT TO:<bob@lab.test>").code, 250)
    with client.Client(timeout=10) as c:
        c.ehlo()
        equal("a new mail is delivered", c.mail("ann@sender.test", "bob@lab.test", mails.plain(1))[1].code, 250)
    equal("weirctl still finds the first", b.relay.status()["node"], "lab-01")
    b.relay.kill()
    b.relay.start()
    equal("nothing is left claimed by one that was killed", b.relay.ctl("status").returncode, 0)


@case
def exit_codes(b):
    equal("status", b.relay.ctl("status").returncode, 0)
    check("status: about 12 lines", 8 <= len(b.relay.ctl("status").stdout.splitlines()) <= 16, b.relay.ctl("status").stdout)
    equal("usage", b.relay.ctl("frobnicate").returncode, 2)
    equal("no daemon", b.relay.ctl("--socket", "/nonexistent.sock", "status").returncode, 3)
    path = os.path.join(b.dir, "x.eml")
    for name, wire, want in (("clean", mails.plain(1), 0), ("GTUBE", mails.gtube(1), 10)):
        with open(path, "wb") as f:
            f.write(wire)
        r = b.relay.ctl("scan", path, "--rules", relay.RULES, "--json")
        check(f"scan: {name}", r.returncode == want and json.loads(r.stdout)["file"] == path, (r.returncode, r.stdout[:300], r.stderr[:300]))
    equal("scan: no such file", b.relay.ctl("scan", "/nonexistent.eml", "--json").returncode, 1)


@case
def metrics_and_health(b):
    with client.Client() as c:
        c.ehlo()
        c.mail("ann@sender.test", "bob@lab.test", mails.plain(1))
    text = b.relay.get("/metrics")
    bad = [l for l in text.splitlines() if l and not re.fullmatch(
        r"(# (HELP|TYPE|UNIT) [a-zA-Z_:][\w:]* ?.*|# EOF|[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*=\"(\\.|[^\"\\])*\",?)*\})? [-+0-9.eE]+(Inf|NaN)?)", l)]
    check("every line is OpenMetrics", not bad, bad[:3])
    check("ends with # EOF", text.rstrip().endswith("# EOF"))
    families = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    # A sample of a counter ends in _total, of a histogram in _bucket, _sum or _count; its family does not.
    bare = {l.split("{")[0].split(" ")[0] for l in text.splitlines() if l and l[0] != "#"}
    untyped = [n for n in bare if n not in families and re.sub(r"_(total|bucket|sum|count|created|info)$", "", n) not in families]
    check("each sample has a type", not untyped, untyped[:5])
    check("names begin with weir_ or process_", all(n.startswith(("weir_", "process_")) for n in bare), sorted(bare)[:5])
    check("/healthz", "ok" in b.relay.get("/healthz").lower())
    check("/readyz", b.relay.get("/readyz") is not None)
    cases.wait_for("log line", lambda: [e for e in b.relay.log("mail") if e["result"] == "delivered"], 5)
    e = b.relay.log("mail")[-1]
    check("a log line has time, event, id, client", {"time", "event", "id", "client"} <= set(e), e)


@case
def ban(b):
    equal("add", b.relay.ctl("ban", "add", "10.77.0.77/32", "--for", "1h").returncode, 0)
    net.sh("ip", "addr", "add", "10.77.0.77/24", "dev", net.TAP)
    try:
        c = client.Client(source="10.77.0.77", timeout=2)
        check("a banned address does not get in", False, c.banner)
    except OSError as e:
        check("a banned address does not get in", True, e)
    check("list", "10.77.0.77" in b.relay.ctl("ban", "list").stdout)
    with client.Client(timeout=5) as c:
        equal("others do", c.banner.code, 220)
    equal("del", b.relay.ctl("ban", "del", "10.77.0.77/32").returncode, 0)
    with client.Client(source="10.77.0.77", timeout=5) as c:
        equal("in again", c.banner.code, 220)


@case
def capture(b):
    path = os.path.join(b.dir, "x.pcapng")
    p = subprocess.Popen([os.path.join(b.relay.build, "weirctl"), "--socket", b.relay.socket, "capture", "port 25", "--count", "20", "--seconds", "10", "-w", path],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 8
    while p.poll() is None and time.monotonic() < end:
        with client.Client() as c:
            c.ehlo()
    out, err = p.communicate(timeout=15)
    equal("exit status", p.returncode, 0)
    data = open(path, "rb").read() if os.path.exists(path) else b""
    check("a pcapng file with frames", data[:4] == b"\x0a\x0d\x0d\x0a" and len(data) > 20 * 60, (len(data), err))


def ask_until_it_ends(path):
    """Calls into the workers, one behind the other, so that one is often under way when they stop."""
    request = json.dumps({"command": "lookup", "verb": "mailbox", "key": "bob@lab.test", "flush": True}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.settimeout(30)
        try:
            while True:
                s.sendall(request)
                if not s.recv(65536):
                    return
        except OSError:
            return


@case
def ends_while_control_is_busy(b):
    """SIGTERM: /readyz says so at once, a capture under way ends, and calls into workers that stop keep nobody waiting."""
    path = os.path.join(b.dir, "end.pcapng")
    ctl = [os.path.join(b.relay.build, "weirctl"), "--socket", b.relay.socket]
    cap = subprocess.Popen([*ctl, "capture", "port 25", "--seconds", "600", "--count", "100000", "-w", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    cases.wait_for("the capture", lambda: os.path.exists(path), 5)
    asking = threading.Thread(target=ask_until_it_ends, args=(b.relay.socket,))
    asking.start()
    with client.Client() as c:
        c.ehlo()
        c.cmd("MAIL FROM:<ann@sender.test>")
        c.cmd("RCPT TO:<bob@lab.test>")
        c.cmd("DATA")
        b.relay.p.terminate()

        def is_unready():
            try:
                return b.relay.get("/readyz") and False
            except urllib.error.HTTPError as e:
                return e.code == 503
        cases.wait_for("/readyz 503", is_unready, 5)
        cases.wait_for("its log line", lambda: b.relay.log("drain"), 5)  # the log has a thread of its own
        check("its log line", b.relay.log("drain"), "none")
        os.rename(b.relay.log_path, b.relay.log_path + ".1")
        b.relay.p.send_signal(signal.SIGHUP)
        cases.wait_for("the log anew, in a drain", lambda: os.path.exists(b.relay.log_path), 5)
        c.send(client.stuff(mails.plain(7)) + b".\r\n")
        equal("the mail under way is taken", c.reply().code, 250)
    try:
        equal("exit status", b.relay.p.wait(20), 0)
    except subprocess.TimeoutExpired:
        check("it ends within 20 s", False, b.relay.said()[-500:])
        b.relay.kill()
    equal("the capture's", cap.wait(15), 0)
    asking.join(15)
    check("no sanitizer or BUG", not b.relay.sanitizer(), b.relay.sanitizer())
    b.relay.start()


if __name__ == "__main__":
    cases.parse_args()
    net.enter("weirctl")
    cases.run(lambda: relay.bench(cases.args))
