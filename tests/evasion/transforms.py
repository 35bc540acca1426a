# SPDX-License-Identifier: BSD-3-Clause
"""transforms.py - twenty ways to write the same mail so that a filter does not recognise it

Each takes a mail (bytes) and a random.Random and returns one in which a reader sees the same text and links that lead to the same
place (numeric hosts apart: there a link leads to an address instead of a name); None: nothing in this mail to write otherwise.
`rewritten` is the control: parsed and written again, nothing hidden. TRANSFORMS names them all, in the order of issue and docs.
"""
import base64
import codecs
import email
import email.policy
import html
import re
import urllib.parse
from email.header import decode_header

TOKEN = re.compile(r"(<!--.*?-->|<(?:script|style|title)\b.*?</(?:script|style|title)\s*>|<[^>]*>)", re.S | re.I)
LINK = re.compile(r"""\bhttps?://[^\s"'<>)]+""", re.I)
HREF = re.compile(r"""(\b(?:href|action)\s*=\s*)("https?://[^"]*"|'https?://[^']*'|https?://[^\s>"']+)""", re.I)
WORD = re.compile(r"[A-Za-z]{4,}")
LOOK_ALIKE = dict(zip("aceiopxyABCEHKMOPTX", "асеіорхуАВСЕНКМОРТХ"))  # Cyrillic
ORDINARY = ("The minutes of the meeting are attached. Thanks for the corrections to section two; the figures for March were moved to the "
            "appendix, and the staircase is drawn to scale now. Let us meet on Thursday after the review of the new build. ") * 6


def parse(raw):
    return email.message_from_bytes(raw, policy=email.policy.compat32)


def flatten(msg):
    return msg.as_bytes(policy=email.policy.compat32.clone(max_line_length=0))


def is_shown_text(part):
    return part.get_content_maintype() == "text" and part.get_content_subtype() in ("plain", "html") and not part.is_multipart() \
        and part.get_content_disposition() != "attachment"


def text_of(part):
    data = part.get_payload(decode=True) or b""
    try:
        return data.decode(codecs.lookup(str(part.get_content_charset() or "utf-8")).name)
    except (LookupError, UnicodeDecodeError, ValueError):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("windows-1252", "replace")


def set_raw(part, encoded, encoding, charset):
    """The part's body as it stands in the mail, its transfer encoding and charset."""
    del part["Content-Transfer-Encoding"]
    part["Content-Transfer-Encoding"] = encoding
    subtype = part.get_content_subtype()
    del part["Content-Type"]
    part["Content-Type"] = f'text/{subtype}; charset="{charset}"'
    part.set_payload(encoded)


def base64_lines(data, width=76):
    coded = base64.b64encode(data).decode()
    return "\n".join(coded[i:i + width] for i in range(0, len(coded), width)) + "\n"


def set_text(part, text):
    set_raw(part, base64_lines(text.encode("utf-8", "replace")), "base64", "utf-8")


def each_text(raw, change):
    """change(part, text) -> new text, or None: as it was, or already written by itself."""
    msg = parse(raw)
    done = False
    for part in msg.walk():
        if is_shown_text(part):
            new = change(part, text_of(part))
            if isinstance(new, str):
                set_text(part, new)
            done |= bool(new)
    return flatten(msg) if done else None


def outside_tags(text, is_html, change):
    """change() over what is shown: neither tags, scripts nor entities, nor links as text."""
    pieces = TOKEN.split(text) if is_html else [text]
    out = []
    for i, piece in enumerate(pieces):
        if i % 2:
            out.append(piece)
            continue
        at = 0
        for keep in re.finditer(r"&#?\w+;|" + LINK.pattern + r"|\b[\w.-]+\.[a-z]{2,}\b|\S+@\S+", piece):
            out.append(change(piece[at:keep.start()]))
            out.append(keep.group())
            at = keep.end()
        out.append(change(piece[at:]))
    return "".join(out)


def in_words(raw, split):
    """split(word, is_html) in the place of each word of four letters and more."""
    def change(part, text):
        is_html = part.get_content_subtype() == "html"
        new = outside_tags(text, is_html, lambda s: WORD.sub(lambda m: split(m.group(), is_html), s))
        return new if new != text else None
    return each_text(raw, change)


def html_only(raw, change):
    return each_text(raw, lambda part, text: change(text) if part.get_content_subtype() == "html" else None)


def rewritten(raw, rng):
    return each_text(raw, lambda part, text: text)


def zero_width(raw, rng):
    marks = "\u200b\u200c\u200d\u2060\ufeff"
    return in_words(raw, lambda w, is_html: "".join(c + rng.choice(marks) for c in w[:-1]) + w[-1])


def homoglyph(raw, rng):
    return in_words(raw, lambda w, is_html: "".join(LOOK_ALIKE.get(c, c) for c in w))


def entities(raw, rng):
    def coded(s):
        return "".join(rng.choice(["&#%d;", "&#x%x;", "&#%07d;", "&#X%X;"]) % ord(c) if c.isalnum() else c for c in s)

    def change(text):
        text = HREF.sub(lambda m: m.group(1) + '"' + coded(html.unescape(m.group(2).strip("\"'"))).replace("&amp;", "&") + '"', text)
        return outside_tags(text, True, coded)
    return html_only(raw, change)


def base64_body(raw, rng):
    def change(part, text):
        width = rng.choice([1, 3, 5, 61, 77])
        junk = base64_lines(text.encode("utf-8", "replace"), width).replace("\n", rng.choice(["\n", " \n", "\n\t"]))
        set_raw(part, junk, "Base64 ", "utf-8")
        return True
    return each_text(raw, change)


def qp_cuts(raw, rng):
    def change(part, text):
        coded, column = [], 0
        for b in text.encode("utf-8", "replace"):
            if b == 10:
                coded.append("\n")
                column = 0
                continue
            if b == 13:
                continue
            coded.append("=%02X" % b if not chr(b).isalnum() or b > 126 or rng.random() < 0.5 else chr(b))
            column += len(coded[-1])
            if column > rng.choice([5, 9, 40]):
                coded.append("=\n")
                column = 0
        set_raw(part, "".join(coded), "quoted-printable", "utf-8")
        return True
    return each_text(raw, change)


def hidden_text(raw, rng):
    styles = ["display:none", "font-size:0;color:#fff", "visibility:hidden", "position:absolute;left:-9999px", "max-height:0;overflow:hidden",
              "opacity:0"]

    def change(text):
        block = f'<div style="{rng.choice(styles)}">{ORDINARY}</div>'
        m = re.search(r"<body[^>]*>", text, re.I)
        return text[:m.end()] + block + text[m.end():] + block if m else block + text + block
    return html_only(raw, change)


def tag_splits(raw, rng):
    splits = ["<b></b>", "<!-- x -->", "<span></span>", '<font color="#123456"></font>', "<i\n></i>", "<wbr>"]

    def split(word, is_html):
        cut = rng.randrange(1, len(word))
        return word[:cut] + rng.choice(splits) + word[cut:] if is_html else word
    return in_words(raw, split)


def decoded_field(value):
    value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # raw bytes: most are UTF-8
    out = []
    for data, charset in decode_header(value):
        if isinstance(data, str):
            out.append(data)
            continue
        try:
            out.append(data.decode(charset or "utf-8", "replace"))
        except LookupError:
            out.append(data.decode("utf-8", "replace"))
    return re.sub(r"\r?\n[ \t]*", " ", "".join(out))


def encoded_words(raw, rng):
    msg = parse(raw)

    def words(text):
        out, at = [], 0
        while at < len(text):
            n = rng.randrange(1, 6)
            data = text[at:at + n].encode("utf-8", "replace")
            at += n
            if rng.random() < 0.5:
                out.append("=?utf-8?B?" + base64.b64encode(data).decode() + "?=")
            else:
                out.append("=?UTF-8?q?" + "".join("=%02x" % b for b in data) + "?=")
        return "\n ".join(out)
    done = False
    for name in ("Subject", "From"):
        value = next((v for k, v in msg.raw_items() if k.lower() == name.lower()), None)
        if not value:
            continue
        text, address = decoded_field(value), ""
        if name == "From":
            m = re.match(r'\s*"?(.*?)"?\s*(<[^<>]*>)\s*$', text, re.S)
            if not m or not m.group(1):
                continue
            text, address = m.group(1), " " + m.group(2)
        msg.replace_header(name, words(text) + address)
        done = True
    return flatten(msg) if done else None


def utf16(raw, rng):
    def change(part, text):
        name, bom = rng.choice([("utf-16le", b""), ("utf-16be", b""), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff")])
        coder = "utf-16be" if name == "utf-16be" or bom == b"\xfe\xff" else "utf-16le"
        text = re.sub(r"(charset=[\"']?)[\w-]+", lambda m: m.group(1) + name, text, flags=re.I)
        set_raw(part, base64_lines(bom + text.encode(coder, "replace")), "base64", name)
        return True
    return each_text(raw, change)


def utf7(raw, rng):
    def change(part, text):
        out = []
        for c in text:  # letters too, as no honest writer would
            coded = rng.random() < 0.3 and c.isalnum() or c == "+" or ord(c) > 126
            out.append("+" + base64.b64encode(c.encode("utf-16be", "replace")).decode().rstrip("=") + "-" if coded else c)
        text = re.sub(r"\r?\n", "\n", "".join(out))
        set_raw(part, text, "7bit", "utf-7")
        return True
    return each_text(raw, change)


def content_headers(msg):
    return [(k, v) for k, v in msg.items() if k.lower().startswith("content-")]


def wrap(raw, body_of):
    """The mail's own fields but those of its content around body_of(headers of the content, body as bytes)."""
    raw = raw.replace(b"\r\n", b"\n")
    head, _, body = raw.partition(b"\n\n")
    fields = re.split(rb"\n(?![ \t])", head)
    content = [f for f in fields if f.lower().startswith(b"content-")] or [b"Content-Type: text/plain"]
    rest = [f for f in fields if not f.lower().startswith((b"content-", b"mime-version:"))]
    new_fields, new_body = body_of(b"\n".join(content), body)
    return b"\n".join(rest + [b"MIME-Version: 1.0"] + new_fields) + b"\n\n" + new_body


def nested_parts(raw, rng):
    def body_of(content, body):
        for depth in range(8):
            mark = b"----=_%d_%08x" % (depth, rng.getrandbits(32))
            body = b"preamble\n--" + mark + b"\n" + content + b"\n\n" + body + b"\n--" + mark + b"--\n"
            content = b'Content-Type: multipart/' + rng.choice([b"mixed", b"related", b"alternative"]) + b';\n\tboundary="' + mark + b'"'
        return [content], body
    return wrap(raw, body_of)


def wrong_charset(raw, rng):
    """Names no program knows: the reader's falls back to what the bytes look like."""
    def change(part, text):
        set_raw(part, base64_lines(text.encode("utf-8", "replace")), "base64", rng.choice(["x-none", "us-ascii-8", "cp99999", "", "utf8mb4"]))
        return True
    return each_text(raw, change)


def rfc822_wrap(raw, rng):
    inner = raw.replace(b"\r\n", b"\n")
    return wrap(raw, lambda content, body: ([b"Content-Type: message/rfc822", b"Content-Disposition: inline"], inner))


def soft_hyphens(raw, rng):
    def split(word, is_html):
        return rng.choice(["&shy;", "&#173;", "\xad"] if is_html else ["\xad"]).join(word)
    return in_words(raw, split)


def html_attachment(raw, rng):
    """The text as a page to be opened; in the mail itself a line that says so."""
    msg = parse(raw)
    parts = [p for p in msg.walk() if is_shown_text(p)]
    if not parts:
        return None
    part = max(parts, key=lambda p: (p.get_content_subtype() == "html", len(text_of(p))))
    text = text_of(part)
    page = text if part.get_content_subtype() == "html" else "<html><body><pre>" + html.escape(text) + "</pre></body></html>"
    kind = rng.choice([b"text/html", b"application/octet-stream"])

    def body_of(content, body):
        return [b'Content-Type: multipart/mixed; boundary="att"'], (
            b"--att\nContent-Type: text/plain; charset=utf-8\n\nSee the attached document.\n--att\nContent-Type: " + kind +
            b'; name="document.html"\nContent-Disposition: attachment; filename="document.html"\nContent-Transfer-Encoding: base64\n\n' +
            base64_lines(page.encode("utf-8", "replace")).encode() + b"--att--\n")
    return wrap(raw, body_of)


def links(raw, change):
    """change(URL) in each href and action, and in each URL of plain text."""
    def in_part(part, text):
        if part.get_content_subtype() == "html":
            new = HREF.sub(lambda m: m.group(1) + '"' + html.escape(change(html.unescape(m.group(2).strip("\"'")))) + '"', text)
        else:
            new = LINK.sub(lambda m: change(m.group()), text)
        return new if new != text else None
    return each_text(raw, in_part)


def redirectors(raw, rng):
    def change(url):
        for _ in range(rng.choice([1, 2])):
            url = rng.choice(["https://www.google.com/url?q=", "https://news.example.com/click?id=7&target=", "https://www.bing.com/ck/a?u=",
                              "https://l.facebook.com/l.php?u="]) + urllib.parse.quote(url, safe="")
        return url
    return links(raw, change)


def with_host(url, change):
    m = re.match(r"(?i)(https?://)([^/?#\s]+)(.*)$", url, re.S)
    return m.group(1) + change(m.group(2)) + m.group(3) if m else url


def numeric_hosts(raw, rng):
    def change(host):
        n = int.from_bytes(bytes([198, 51, 100, sum(host.encode()) % 256]), "big")
        a, b, c, d = n.to_bytes(4, "big")
        return rng.choice([f"{n}", f"0x{n:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"0x{a:x}.0x{b:x}.{n & 0xffff}", f"{a}.{b}.{c}.{d}"])
    return links(raw, lambda u: with_host(u, change))


def userinfo(raw, rng):
    return links(raw, lambda u: with_host(u, lambda h: rng.choice(["www.paypal.com@", "login.example.com:443@", "a%40b@"]) + h.split("@")[-1]))


def idna(raw, rng):
    """The same host in full-width letters, with other dots, in percent codes."""
    def change(host):
        name, _, port = host.split("@")[-1].partition(":")
        kind = rng.randrange(3)
        if kind == 0:
            name = "".join(chr(ord(c) + 0xfee0) if c.isalnum() and c.isascii() else c for c in name).replace(".", "\u3002")
        elif kind == 1:
            name = name.replace(".", rng.choice("\u3002\uff0e\uff61"))
        else:
            name = "".join("%%%02x" % ord(c) if c.isascii() and c.isalpha() else c for c in name)
        return name + (":" + port if port else "")
    return links(raw, lambda u: with_host(u, change))


def broken_boundaries(raw, rng):
    """Never closed, one boundary the beginning of another, blanks after it, a second boundary parameter."""
    def body_of(content, body):
        return [b"Content-Type: multipart/mixed;\n boundary=\"b\" ; boundary=\"zz\""], (
            b"no part\n--b \t\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n" + content + b"\n\n" + body + b"\n--b\n"
            b"Content-Type: text/plain\n\n")
    return wrap(raw, body_of)


TRANSFORMS = [
    ("zero-width", zero_width), ("homoglyph", homoglyph), ("entities", entities), ("base64", base64_body), ("QP cuts", qp_cuts),
    ("hidden text", hidden_text), ("tag splits", tag_splits), ("encoded words", encoded_words), ("UTF-16", utf16), ("UTF-7", utf7),
    ("nested parts", nested_parts), ("wrong charset", wrong_charset), ("rfc822 wrap", rfc822_wrap), ("soft hyphens", soft_hyphens),
    ("HTML attachment", html_attachment), ("redirectors", redirectors), ("numeric hosts", numeric_hosts), ("userinfo", userinfo),
    ("IDNA", idna), ("broken boundaries", broken_boundaries),
]
CONTROL = ("rewritten", rewritten)
