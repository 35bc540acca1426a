#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""gen_tables.py - writes text_tables.c: charsets, HTML entities, folding. Run by hand when a rule here changes.

Why     The tables come from Python's codecs and unicodedata, so that nobody types them; they are committed, so
        that a build needs no Python data.
Usage   /usr/bin/python3 engine/text/gen_tables.py > engine/text/text_tables.c
"""
import html.entities
import unicodedata

CHARSETS = [
    ("windows-1252", "cp1252", "cp1252 iso-8859-1 iso8859-1 iso_8859-1 latin1 latin-1 l1 x-cp1252 ansi cp819 ibm819"),
    ("iso-8859-2", "iso8859_2", "iso8859-2 latin2 latin-2 l2"),
    ("iso-8859-3", "iso8859_3", "iso8859-3 latin3"),
    ("iso-8859-4", "iso8859_4", "iso8859-4 latin4"),
    ("iso-8859-5", "iso8859_5", "iso8859-5 cyrillic"),
    ("iso-8859-6", "iso8859_6", "iso8859-6 iso-8859-6-i iso-8859-6-e arabic"),
    ("iso-8859-7", "iso8859_7", "iso8859-7 greek"),
    ("iso-8859-8", "iso8859_8", "iso8859-8 iso-8859-8-i iso-8859-8-e hebrew"),
    ("windows-1254", "cp1254", "cp1254 x-cp1254 iso-8859-9 iso8859-9 latin5 l5"),
    ("iso-8859-10", "iso8859_10", "iso8859-10 latin6"),
    ("windows-874", "cp874", "cp874 iso-8859-11 iso8859-11 tis-620 tis620"),
    ("iso-8859-13", "iso8859_13", "iso8859-13"),
    ("iso-8859-14", "iso8859_14", "iso8859-14"),
    ("iso-8859-15", "iso8859_15", "iso8859-15 latin9 latin-9"),
    ("iso-8859-16", "iso8859_16", "iso8859-16"),
    ("windows-1250", "cp1250", "cp1250 x-cp1250"),
    ("windows-1251", "cp1251", "cp1251 x-cp1251"),
    ("windows-1253", "cp1253", "cp1253 x-cp1253"),
    ("windows-1255", "cp1255", "cp1255"),
    ("windows-1256", "cp1256", "cp1256"),
    ("windows-1257", "cp1257", "cp1257"),
    ("windows-1258", "cp1258", "cp1258"),
    ("koi8-r", "koi8_r", "koi8 koi koi8r"),
    ("koi8-u", "koi8_u", "koi8u koi8-ru"),
    ("ibm866", "cp866", "cp866 866"),
    ("ibm437", "cp437", "cp437 437"),
    ("ibm850", "cp850", "cp850 850"),
    ("ibm852", "cp852", "cp852 852"),
    ("macintosh", "mac_roman", "mac x-mac-roman macroman"),
    ("x-mac-cyrillic", "mac_cyrillic", "mac-cyrillic"),
]

# Letters that look Latin. Both cases of a letter fold alike, so that case never matters.
LOOKALIKES = {
    # Cyrillic
    "а": "a", "в": "b", "е": "e", "ё": "e", "з": "3", "к": "k", "м": "m", "н": "h", "о": "o", "р": "p",
    "с": "c", "т": "t", "у": "y", "х": "x", "ь": "b", "ѕ": "s", "і": "i", "ї": "i", "ј": "j", "ѵ": "v", "ѡ": "w", "һ": "h",
    "ԁ": "d", "ԛ": "q", "ԝ": "w", "ү": "y", "ұ": "y", "ӏ": "l", "ғ": "f", "ԍ": "g", "ӕ": "ae", "ө": "o", "ҽ": "e", "ҫ": "c",
    # Greek
    "α": "a", "β": "b", "γ": "y", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "m", "ν": "v", "ο": "o", "ρ": "p", "σ": "o",
    "ς": "c", "τ": "t", "υ": "u", "χ": "x", "ω": "w", "ζ": "z", "ϲ": "c", "ϳ": "j", "ϱ": "p",
    # Armenian
    "ո": "n", "ս": "u", "օ": "o", "հ": "h", "զ": "q", "ց": "g", "յ": "j", "լ": "l", "ք": "p", "գ": "q", "տ": "s", "պ": "w",
    # Latin letters that are not ASCII and do not decompose
    "ı": "i", "ȷ": "j", "ɑ": "a", "ɡ": "g", "ɩ": "i", "ɪ": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ƀ": "b",
    "ɓ": "b", "ƈ": "c", "ɗ": "d", "ɖ": "d", "ƒ": "f", "ɠ": "g", "ɦ": "h", "ɨ": "i", "ƙ": "k", "ɭ": "l", "ɱ": "m", "ɳ": "n",
    "ɲ": "n", "ŋ": "n", "ƥ": "p", "ɋ": "q", "ɍ": "r", "ɾ": "r", "ʂ": "s", "ƭ": "t", "ʈ": "t", "ʋ": "v", "ɯ": "w", "ƴ": "y",
    "ʐ": "z", "ȥ": "z", "ƶ": "z", "ɵ": "o", "ɛ": "e", "ə": "e", "ɐ": "a", "ʌ": "v", "ɔ": "o", "ß": "ss", "æ": "ae", "œ": "oe",
    "ð": "d", "þ": "th", "ʏ": "y", "ɢ": "g", "ʜ": "h", "ʟ": "l", "ɴ": "n", "ʀ": "r", "ʙ": "b", "ꜱ": "s", "ᴀ": "a", "ᴄ": "c",
    "ᴅ": "d", "ᴇ": "e", "ᴊ": "j", "ᴋ": "k", "ᴍ": "m", "ᴏ": "o", "ᴘ": "p", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ᴢ": "z",
    "ꞵ": "b", "ꭺ": "a", "ꮯ": "c", "ꭱ": "r", "ℓ": "l", "℮": "e",
    # Cherokee capitals (fold as they look; their lower case maps here too)
    "Ꭺ": "a", "Ᏼ": "b", "Ꮯ": "c", "Ꭰ": "d", "Ꭼ": "e", "Ꮐ": "g", "Ꮋ": "h", "Ꭵ": "i", "Ꭻ": "j", "Ꮶ": "k", "Ꮮ": "l", "Ꮇ": "m",
    "Ꮲ": "p", "Ꭱ": "r", "Ꮪ": "s", "Ꭲ": "t", "Ꮩ": "v", "Ꮃ": "w", "Ꮍ": "y", "Ꮓ": "z",
    # punctuation
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "′": "'", "″": '"', "‹": "<", "›": ">",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "⁃": "-", "﹣": "-", "․": ".", "。": ".", "｡": ".",
    "⁄": "/", "∕": "/", "⧸": "/", "꞉": ":", "∶": ":", "ː": ":", "‼": "!!", "ǃ": "!", "×": "x", "´": "'", "ʼ": "'", "ʹ": "'",
}
for k in list(LOOKALIKES):
    for other in (k.upper(), k.lower()):
        if len(other) == 1 and ord(other) >= 128:
            LOOKALIKES.setdefault(other, LOOKALIKES[k])

WORD_SIGNS = {0x1F130 + i: chr(97 + i) for i in range(26)}  # squared letters
WORD_SIGNS.update({0x1F150 + i: chr(97 + i) for i in range(26)})
WORD_SIGNS.update({0x1F170 + i: chr(97 + i) for i in range(26)})
WORD_SIGNS.update({0x1F1E6 + i: chr(97 + i) for i in range(26)})  # regional indicators

DROPPED = ([0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0, 0x2800]
           + list(range(0x180B, 0x1810)) + list(range(0x200B, 0x2010)) + list(range(0x202A, 0x202F))
           + list(range(0x2060, 0x2070)) + list(range(0xFE00, 0xFE10)) + list(range(0xFFF9, 0xFFFC))
           + list(range(0x300, 0x370)) + list(range(0x483, 0x48A)) + list(range(0x1AB0, 0x1B00))
           + list(range(0x1DC0, 0x1E00)) + list(range(0x20D0, 0x2100)) + list(range(0xFE20, 0xFE30))
           + list(range(0x80, 0x85)) + list(range(0x86, 0xA0)) + list(range(0x1D173, 0x1D17B)))
SPACES = [0x85, 0xA0, 0x1680] + list(range(0x2000, 0x200B)) + [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]


def fold(cp, depth=0):
    c = chr(cp)
    if cp in DROPPED_SET:
        return ""
    if cp in SPACES:
        return " "
    if cp < 128:
        return c.lower()
    if cp in WORD_SIGNS:
        return WORD_SIGNS[cp]
    if c in LOOKALIKES:
        return LOOKALIKES[c]
    if depth > 6 or 0xAC00 <= cp <= 0xD7A3:
        return c
    s = unicodedata.normalize("NFKD", c)
    if len(s) > 4:  # one sign for a sentence: left alone
        return c
    if s == c:
        s = c.lower()
        if s == c:
            return c
    return "".join(fold(ord(x), depth + 1) for x in s)


DROPPED_SET = set(DROPPED)


def rows(values, fmt, per):
    return "\n".join("\t" + " ".join(fmt % v + "," for v in values[i:i + per]) for i in range(0, len(values), per))


def charsets():
    print("const struct text_charset text_charsets[] = {")
    for name, codec, alias in CHARSETS:
        high = []
        for b in range(128, 256):
            try:
                high.append(ord(bytes([b]).decode(codec)))
            except UnicodeDecodeError:
                high.append(b if codec.startswith("cp125") and b < 160 else 0xFFFD)
        print('\t{ "%s", "%s", {\n%s\n\t} },' % (name, alias, rows(high, "0x%04x", 16)))
    print("};\nconst unsigned text_charsets_cnt = %d;\n" % len(CHARSETS))


def entities():
    names = sorted(html.entities.html5.items())
    print("const struct text_entity text_entities[] = {")
    for k, v in names:
        body = k.rstrip(";")
        if k.endswith(";") and body in html.entities.html5:
            continue  # the form without ';' stands for both
        text = "".join("\\x%02x" % b for b in v.encode())
        print('\t{ "%s", "%s", %s },' % (body, text, "false" if k.endswith(";") else "true"))
    print("};\nconst unsigned text_entities_cnt = ARRAY_LEN(text_entities);\n")


def folding():
    pool, at, index = bytearray(b"\0"), {}, []
    for cp in range(0x20000):
        c = chr(cp)
        s = c if 0xD800 <= cp <= 0xDFFF else fold(cp)
        if s == c:
            index.append(0)
            continue
        b = s.encode()
        assert len(b) < 16
        if b not in at:
            at[b] = len(pool)
            pool += bytes([len(b)]) + b
        index.append(at[b])
    assert len(pool) < 65536
    blocks, stage1 = {}, []
    for i in range(0, len(index), 64):
        b = tuple(index[i:i + 64])
        stage1.append(blocks.setdefault(b, len(blocks)))
    print("const uint8_t text_fold_pool[] = {\n%s\n};\n" % rows(list(pool), "%d", 24))
    print("const uint16_t text_fold_stage1[%d] = {\n%s\n};\n" % (len(stage1), rows(stage1, "%d", 24)))
    flat = [v for b in blocks for v in b]
    print("const uint16_t text_fold_stage2[%d] = {\n%s\n};" % (len(flat), rows(flat, "%d", 24)))


print("""/* SPDX-License-Identifier: BSD-3-Clause
 * text_tables.c - written by gen_tables.py; do not edit
 *
 * Why     Over 500 lines because it is data: nothing in it is read by people.
 */
/* clang-format off */
#include "engine/text/text_tables.h"
""")
charsets()
entities()
folding()
