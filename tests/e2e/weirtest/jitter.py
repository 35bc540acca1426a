#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""jitter.py - notices when the machine loses a CPU, so that such times are left out of figures (decisions 26).

    jitter.py CPU    wakes every millisecond on that CPU, before all who are measured there (SCHED_FIFO)
Each line on stdin is answered by one of JSON: the times (CLOCK_MONOTONIC) at which it woke more than GAP late since the line before.
"""
import json
import os
import subprocess
import sys
import threading
import time

GAP = 0.003     # a mail takes about that long: a later one is the machine's fault
WINDOW = 0.1    # seconds; a window with a gap in it is dropped as a whole


class Probe:
    def __init__(self, cpu):
        self.p = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(cpu)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.p.stdout.readline() != "ready\n":
            raise RuntimeError("the jitter probe did not start")

    def gaps(self):
        """[(from, to)] in which the CPU was away since the last call."""
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def end(self):
        self.p.stdin.close()
        self.p.wait(10)
        self.p.stdout.close()


def windows(began, ended, gaps):
    """(all windows between the two, those in which a CPU was away)."""
    at = lambda t: int(t / WINDOW)
    every = set(range(at(began), at(ended) + 1))
    return every, {w for a, b in gaps for w in range(at(a), at(b) + 1)} & every


def main():
    os.sched_setaffinity(0, {int(sys.argv[1])})
    late, lock = [], threading.Lock()

    def watch():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
        before = time.monotonic()
        while True:
            time.sleep(0.001)
            now = time.monotonic()
            if now - before > 0.001 + GAP:
                with lock:
                    late.append((before, now))
            before = now
    threading.Thread(target=watch, daemon=True).start()
    print("ready", flush=True)
    for _ in sys.stdin:
        with lock:
            said = json.dumps(late)
            late.clear()
        print(said, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
