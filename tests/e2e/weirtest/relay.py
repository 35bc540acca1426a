# SPDX-License-Identifier: BSD-3-Clause
"""relay.py - one relay as a process, and a sink as another."""
import contextlib
import copy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from . import cases, client, net

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
RULES = os.environ.get("WEIR_RULES", os.path.join(ROOT, "contrib", "rules"))  # what ships
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|BUG at|BUG_ON|Assertion .* failed")


def merge(base, over):
    """Deep merge: maps key by key, anything else replaces."""
    out = copy.deepcopy(base)
    for k, v in over.items():
        out[k] = merge(out[k], v) if isinstance(v, dict) and isinstance(out.get(k), dict) else copy.deepcopy(v)
    return out


# One tester is no attacker: no limit per address, no tarpit, no cache of RCPT answers, servers that
# failed are tried again within a second (decisions 21). `scripts/lab --strict` leaves these out.
LENIENT = {
    "limits": {"per_address": "off"},
    "smtp": {"tarpit": "0s", "rcpt_cache": "off", "max_idle_commands": 0},
    "upstream": {"retry_min": "100ms", "retry_max": "1s"},
}


def default_config(state, rules=None, name="lab-01", hostname="relay.lab.test", http="127.0.0.1:8025"):
    """What every relay of ours starts with; state is the folder for all that it writes."""
    return {
        "node": {"name": name, "state_dir": state, "control_socket": os.path.join(state, "control.sock"),
                 "user": ""},
        "dataplane": {"memory": "512MiB", "hugepages": "auto", "busy_poll": "auto"},
        "ports": [{"device": f"net_tap0,iface={net.TAP},mac=fixed",
                   "addresses": [f"{net.RELAY4}/24", f"{net.RELAY6}/64"],
                   "gateway4": net.KERNEL4, "gateway6": net.KERNEL6}],
        "listen": [{"address": "any", "port": 25}],
        "smtp": {"hostname": hostname, "postmaster": "postmaster@lab.test"},
        "store": {"driver": "sqlite", "path": os.path.join(state, "customers.db")},
        "rules": {"directories": rules or [RULES]},
        "http": {"listen": http},
        "log": {"path": os.path.join(state, "weir.log"), "format": "json"},
    }


def customer(cid, domains, servers, mode="any", mailboxes=(), profile=None, **more):
    """One customer as JSON. servers: (address, port[, priority]) each."""
    return {"id": cid, "domains": list(domains),
            "route": {"servers": [{"address": s[0], "port": s[1], "priority": s[2] if len(s) > 2 else 10, "weight": 1}
                                  for s in servers],
                      "on_outage": "defer", **more.pop("route", {})},
            "mailboxes": {"mode": mode, **({"list": list(mailboxes)} if mode == "list" else {})},
            **({"profile": profile} if profile else {}), **more}


def lab_customers(sink=(net.KERNEL4, 2525)):
    """The two customers of the lab (interfaces, Scripts)."""
    return {"customers": [customer("lab", ["lab.test"], [sink]),
                          customer("list", ["list.test"], [sink], "list", ["bob", "alice"])]}


class Relay:
    """state is a folder; it stays when the relay is killed and started again."""

    def __init__(self, build, state, customers=None, config=None, lenient=True):
        self.build, self.state = build, state
        os.makedirs(state, exist_ok=True)
        base = default_config(state)
        if lenient:
            base = merge(base, LENIENT)
        self.config = merge(base, config or {})
        self.config_path = os.path.join(state, "weir.yaml")
        self.socket = self.config["node"]["control_socket"]
        self.http = self.config["http"]["listen"]
        self.log_path = self.config["log"]["path"]
        self.out_path = os.path.join(state, "weir.out")
        self.p = None
        self.write_config()
        self.customers = customers if customers is not None else lab_customers()
        self.import_customers(self.customers)

    def write_config(self):
        with open(self.config_path, "w") as f:
            json.dump(self.config, f, indent=2)  # JSON is YAML

    def import_customers(self, customers, replace=False):
        path = os.path.join(self.state, "customers.json")
        with open(path, "w") as f:
            json.dump(customers, f, indent=1)
        return self.ctl("customer", "import", path, "--config", self.config_path,
                        *(["--replace"] if replace else []), check=True)

    def ctl(self, *args, check=False, timeout=60):
        """weirctl: a CompletedProcess with text."""
        r = subprocess.run([os.path.join(self.build, "weirctl"), *args], capture_output=True, text=True,
                           errors="replace", timeout=timeout, stdin=subprocess.DEVNULL,
                           env={**os.environ, "WEIR_SOCKET": self.socket})
        if check and r.returncode:
            raise AssertionError(f"weirctl {' '.join(args)}: exit status {r.returncode}: {r.stderr.strip()[-600:]}")
        return r

    def start(self, timeout=30.0, wait=True):
        out = open(self.out_path, "ab")
        self.p = subprocess.Popen([os.path.join(self.build, "weir"), "--config", self.config_path], stdout=out,
                                  stderr=out, stdin=subprocess.DEVNULL, cwd=self.state)
        out.close()
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=30.0):
        """Until it greets over IPv4 and IPv6, or its own words why not."""
        end = time.monotonic() + timeout
        left = [net.RELAY4, net.RELAY6]
        why = ""
        while left:
            if self.p.poll() is not None:
                raise AssertionError(f"weir ended with status {self.p.returncode}: {self.said()[-1500:]}")
            if time.monotonic() > end:
                raise AssertionError(f"no banner on {left} within {timeout} s ({why}): {self.said()[-1500:]}")
            try:
                c = client.Client(left[0], timeout=2.0)
                c.quit()
                left.pop(0)
            except (OSError, client.Closed, AssertionError) as e:
                why = str(e)
                time.sleep(0.05)

    def said(self):
        with contextlib.suppress(OSError), open(self.out_path, errors="replace") as f:
            return f.read()
        return ""

    def alive(self):
        return self.p is not None and self.p.poll() is None

    def kill(self):
        self.p.send_signal(signal.SIGKILL)
        self.p.wait()

    def stop(self, timeout=30.0):
        """SIGTERM; its exit status."""
        if not self.alive():
            return self.p.returncode if self.p else None
        self.p.terminate()
        try:
            return self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"weir did not end within {timeout} s of SIGTERM") from None

    def sanitizer(self):
        """What a sanitizer or BUG_ON said, or None."""
        m = SANITIZER.search(self.said())
        return self.said()[m.start():m.start() + 1500] if m else None

    def status(self):
        return json.loads(self.ctl("status", "--json", check=True).stdout)

    def metrics(self):
        """{name{labels}: value} of /metrics."""
        out = {}
        for line in self.get("/metrics").splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                out[key] = float(value)
        return out

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as r:
            return r.read().decode()

    def log(self, event=None):
        out = []
        with contextlib.suppress(FileNotFoundError), open(self.log_path, errors="replace") as f:
            for line in f:
                if line.endswith("\n"):
                    e = json.loads(line)
                    if event is None or e.get("event") == event:
                        out.append(e)
        return out

    def verdict(self, id):
        """The verdict on mail id: the log has it a little after the sender has his reply."""
        return cases.wait_for(f"verdict on {id} in the log", lambda: [e for e in self.log("verdict") if e.get("id") == id])[-1]

    def balance(self):
        """sent, delivered, refused, deferred, given_up, in_flight as weirctl says them."""
        return self.status()["mails"]


class Sink:
    def __init__(self, state, listen=((net.KERNEL4, 2525), (net.KERNEL6, 2525)), name="sink", store=False, **settings):
        self.dir = os.path.join(state, name)
        os.makedirs(self.dir, exist_ok=True)
        self.record = os.path.join(self.dir, "mails.jsonl")
        self.control = os.path.join(self.dir, "control.sock")
        self.listen, self.settings, self.store = listen, settings, store
        self.p = self.c = None

    def start(self):
        """Also after a kill: what it recorded before stays."""
        cmd = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink.py"),
               "--record", self.record, "--control", self.control, "--settings", json.dumps(self.settings)]
        for a, p in self.listen:
            cmd += ["--listen", f"[{a}]:{p}" if ":" in a else f"{a}:{p}"]
        if self.store:
            os.makedirs(os.path.join(self.dir, "store"), exist_ok=True)
            cmd += ["--store", os.path.join(self.dir, "store")]
        self.p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        if self.p.stdout.readline() != b"ready\n":
            raise RuntimeError("the sink did not start")
        self.c = None
        return self

    def ask(self, **cmd):
        if self.c is None:
            self.c = socket.socket(socket.AF_UNIX)
            self.c.settimeout(10)
            self.c.connect(self.control)
            self.f = self.c.makefile("rw")
        self.f.write(json.dumps(cmd) + "\n")
        self.f.flush()
        return json.loads(self.f.readline())

    def set(self, **settings):
        self.settings.update({k: v for k, v in settings.items() if k != "faults"})
        return self.ask(set=settings)

    def faults(self, *faults):
        return self.ask(set={"faults": list(faults)})

    def stats(self):
        return self.ask(stats=True)

    def mails(self):
        """All that was recorded, also by a sink that is dead now."""
        with contextlib.suppress(FileNotFoundError), open(self.record) as f:
            return [json.loads(l) for l in f if l.endswith("\n")]
        return []

    def forget(self):
        """Begin a new record (the sink appends to the same file)."""
        with contextlib.suppress(FileNotFoundError):
            os.truncate(self.record, 0)

    def alive(self):
        return self.p is not None and self.p.poll() is None

    def kill(self):
        if self.alive():
            self.p.kill()
        if self.p:
            self.p.wait()
            self.p.stdout.close()
        self.c = None

    stop = kill


class Bench:
    """What most test files want: a folder, a sink, a relay; both ended and the folder removed after."""

    def __init__(self, args, customers=None, config=None, sink=True, relay=True, store=False, lenient=True, settings=None):
        self.args = args
        self.dir = tempfile.mkdtemp(prefix="weirtest-")
        self.sink = Sink(self.dir, store=store, **(settings or {}))
        if sink:
            self.sink.start()
        self.relay = Relay(args.build, os.path.join(self.dir, "relay"), customers, config, lenient)
        if relay:
            self.relay.start()

    def after_case(self):
        """A relay that broke is one failure, not one for each case that follows."""
        bad = self.relay.sanitizer()
        died = self.relay.p is not None and not self.relay.alive()
        if bad or died:
            said = bad or self.relay.said()[-1500:]
            status = self.relay.p.returncode
            with contextlib.suppress(OSError):
                os.rename(self.relay.out_path, f"{self.relay.out_path}.{int(time.time() * 1000)}")
            if died:
                self.relay.start()
            raise AssertionError(f"the relay broke (exit status {status}): {said}")

    def end(self):
        try:
            self.relay.stop()
        finally:
            self.sink.stop()
            if not self.args.keep:
                shutil.rmtree(self.dir, ignore_errors=True)
            else:
                print(f"     kept: {self.dir}", flush=True)


@contextlib.contextmanager
def bench(args, *a, **kw):
    b = Bench(args, *a, **kw)
    try:
        yield b
    finally:
        b.end()
