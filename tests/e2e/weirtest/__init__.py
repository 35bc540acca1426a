# SPDX-License-Identifier: BSD-3-Clause
"""weirtest - senders, customers' servers and a relay to test, in a network namespace of their own.

cases.py   the runner: one line a case, last line `N passed, N failed, N skipped`
net.py     namespace and tap; a test moves itself into the namespace
relay.py   the relay as a process: configuration, start, kill, weirctl, /metrics, log
client.py  a sender with every byte in hand, and a fast one for thousands of mails
sink.py    a customer's server as a process of its own: records, refuses, hangs, resets, dies
mails.py   the mails: from ../shared/data, or made here
"""
