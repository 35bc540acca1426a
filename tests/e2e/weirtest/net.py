# SPDX-License-Identifier: BSD-3-Clause
"""net.py - a namespace with a tap (or a veth pair): the kernel on one end, the relay on the other.

The tap is made before the relay starts, with multi_queue as net_tap opens it; so it and the
kernel's addresses survive a killed relay. (Without multi_queue net_tap cannot attach to it.)
"""
import contextlib
import json
import os
import signal
import subprocess
import sys

TAP = "weir0"
VETH = "weirp0"
KERNEL4, KERNEL6 = "10.77.0.1", "fd77::1"
RELAY4, RELAY6 = "10.77.0.2", "fd77::2"


def sh(*cmd, check=True):
    r = subprocess.run(cmd, capture_output=True, text=True)
    if check and r.returncode:
        raise RuntimeError(f"{' '.join(cmd)}: {r.stderr.strip()}")
    return r


def netns_exists(ns):
    return os.path.exists(f"/run/netns/{ns}")


def netns_up(ns, extra4=()):
    """A fresh namespace with the kernel's end of the tap, up and addressed."""
    netns_down(ns)
    sh("ip", "netns", "add", ns)
    ip = ("ip", "-n", ns)
    sh(*ip, "link", "set", "lo", "up")
    tap(ns, extra4)
    # Thousands of connections from one address need the whole range of ports, again and soon.
    for key, value in (("ipv4/ip_local_port_range", "1024 65000"), ("ipv4/tcp_tw_reuse", "1"),
                       ("core/somaxconn", "8192"), ("ipv4/tcp_max_syn_backlog", "8192")):
        set_sysctl(ns, key, value)


def tap(ns, extra4=()):
    """A tap, in the place of whatever link was TAP before."""
    sh("ip", "-n", ns, "link", "del", TAP, check=False)
    sh("ip", "-n", ns, "tuntap", "add", TAP, "mode", "tap", "multi_queue")
    kernel_end(ns, extra4)


def kernel_end(ns, extra4=()):
    """The kernel's addresses on TAP, and up."""
    ip = ("ip", "-n", ns)
    # A relay that ends in order takes the link down; the IPv6 address must not go with it.
    set_sysctl(ns, f"ipv6/conf/{TAP}/keep_addr_on_down", "1")
    sh(*ip, "addr", "add", f"{KERNEL4}/24", "dev", TAP)
    for a in extra4:
        sh(*ip, "addr", "add", f"{a}/24", "dev", TAP)
    sh(*ip, "addr", "add", f"{KERNEL6}/64", "dev", TAP, "nodad")
    # A thousand connections that end at once are as many packets: none may fall out of the queue.
    sh(*ip, "link", "set", TAP, "txqueuelen", "10000", "up")


def veth(ns):
    """A veth pair in the place of the tap: the kernel's end is TAP with its addresses, the relay's is VETH, on which the kernel is silent.
    A veth hands over frames without checksums and larger than any MTU where offloads are on: they are off at the kernel's end."""
    ip = ("ip", "-n", ns)
    sh(*ip, "link", "del", TAP, check=False)
    sh(*ip, "link", "add", TAP, "type", "veth", "peer", "name", VETH)
    set_sysctl(ns, f"ipv6/conf/{VETH}/disable_ipv6", "1")
    sh(*ip, "link", "set", VETH, "arp", "off", "up")
    sh("ip", "netns", "exec", ns, "ethtool", "-K", TAP, "tx", "off", "tso", "off", "gso", "off")
    kernel_end(ns)


@contextlib.contextmanager
def bad_line(ns, build, *model, seed=1):
    """A bad line in the place of the tap: TAP with the kernel's addresses, the bridge of tests/lab, and VETH for the relay
    (net_af_packet0,iface=VETH). Inside of the namespace. Yields a list to which the bridge's counts are added at its end."""
    sh("ip", "-n", ns, "link", "del", TAP, check=False)
    for end, inner in ((TAP, "line0"), (VETH, "line1")):
        sh("ip", "-n", ns, "link", "add", end, "type", "veth", "peer", "name", inner)
        for name in (end, inner):
            set_sysctl(ns, f"ipv6/conf/{name}/disable_ipv6", "0" if name == TAP else "1")
            sh("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            if name != TAP:
                sh("ip", "-n", ns, "link", "set", name, "arp", "off", "txqueuelen", "10000", "up")
    kernel_end(ns)
    p = subprocess.Popen([os.path.join(build, "tests/lab/lab-bridge"), "line0", "line1", "--seed", str(seed), *model],
                         stdout=subprocess.PIPE, text=True)
    counts = []
    try:
        if not p.stdout.readline():
            raise RuntimeError("the bridge did not start")
        yield counts
    finally:
        p.terminate()
        out, _ = p.communicate(timeout=20)
        counts.append(json.loads(out or "{}"))


def set_sysctl(ns, key, value):
    sh("ip", "netns", "exec", ns, "sh", "-c", f"echo '{value}' > /proc/sys/net/{key}", check=False)


def netns_down(ns):
    if netns_exists(ns):
        for pid in netns_pids(ns):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        sh("ip", "netns", "del", ns, check=False)


def netns_pids(ns):
    """Processes inside, ourselves left out. The namespace is ours alone, so they are ours."""
    r = sh("ip", "netns", "pids", ns, check=False)
    return [int(p) for p in r.stdout.split() if int(p) != os.getpid()]


def enter(prefix, unique=True):
    """Run the rest of this program inside a namespace of its own: makes it and starts us again in it."""
    if os.environ.get("WEIRTEST_NETNS"):
        return os.environ["WEIRTEST_NETNS"]
    if os.geteuid() != 0:
        print("SKIP all: needs root for a network namespace")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    ns = f"{prefix}{os.getpid()}" if unique else prefix
    netns_up(ns)
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))
    p = subprocess.Popen(["ip", "netns", "exec", ns, sys.executable, *sys.argv],
                         env={**os.environ, "WEIRTEST_NETNS": ns})
    rc = 1
    try:
        rc = p.wait()
    except KeyboardInterrupt:  # the terminal sent it to the child too
        rc = p.wait(30)
    except SystemExit:
        p.terminate()
        p.wait(30)
    finally:
        netns_down(ns)
    sys.exit(rc)
