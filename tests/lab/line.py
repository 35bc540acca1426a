# SPDX-License-Identifier: BSD-3-Clause
"""line.py - two hosts with a bad line between them: three namespaces, two veth pairs, one bridge

    NEAR (near0) ---- near1 [MID: lab-bridge] far1 ---- (far0) FAR

The bridge's ends stand in a namespace without addresses, where no kernel answers. Offloads are off
at both ends: every frame is one segment with its checksum. `near_kernel=False` leaves near0 to a
stack of ours (net_af_packet0,iface=near0).
"""
import json
import os
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
from weirtest import net  # noqa: E402

NEAR4, FAR4 = "10.79.0.2", "10.79.0.1"
BUFFER_MAX = 16 << 20  # of a kernel's socket: far more than any line here holds
OFFLOADS = ("tx", "off", "rx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off")


class Line:
    def __init__(self, build, name, near_kernel=True):
        self.build = build
        self.near, self.mid, self.far = f"{name}n", f"{name}m", f"{name}f"
        self.bridge = None
        self.near_kernel = near_kernel
        for ns in (self.near, self.mid, self.far):
            net.netns_down(ns)
            net.sh("ip", "netns", "add", ns)
            net.sh("ip", "-n", ns, "link", "set", "lo", "up")
        self._veth(self.near, "near", NEAR4 if near_kernel else None)
        self._veth(self.far, "far", FAR4)

    def _veth(self, ns, name, address):
        net.sh("ip", "-n", self.mid, "link", "add", f"{name}1", "type", "veth", "peer", "name", f"{name}0", "netns", ns)
        for where, end in ((self.mid, f"{name}1"), (ns, f"{name}0")):
            net.set_sysctl(where, f"ipv6/conf/{end}/disable_ipv6", "1")
            net.sh("ip", "netns", "exec", where, "ethtool", "-K", end, *OFFLOADS, check=False)
            if where == self.mid or not address:
                net.sh("ip", "-n", where, "link", "set", end, "arp", "off")
            else:
                net.sh("ip", "-n", where, "addr", "add", f"{address}/24", "dev", end)
            net.sh("ip", "-n", where, "link", "set", end, "txqueuelen", "10000", "up")
        for key in ("tcp_rmem", "tcp_wmem"):
            net.set_sysctl(ns, f"ipv4/{key}", f"4096 131072 {BUFFER_MAX}")
        net.set_sysctl(ns, "ipv4/tcp_no_metrics_save", "1")

    def start(self, *model, seed=1, trace=None):
        """The bridge with this model; forgets what was under way."""
        cmd = ["ip", "netns", "exec", self.mid, os.path.join(self.build, "tests/lab/lab-bridge"), "near1", "far1",
               "--seed", str(seed), *model, *(["--trace", trace] if trace else [])]
        self.bridge = subprocess.Popen(cmd, stdout=subprocess.PIPE, text=True)
        if not self.bridge.stdout.readline():
            raise RuntimeError("the bridge did not start")

    def stop(self):
        """What the bridge counted."""
        self.bridge.send_signal(signal.SIGTERM)
        out, _ = self.bridge.communicate(timeout=20)
        self.bridge = None
        return json.loads(out)

    def run(self, where, *cmd, **more):
        """A program in the namespace `where`, its output a pipe of text."""
        return subprocess.Popen(["ip", "netns", "exec", where, *cmd], stdout=subprocess.PIPE, text=True, **more)

    def close(self):
        if self.bridge:
            self.bridge.kill()
            self.bridge.wait()
        for ns in (self.near, self.mid, self.far):
            net.netns_down(ns)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
