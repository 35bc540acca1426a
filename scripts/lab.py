# SPDX-License-Identifier: BSD-3-Clause
"""lab.py - what scripts/lab does once packages and programs are there. State is in .weir/lab/."""
import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from weirtest import net, relay  # noqa: E402

NS = "weirlab"
STATE = os.path.join(ROOT, ".weir", "lab")
PID = os.path.join(STATE, "pid")
UPSTREAM = f"{net.KERNEL4}:2525"


def fail(text):
    print(f"lab: {text}", file=sys.stderr)
    sys.exit(1)


def read_config(path):
    import yaml
    try:
        with open(path) as f:
            c = yaml.safe_load(f) or {}
    except (OSError, yaml.YAMLError) as e:
        fail(f"{path}: {e}")
    if not isinstance(c, dict):
        fail(f"{path}: a configuration is a map of sections")
    return c


def our_relay():
    """Its pid if it runs: the one we wrote down, and only if it still is a weir."""
    try:
        with open(PID) as f:
            pid = int(f.read())
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if b"weir\0--config" in f.read():
                return pid
    except (OSError, ValueError):
        pass
    return None


def forget(*kept):
    """Nothing of an earlier relay is left to start from: saved snapshots, bans, customers. Compiled patterns may stay."""
    with contextlib.suppress(FileNotFoundError):
        for e in os.scandir(STATE):
            if e.name in kept:
                continue
            if e.is_dir(follow_symlinks=False):
                shutil.rmtree(e.path)
            else:
                os.remove(e.path)


def down():
    pid = our_relay()
    if pid:
        os.kill(pid, signal.SIGTERM)
        for sig, wait in ((None, 10.0), (signal.SIGKILL, 5.0)):
            if sig:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sig)
            end = time.monotonic() + wait
            while our_relay() and time.monotonic() < end:
                time.sleep(0.05)
            if not our_relay():
                break
    forget("cache", "weir.log", "weir.out")
    if net.netns_exists(NS):
        net.sh("ip", "netns", "del", NS, check=False)


def greeted(addr, port):
    """Does the relay greet there? Asked from inside the namespace."""
    fam = socket.AF_INET6 if ":" in addr else socket.AF_INET
    code = (f"import socket; s=socket.socket({int(fam)}, 1); s.settimeout(2); s.connect(({addr!r}, {port})); "
            "d=s.recv(512); s.send(b'QUIT\\r\\n'); print(d[:3].decode())")
    r = subprocess.run(["ip", "netns", "exec", NS, sys.executable, "-c", code], capture_output=True, text=True)
    return r.stdout.strip() == "220"


def up(a):
    if a.tls:
        fail("--tls: STARTTLS is not there yet")
    down()
    os.makedirs(STATE, exist_ok=True)
    forget("cache")
    base = relay.default_config(STATE, [relay.RULES] + [os.path.abspath(d) for d in a.rules])
    if not a.strict:
        base = relay.merge(base, relay.LENIENT)
    config = relay.merge(base, read_config(a.config) if a.config else {})
    customers = os.path.abspath(a.customers) if a.customers else os.path.join(ROOT, "contrib/demo/lab-customers.json")
    path = os.path.join(STATE, "weir.yaml")
    with open(path, "w") as f:
        json.dump(config, f, indent=2)
    weirctl = os.path.join(a.build, "weirctl")
    r = subprocess.run([weirctl, "customer", "import", customers, "--config", path, "--replace"],
                       capture_output=True, text=True)
    if r.returncode:
        fail(f"{customers}: {r.stderr.strip() or r.stdout.strip()}")
    net.netns_up(NS)
    out = open(os.path.join(STATE, "weir.out"), "wb")
    p = subprocess.Popen(["ip", "netns", "exec", NS, os.path.join(a.build, "weir"), "--config", path],
                         stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=STATE)
    out.close()
    with open(PID, "w") as f:
        f.write(str(p.pid))  # `ip netns exec` becomes the relay, so the pid is the relay's
    port = config["listen"][0]["port"]
    left = [net.RELAY4, net.RELAY6]
    end = time.monotonic() + a.timeout
    while left:
        if greeted(left[0], port):
            left.pop(0)
            continue
        if p.poll() is not None or time.monotonic() > end:
            why = f"ended with status {p.returncode}" if p.poll() is not None else f"no banner at {left} in {a.timeout} s"
            with open(os.path.join(STATE, "weir.out"), errors="replace") as f:
                said = f.read()[-2000:]
            down()
            fail(f"the relay did not come up ({why}):\n{said}")
        time.sleep(0.1)
    print(json.dumps({"namespace": NS, "relay4": net.RELAY4, "relay6": net.RELAY6, "port": port,
                      "upstream": UPSTREAM, "control_socket": config["node"]["control_socket"],
                      "http": config["http"]["listen"], "log": config["log"]["path"], "pid": p.pid}), flush=True)


def main():
    p = argparse.ArgumentParser(prog="scripts/lab")
    sub = p.add_subparsers(dest="what", required=True)
    u = sub.add_parser("up")
    u.add_argument("--config")
    u.add_argument("--customers")
    u.add_argument("--rules", action="append", default=[])
    u.add_argument("--strict", action="store_true")
    u.add_argument("--tls", action="store_true")
    u.add_argument("--build", default=os.path.join(ROOT, "build"))
    u.add_argument("--timeout", type=float, default=30.0)
    sub.add_parser("down")
    a = p.parse_args()
    if a.what == "up":
        a.build = os.path.abspath(a.build)
        up(a)
    else:
        down()


if __name__ == "__main__":
    os.makedirs(os.path.dirname(STATE), exist_ok=True)
    with open(os.path.join(os.path.dirname(STATE), "lab.lock"), "w") as lock:
        os.set_inheritable(lock.fileno(), False)
        fcntl.flock(lock, fcntl.LOCK_EX)
        main()
