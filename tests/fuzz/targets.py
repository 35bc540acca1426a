# SPDX-License-Identifier: BSD-3-Clause
"""targets - what every fuzz target covers, and how one is run; shared by scripts/test, coverage and planted"""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FUZZ = os.path.join(ROOT, "tests/fuzz")

# target: the files whose lines its inputs must reach (coverage)
COVERS = {
    "smtp_server": ["dataplane/smtp/smtp_server.c", "dataplane/smtp/smtp_line.c", "dataplane/smtp/smtp_body.c",
                    "dataplane/smtp/smtp_args.c"],
    "smtp_client": ["dataplane/smtp/smtp_client.c", "dataplane/smtp/smtp_client_reply.c",
                    "dataplane/smtp/smtp_client_caps.c"],
    "address": ["dataplane/smtp/smtp_address.c"],
    "tcp_input": ["dataplane/tcp/tcp_input.c", "dataplane/tcp/tcp_in.c", "dataplane/tcp/tcp_in_syn.c",
                  "dataplane/tcp/tcp_recv.c", "dataplane/tcp/tcp_opt.c"],
    "tcp_peer": [f"dataplane/tcp/tcp_{f}.c" for f in (
        "ack", "cc", "connect", "cookie", "cubic", "dsack", "ecn", "flight", "icmp", "info", "keep", "listen", "out", "pace",
        "pmtu", "rack", "read", "recovery", "sack", "send", "stack", "syn", "timer", "timewait", "tlp", "tx", "undo")],
    "packet": ["dataplane/packet/eth.c", "dataplane/packet/arp.c", "dataplane/packet/nd.c", "dataplane/packet/ip4.c",
               "dataplane/packet/ip6.c", "dataplane/packet/ip_in.c", "dataplane/packet/icmp.c",
               "dataplane/packet/frag.c"],
    "mime": ["engine/mime/mime.c", "engine/mime/mime_decode.c", "engine/mime/mime_inline.c", "engine/mime/mime_param.c",
             "engine/mime/mime_words.c"],
    "decode": ["engine/mime/mime_decode.c"],
    "archive": ["engine/file/file.c", "engine/file/file_out.c", "engine/file/gzip.c", "engine/file/inflate.c", "engine/file/ole.c",
                "engine/file/pdf.c", "engine/file/rar.c", "engine/file/rar4.c", "engine/file/rar5.c", "engine/file/sevenzip.c",
                "engine/file/tnef.c", "engine/file/xml.c", "engine/file/zip.c"],
    "html": ["engine/text/html.c", "engine/text/html_sheet.c", "engine/text/html_style.c", "engine/text/charset.c", "engine/text/fold.c"],
    "url": ["engine/url/url.c", "engine/url/url_find.c", "engine/url/url_host.c", "engine/url/url_target.c", "engine/url/url_shown.c", "engine/url/phone.c",
            "engine/url/phone_find.c"],
    "url_curl": ["engine/url/url.c", "engine/url/url_host.c"],
    "rules": ["engine/rule_parse.c", "engine/rule_expr.c", "engine/rule_list.c", "engine/rule_names.c",
              "engine/rule_header.c", "engine/rule_if.c", "engine/rule_regex.c", "engine/rule_replace.c"],
    "customers": ["ctrl/customers.c", "ctrl/customers_json.c", "ctrl/customers_route.c"],
    "settings": ["ctrl/settings_table.c", "ctrl/settings_lists.c", "ctrl/settings_values.c", "ctrl/settings.c"],
    "engine": ["engine/job.c", "engine/job_text.c", "engine/job_header.c", "engine/job_hits.c", "engine/job_finish.c",
               "engine/job_attach.c", "engine/job_file.c", "engine/job_locate.c"],
}

# Their models of what is right are younger than the code they judge, and half of what they find is the model's: less than 60 s are their
# seeds alone, the same every time.
YOUNG = {"tcp_peer"}

SANITIZERS = {
    # Everything that a sanitizer finds ends the program. DPDK and Hyperscan keep their heap until the end.
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=0:handle_abort=1:symbolize=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def command(exe, name, found, seconds, artifacts):
    """The command that fuzzes for `seconds`; new inputs go to `found`, findings to files that begin with `artifacts`.
    -timeout: an input that costs more than 10 s is a finding (a loop that never ends)."""
    os.makedirs(found, exist_ok=True)
    cmd = [exe, f"-max_total_time={seconds}", "-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=10",
           f"-artifact_prefix={artifacts}"]
    if name in YOUNG and seconds < 60:
        cmd.append("-runs=0")
    words = os.path.join(FUZZ, name + ".dict")
    if os.path.isfile(words):
        cmd.append("-dict=" + words)
    corpus = os.path.join(FUZZ, "corpus", name)
    return cmd + [found] + ([corpus] if os.path.isdir(corpus) else [])


def setup(build, root=ROOT, options=()):
    """Configure a fuzz build in root/build once; the targets' paths by name."""
    if not os.path.exists(os.path.join(root, build, "build.ninja")):
        subprocess.run(["meson", "setup", build, "-Dfuzz=true", "-Db_lundef=false", *options], cwd=root, check=True,
                       env={**os.environ, "CC": "clang", "LLVM_PROFILE_FILE": "/dev/null"}, stdout=subprocess.DEVNULL)
    return {n: f"tests/fuzz/fuzz_{n}" for n in COVERS}


def ninja(build, targets, root=ROOT):
    r = subprocess.run(["ninja", "-C", os.path.join(root, build)] + targets, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        print(r.stdout[-3000:])
        raise SystemExit(f"{build} does not build")
