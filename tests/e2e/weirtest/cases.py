# SPDX-License-Identifier: BSD-3-Clause
"""cases.py - runs the cases of one test file.

A case is a function with @case. It passes when it returns, fails when an assertion does not hold,
is skipped by skip(reason). Sub-cases of a table are counted one by one by check().
"""
import argparse
import os
import re
import sys
import time
import traceback

_cases = []
_count = {"PASS": 0, "FAIL": 0, "SKIP": 0}
args = None


class Skip(Exception):
    pass


def skip(reason):
    raise Skip(reason)


def case(fn):
    _cases.append(fn)
    return fn


def say(kind, name, why=""):
    _count[kind] += 1
    print(f"{kind} {name}{': ' + why if why else ''}", flush=True)


def note(text):
    print(f"     {text}", flush=True)


def check(name, ok, why=""):
    """One row of a table: counted, does not end the case."""
    say("PASS" if ok else "FAIL", name, "" if ok else str(why))
    return ok


def equal(name, got, want):
    return check(name, got == want, f"got {got!r}, want {want!r}")


def wait_for(what, fn, timeout=10.0, step=0.02):
    """What fn() returns once it is true; fails after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        v = fn()
        if v:
            return v
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s (last: {v!r})")
        time.sleep(step)


def parse_args(extra=None):
    global args
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--quick", action="store_true", help="a shorter run with the same assertions")
    p.add_argument("--only", default="", help="cases whose name matches this expression")
    p.add_argument("--keep", action="store_true", help="leave logs and configuration in place")
    p.add_argument("--rounds", type=int, default=0)
    if extra:
        extra(p)
    args = p.parse_args()
    args.build = os.path.abspath(args.build)
    return args


def run(setup=None):
    """setup() is a context manager made once for the file: what it yields is each case's argument."""
    def one(fn, *a):
        name = fn.__name__
        t0 = time.monotonic()
        before = dict(_count)
        try:
            fn(*a)
            if _count == before:
                say("PASS", f"{name} ({time.monotonic() - t0:.1f} s)")
        except Skip as e:
            say("SKIP", name, str(e))
        except AssertionError as e:
            tb = traceback.extract_tb(e.__traceback__)[-1]
            say("FAIL", name, f"{os.path.basename(tb.filename)}:{tb.lineno}: {e or tb.line}")
        except Exception as e:  # a test that breaks is a failure of the test, said with its place
            say("FAIL", name, f"{type(e).__name__}: {e}")
            traceback.print_exc(file=sys.stdout)
    todo = [c for c in _cases if not args.only or re.search(args.only, c.__name__)]
    try:
        if setup:
            with setup() as ctx:
                for fn in todo:
                    one(fn, ctx)
                    if hasattr(ctx, "after_case"):
                        try:
                            ctx.after_case()
                        except Exception as e:
                            say("FAIL", f"after {fn.__name__}", str(e))
        else:
            for fn in todo:
                one(fn)
    except Skip as e:
        say("SKIP", os.path.basename(sys.argv[0]), str(e))
    except Exception as e:
        say("FAIL", "setup", f"{type(e).__name__}: {e}")
        traceback.print_exc(file=sys.stdout)
    print(f"{_count['PASS']} passed, {_count['FAIL']} failed, {_count['SKIP']} skipped")
    sys.stdout.flush()
    os._exit(1 if _count["FAIL"] else 0)
