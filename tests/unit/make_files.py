#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_files.py - archives and documents for test_file and the seeds of fuzz_archive: make_files.py [--hostile] FOLDER
--hostile: large ones for bench/micro/file_bench.c, each of the shape that costs most, and one of a tenth of it (10-…).

Python's zipfile, gzip and zlib make what they can; the rest is written from the formats' descriptions, a field a line.
"""
import gzip
import io
import pathlib
import random
import struct
import sys
import zipfile
import zlib

RELS = """<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
 Target="http://evil.example/?a=1&amp;b=2" TargetMode="External"/>
<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>%s
</Relationships>"""
TEMPLATE = """<Relationship Id='rId3' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate'
 Target='http://tmpl.example/t.dotm' TargetMode='External'/>"""
DOCUMENT = """<w:document><w:body><w:p><w:r><w:t>Your ac</w:t></w:r><w:r><w:t>count &amp; more</w:t></w:r></w:p>
<w:p><w:r><w:t>a&#x41;</w:t><w:tab/><w:t>b</w:t></w:r></w:p></w:body></w:document>"""


def zipped(entries, method=zipfile.ZIP_DEFLATED, stream=False):
    """entries: (name, bytes). stream: sizes follow the data, as programs write that cannot seek."""
    class NoSeek(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *a):
            raise OSError

    out = NoSeek() if stream else io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries:
            z.writestr(zipfile.ZipInfo(name) if method == zipfile.ZIP_STORED else name, data)
    return out.getvalue()


def deflated(data, level=9):
    """Level 0: data lies there as it is, after five bytes."""
    z = zlib.compressobj(level, zlib.DEFLATED, -15)
    return z.compress(data) + z.flush()


def zip_local(name, packed, method=8, size=None, flags=0, extra=b""):
    """size: what the header says of it."""
    size = len(packed) if size is None else size
    return (struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, method, 0, 0, 0, size, size, len(name), len(extra)) + name + extra
            + packed)


def zip_by_hand(names, *locals_):
    """Entries as they are, and a directory of these names that programs find them by."""
    data, rows = b"".join(locals_), b""
    for n in names:
        rows += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, 9, 9, len(n), 0, 0, 0, 0, 0, data.find(n) - 30) + n
    return data + rows + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(rows), len(data), 0)


def lying_zips():
    """Sizes that are not true, headers inside of data, entries inside of others."""
    page, first = b"<a href=http://evil.example/>", zip_local(b"a.txt", b"", 0)
    inside = b"<p>" + zip_local(b"x.css", b"", 0) + page
    p, q = zip_local(b"p.htm", deflated(page)), zip_local(b"q.htm", b"<q>", 0)
    part = zip_local(b"p.htm", deflated(page, 0))
    link = zip_local(b"v.rels", deflated(bytes(60) + p + TEMPLATE.encode(), 0))
    css = zip_local(b"x.css", b"", 0)
    lines = b"".join(b"<br>" + b"x" * 54 + b"%06x" % (i * 2654435761 % 2**24) for i in range(50000))
    return {
        "zero.zip": zip_by_hand([b"p.htm"], zip_local(b"p.htm", deflated(page), 8, 0)),
        "zero_stored.zip": zip_by_hand([b"p.htm", b"b.txt"], zip_local(b"p.htm", page, 0, 0), zip_local(b"b.txt", b"n", 0)),
        "zip64.zip": zip_by_hand([b"p.htm", b"b.txt"], zip_local(b"p.htm", page, 0, 0xffffffff), zip_local(b"b.txt", b"n", 0)),
        "dots.zip": zip_by_hand([b"p.htm. "], zip_local(b"p.htm. ", page, 0)),
        "short_stored.zip": zip_by_hand([b"p.htm"], zip_local(b"p.htm", page, 0, 4)),
        "later_stored.zip": zip_by_hand([b"p.htm"], zip_local(b"p.htm", page + b"PK\7\b" + bytes(12), 0, 0, 8)),
        "header_stored.zip": zip_by_hand([b"p.htm"], zip_local(b"p.htm", inside, 0)),
        "header_packed.zip": zip_by_hand([b"p.htm"], zip_local(b"p.htm", deflated(inside, 0), 8, 0)),
        "wrapped.zip": zip_by_hand([b"a.txt", b"w.rels", b"p.htm", b"q.htm"], first, zip_local(b"w.rels", p + q, 0)),
        "wrapped_packed.zip": zip_by_hand([b"a.txt", b"w.rels", b"q.htm", b"p.htm"], first, zip_local(b"w.rels", deflated(q + p, 0))),
        "wrapped_part.zip": zip_by_hand([b"a.txt", b"w.rels", b"p.htm"], first, zip_local(b"w.rels", deflated(part[:50], 0)), part[50:]),
        "wrapped_chain.zip": zip_by_hand([b"w.rels", b"v.rels", b"p.htm"], zip_local(b"w.rels", deflated(link[:50], 0)), link[50:]),
        "wrapped_again.zip": zip_by_hand([b"w.rels", b"p.htm", b"v.rels", b"q.htm"], zip_local(b"w.rels", p, 0),
                                         zip_local(b"v.rels", q, 0)),
        "wrapped_cut.zip": zip_local(b"w.rels", q, 0, 99),
        "extra.zip": zip_by_hand([b"p.htm", b"x.css"], zip_local(b"p.htm", page, 0, 0, 0, css)),
        "long_page.zip": zip_by_hand([b"p.htm"], zip_local(b"p.htm", deflated(lines))),
        "wrapped_twice.zip": zip_by_hand([b"w.rels", b"v.rels", b"p.htm"], zip_local(b"w.rels", zip_local(b"v.rels", p, 0), 0)),
        "wrapped_long.zip": zip_by_hand([b"w.rels", b"p.htm"], zip_local(b"w.rels", zip_local(b"p.htm", b"x" * 20000, 0), 0)),
        "wrapped_many.zip": zip_by_hand([b"w.rels"] + [b"p.htm"] * 20, zip_local(b"w.rels", p * 20, 0)),
    }


def patched(data, what, at, value):
    """Bytes at `at` after each place of `what` replaced."""
    out, i = bytearray(data), data.find(what)
    while i >= 0:
        out[i + at:i + at + len(value)] = value
        i = data.find(what, i + 4)
    return bytes(out)


def rar4_block(kind, flags, rest, data=b""):
    return struct.pack("<HBHH", 0, kind, flags, 7 + len(rest)) + rest + data


def rar4_file(name, data, flags=0, size=None):
    rest = struct.pack("<IIBIIBBHI", len(data), len(data) if size is None else size, 2, 0, 0, 29, 0x30, len(name), 0x20) + name
    return rar4_block(0x74, 0x8000 | flags, rest, data)


def rar4(*blocks, flags=0):
    return b"Rar!\x1a\x07\x00" + rar4_block(0x73, flags, bytes(6)) + b"".join(blocks) + rar4_block(0x7b, 0x4000, b"")


def vint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def rar5_block(kind, flags, fields, data=b"", extra=b""):
    head = vint(kind) + vint(flags | (1 if extra else 0) | (2 if data else 0))
    head += (vint(len(extra)) if extra else b"") + (vint(len(data)) if data else b"") + fields + extra
    return bytes(4) + vint(len(head)) + head + data


def rar5_file(name, data, size, extra=b""):
    return rar5_block(2, 0, vint(6) + vint(size) + vint(32) + bytes(8) + vint(0) + vint(1) + vint(len(name)) + name, data, extra)


def rar5(*blocks):
    return b"Rar!\x1a\x07\x01\x00" + rar5_block(1, 0, vint(0)) + b"".join(blocks) + rar5_block(5, 0, vint(0))


def sevenzip(header, packed=b"packed"):
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<IQQI", 0, len(packed), len(header), 0) + packed + header


def sevenzip_number(n):
    return bytes([n]) if n < 128 else bytes([0x80 | n >> 8, n & 255])


def sevenzip_names(*names):
    text = b"".join(n.encode("utf-16le") + b"\0\0" for n in names)
    return b"\x05" + bytes([len(names)]) + b"\x11" + sevenzip_number(len(text) + 1) + b"\0" + text + b"\0\0"


def lying_7z():
    """Lists of names before, around and inside of others."""
    names = sevenzip_names("b.exe")[2:-2]
    around = "a.txt".encode("utf-16le") + b"\0\0A" + names
    nested = ("n" * 5000).encode("utf-16le") + b"\0\0"
    for _ in range(8):
        nested = b"\x11" + sevenzip_number(len(nested) + 1) + b"\0" + nested
    return {
        "two_lists.7z": sevenzip(b"\1\5\1\x19\x57" + sevenzip_names("a-name-that-needs-64-bytes-or-more.txt")[2:-2] + names + b"\0\0"),
        "list_around.7z": sevenzip(b"\1\5\1\x11" + sevenzip_number(len(around) + 1) + b"\0" + around + b"\0\0"),
        "long_number.7z": sevenzip(b"\1\5\1\x11\xff" + struct.pack("<Q", len(names) - 2) + names[2:] + b"\0\0"),
        "no_name.7z": sevenzip(b"\1\5\1\x11\x05\0\0\0\0\0\0\0"),
        "long_header.7z": sevenzip(b"\1\5\1" + names + bytes(17000)),
        "many_lists.7z": sevenzip(b"\1\5\1" + nested + b"\0\0"),
    }


def ole_entry(name, kind):
    text = name.encode("utf-16le") + b"\0\0"
    return text.ljust(64, b"\0") + struct.pack("<HBB", len(text) if name else 0, kind, 1) + bytes(60)


def ole(*names):
    entries = b"".join(ole_entry(n, 5 if n == "Root Entry" else 2) for n in names)
    return (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)) + bytes(512) + entries


def pdf(*objects):
    out = b"%PDF-1.5\n"
    for i, o in enumerate(objects):
        out += b"%d 0 obj\n" % (i + 1) + o + b"\nendobj\n"
    return out + b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


def pdf_stream(head, data, pack=True):
    if pack:
        data, head = zlib.compress(data), head + b" /Filter /FlateDecode"
    return b"<< " + head + b" /Length %d >>\nstream\r\n" % len(data) + data + b"\nendstream"


def tnef(*titles):
    out = struct.pack("<IH", 0x223e9f78, 1) + struct.pack("<BIIIH", 1, 0x00089006, 4, 0x10000, 1)
    for t in titles:
        out += struct.pack("<BII", 2, 0x00018010, len(t) + 1) + t + b"\0" + struct.pack("<H", 0)
    return out


def files():
    exe = b"MZ" + bytes(600)
    inner = zipped([("in.exe", exe), ("deep/two.txt", b"x")])
    docx = [("[Content_Types].xml", "<Types/>"), ("word/document.xml", DOCUMENT), ("word/_rels/document.xml.rels", RELS % "")]
    link = b"<< /Type /Annot /Subtype /Link /A << /S /URI /URI (http://evil.example/\\(a\\)\\057b\\\nc) >> >>"
    page = b"BT /F1 12 Tf 72 700 Td [(Ver)-20(ify your)-300(account)] TJ 0 -14 Td (now \\(ok\\)) Tj ET BT (\001\002\003) Tj ET"
    return lying_zips() | lying_7z() | {
        "plain.zip": zipped([("a.txt", b"hello"), ("dir/", b""), ("dir/b.pdf.exe", exe)]),
        "stream.zip": zipped([("a.txt", b"hello"), ("b.js", b"x" * 900)], stream=True),
        "stored.zip": zipped([("a.txt", b"PK\3\4 no header PK\1\2"), ("b.doc", b"b")], zipfile.ZIP_STORED),
        "encrypted.zip": patched(patched(zipped([("a.exe", exe)]), b"PK\3\4", 6, b"\1"), b"PK\1\2", 8, b"\1"),
        "bomb.zip": zipped([("zero", bytes(3 << 20))]),
        "names.zip": zipped([("a.txt", b"x")]).replace(b"a.txt", b"a.exe", 1),
        "cut.zip": zipped([("a.txt", b"x" * 100), ("b.txt", b"y")])[:150],
        "nested.zip": zipped([("in.zip", inner)]),
        "nested_stored.zip": zipped([("in.zip", inner)], zipfile.ZIP_STORED),
        "empty.zip": zipped([]),
        "link.docx": zipped(docx),
        "template.docm": zipped(docx[:2] + [("word/_rels/settings.xml.rels", RELS % TEMPLATE), ("word/vbaProject.bin", exe),
                                            ("word/embeddings/o1.bin", exe)]),
        "link.odt": zipped([("content.xml", '<text:p>A<text:a xlink:href="http://odf.example/">b</text:a></text:p>')]),
        "page.zip": zipped([("a/Login.HTML", b"<a href=x>" * 3 + b"y"), ("b.txt", b"n"), ("c.svg", b"<svg/>")]),
        "stored_page.zip": zipped([("a.htm", b"<b>" * 3)], zipfile.ZIP_STORED),
        "name.gz": gzip.compress(b"hello" * 50)[:3] + b"\x08" + gzip.compress(b"hello" * 50)[4:10] + b"a.exe\0"
                   + gzip.compress(b"hello" * 50)[10:],
        "plain.gz": gzip.compress(b"hello"),
        "bomb.gz": gzip.compress(bytes(3 << 20)),
        "cut.gz": gzip.compress(b"hello")[:12],
        "plain.rar4": rar4(rar4_file(b"a.exe", b"\x74" * 700), rar4_file(b"u\xe9\0packed", b"", 0x0200)),
        "encrypted.rar4": rar4(rar4_file(b"a.txt", b"xx", 0x0004)),
        "hidden.rar4": rar4(flags=0x0080)[:40],
        "bomb.rar4": rar4(rar4_file(b"a", b"x" * 9, 0, 2 << 20)),
        "cut.rar4": rar4(rar4_file(b"a.txt", b"x" * 100))[:80],
        "plain.rar5": rar5(rar5_file(b"a.exe", b"z" * 700, 700), rar5_file("ü.doc".encode(), b"z", 1)),
        "encrypted.rar5": rar5(rar5_file(b"a.txt", b"z" * 9, 3, vint(2) + vint(7) + vint(0) + vint(3) + vint(1) + b"\0\0")),
        "hidden.rar5": b"Rar!\x1a\x07\x01\x00" + rar5_block(4, 0, vint(0) + vint(0) + vint(15) + bytes(16)) + b"noise" * 9,
        "plain.7z": sevenzip(b"\1\4\6\0\1\x09\6\0" + sevenzip_names("a.exe", "dir/b.txt") + b"\0"),
        "long.7z": sevenzip(b"\1" + sevenzip_names(*[f"file-{i}.txt" for i in range(30)]) + b"\0", bytes(2000)),
        "hidden.7z": sevenzip(b"\x17\6\x10\1\x09\x20\0\7\x0b\1\0\1\x24\6\xf1\7\1\x0a"),
        "cut.7z": sevenzip(b"\1" + sevenzip_names("a.exe"))[:-4],
        "macros.doc": ole("Root Entry", "WordDocument", "Macros", "VBA"),
        "encrypted.xlsx": ole("Root Entry", "EncryptionInfo", "EncryptedPackage"),
        "embedded.doc": ole("Root Entry", "\1Ole10Native"),
        "plain.doc": ole("Root Entry", "WordDocument", "1Table", ""),
        "link.pdf": pdf(link, b"<< /A << /S /URI /URI <687474703A2F2F6865782E6578616D706C652F> >> >>"),
        "objects.pdf": pdf(pdf_stream(b"/Type /ObjStm /N 1 /First 4", b"1 0 << /A << /S/URI/URI(http://obj.example/) >> >>")),
        "page.pdf": pdf(pdf_stream(b"", page), pdf_stream(b"/Subtype /Image", page), pdf_stream(b"/Filter /DCTDecode", page, False)),
        "script.pdf": pdf(b"<< /OpenAction << /S /J#61vaScript /JS (app.alert\\(1\\)) >> >>", b"<< /S /Launch /F (cmd.exe) >>",
                          b"<< /Names << /EmbeddedFiles 4 0 R >> >>"),
        "encrypted.pdf": pdf(b"<< /Length 1 >>").replace(b"/Root", b"/Encrypt 2 0 R /Root"),
        "cut.pdf": pdf(link)[:150],
        "bomb.pdf": pdf(pdf_stream(b"", bytes(8 << 20))),
        "winmail.dat": tnef(b"a.exe", b"b.txt"),
        "cut.dat": tnef(b"a.exe")[:-3],
        "unknown": b"hello PK\3\4 %PD" * 50,
    }


def hostile(n):
    """n: about how many objects, names, paragraphs or kilobytes."""
    rel = '<Relationship Id="r%d" Type="x/hyperlink" Target="http://%x.example/" TargetMode="External"/>'
    noise = random.Random(1).randbytes
    return {
        "links.docx": zipped([("word/_rels/document.xml.rels", "".join(rel % (i, i * 2654435761 % 2**32) for i in range(n)))]),
        "text.docx": zipped([("word/document.xml", "".join(f"<w:p><w:t>w{i * 40503 % 65536}</w:t></w:p>" for i in range(10 * n)))]),
        "zeros.docx": zipped([("word/document.xml", bytes(n << 10))]),
        "names.zip": zipped([(f"n{i}.txt", b"") for i in range(n)], zipfile.ZIP_STORED),
        "nested.zip": zipped([("in.zip", zipped([(f"n{i}.txt", b"") for i in range(n)], zipfile.ZIP_STORED))]),
        "noise.zip": zipped([("a.bin", noise(n << 10))], zipfile.ZIP_STORED),
        "signatures.zip": b"PK\3\4" * (n << 8),
        "wrapped.zip": zip_local(b"w.rels", zip_local(b"x.htm", deflated(bytes(4000))) * (16 * n), 0),
        "empty_pages.zip": zip_local(b"x.htm", b"", 0) * (16 * n),
        "headers.zip": zipped([("x" * 500, b"")])[:530] * (2 * n),
        "page.pdf": pdf(pdf_stream(b"", b"".join(b"(w%d) Tj 0 -1 Td " % (i * 40503 % 65536) for i in range(10 * n)))),
        "streams.pdf": pdf(*[pdf_stream(b"", b"(a) Tj " * 3000) for _ in range(n // 4)]),
        "noise.pdf": b"%PDF-1.4\n" + noise(n << 10),
        "strings.pdf": b"%PDF-1.4\n" + b"/URI(http://a.example/)" * (n << 5),
        "brackets.pdf": b"%PDF-1.4\n" + b"(" * (n << 10),
        "entries.doc": ole(*["VBA"] * (8 * n)),
    }


def main():
    *options, folder = sys.argv[1:]
    made = files()
    if options == ["--hostile"]:
        made = {"10-" + k: v for k, v in hostile(400).items()} | hostile(4000)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
