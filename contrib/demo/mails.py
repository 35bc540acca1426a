# SPDX-License-Identifier: BSD-3-Clause
"""mails.py - the demo's mails, all made here: ham in many shapes and languages, spam, phish, and
mails that must be refused for who they are sent to.

    /usr/bin/python3 contrib/demo/mails.py DIR     writes each as a file

contrib/rules blocks all of the spam and phish here, by what each kind says in general; a change there that lets one or
two of the 80 spam mails through is no fault (they score a little over 5.0, as real ones do).

make() yields (name, kind, sender, recipients, bytes); the same list every time.
Kinds: ham spam phish test unknown foreign denied deferred abandoned
"""
import base64
import os
import quopri
import random
import sys
from email.header import Header

HAM = [
    ("en", "Minutes of Tuesday's meeting", "Hi all,\n\nthanks for coming on Tuesday. We agreed to move the release to the 14th and to let Priya "
     "write the test plan. The open question is who talks to the printer about the new labels.\n\nBest\nAnn"),
    ("en", "Lunch on Thursday?", "Shall we try the new place by the river on Thursday? They have a table at half past twelve. Bring the "
     "drawings if you can, I would like to see the staircase.\n"),
    ("en", "Your order 48213 has been sent", "Thank you for your order. The parcel left our warehouse this morning and should arrive on Friday. "
     "It holds two bicycle lamps and a pump. Nothing is left to pay.\n"),
    ("en", "patch: close the file on error", "The file stays open when the second read fails. The patch below closes it in the same place as the "
     "other two.\n\n--- a/read.c\n+++ b/read.c\n@@ -12,3 +12,4 @@\n \tif (n < 0)\n+\t\tclose(fd);\n \t\treturn -1;\n"),
    ("de", "Protokoll der Sitzung vom Dienstag", "Liebe Kolleginnen und Kollegen,\n\nanbei das Protokoll. Wir haben beschlossen, die Prüfung der "
     "Geräte auf März zu verschieben. Für Rückfragen stehe ich gern zur Verfügung.\n\nMit freundlichen Grüßen\nJürgen Müller"),
    ("de", "Rechnung für Oktober", "Guten Tag,\n\nim Anhang finden Sie unsere Rechnung für Oktober. Bitte überweisen Sie wie gewohnt binnen "
     "vierzehn Tagen auf das bekannte Konto.\n"),
    ("fr", "Réunion reportée à jeudi", "Bonjour à tous,\n\nla réunion est reportée à jeudi, même heure, même salle. Pensez à apporter vos "
     "remarques sur le dernier dessin de la façade.\n\nAmitiés, Hélène"),
    ("es", "Fotos del fin de semana", "¡Hola!\n\nTe mando las fotos de la excursión. El niño todavía habla del burro. ¿Nos vemos en agosto en "
     "casa de la abuela?\n\nUn abrazo, Íñigo"),
    ("pl", "Zaproszenie na urodziny", "Cześć!\n\nZapraszam na moje urodziny w sobotę o szóstej. Będą pierogi i żurek. Źle dojechać nie "
     "sposób, przystanek jest pod domem.\n"),
    ("el", "Το πρόγραμμα της εβδομάδας", "Καλημέρα,\n\nσας στέλνω το πρόγραμμα της εβδομάδας. Την Τετάρτη το μάθημα αρχίζει στις δέκα.\n"),
    ("ru", "Отчёт за неделю", "Добрый день!\n\nВысылаю отчёт за неделю. Станок починили во вторник, на склад всё доставлено вовремя.\n\nС уважением, Олег"),
    ("ja", "来週の打ち合わせについて", "お世話になっております。\n\n来週の打ち合わせは水曜日の午後二時からに変更となりました。資料は前日までにお送りします。\n"),
    ("zh", "关于下周的会议", "各位好：\n\n下周的会议改到星期三下午两点，地点不变。请大家提前看一下附件里的草案。\n"),
    ("ar", "موعد الاجتماع القادم", "مرحبا،\n\nتم تأجيل الاجتماع إلى يوم الخميس في نفس الساعة. يرجى إحضار الملاحظات.\n"),
    ("he", "תוכנית הטיול", "שלום לכולם,\n\nמצורפת תוכנית הטיול לשבת. ניפגש בשמונה ליד התחנה.\n"),
    ("tr", "Gelecek haftanın planı", "Merhaba,\n\ngelecek haftanın planını gönderiyorum. Çarşamba günü ölçüm için şantiyede olacağız.\n"),
]
CHARSETS = {"de": ["utf-8", "iso-8859-1", "windows-1252"], "fr": ["utf-8", "iso-8859-15"], "es": ["utf-8", "iso-8859-1"],
            "pl": ["utf-8", "iso-8859-2"], "el": ["utf-8", "iso-8859-7"], "ru": ["utf-8", "koi8-r", "windows-1251"],
            "ja": ["utf-8", "iso-2022-jp", "shift_jis", "euc-jp"], "zh": ["utf-8", "gb2312", "gb18030"], "ar": ["utf-8", "windows-1256"],
            "he": ["utf-8", "iso-8859-8"], "tr": ["utf-8", "iso-8859-9"], "en": ["us-ascii", "utf-8"]}
SPAM = [
    ("Cheap meds without prescription", "Buy viagra and cialis online without prescription. Lowest prices guaranteed, discreet shipping "
     "worldwide. Order now: {url}", "http://pills-{n}.online-pharmacy.test/buy"),
    ("You have won 1,000,000 EUR", "Congratulations! Your email address has won the international lottery. To claim your prize of "
     "1,000,000 EUR send your full name, bank account and phone number to our claims agent.", ""),
    ("Confidential business proposal", "Dear friend, I am the widow of a late minister and wish to transfer the sum of USD 18,500,000 out of my "
     "country. I need a foreign partner who will keep 30% of the total sum. Please treat this as strictly confidential.", ""),
    ("Casino: 200% welcome bonus", "Play now and get a 200% welcome bonus and 100 free spins. No deposit required! Limited time offer, click here: {url}",
     "http://casino-{n}.win.test/?bonus=200"),
    ("Make money from home", "Make money fast working from home! Earn $5,000 per week, no experience needed, 100% risk free. Act now, this is "
     "not a scam: {url}", "http://earn-{n}.workhome.test/"),
    ("Double your bitcoin today", "Our trading robot doubles your bitcoin in 24 hours, guaranteed profit. Deposit now and withdraw tomorrow. "
     "Join thousands of happy investors: {url}", "http://198.51.100.{m}/btc"),
    ("Replica watches, best price", "Luxury replica watches, best quality rolex replica at 90% off. Free shipping. Visit our online store: {url}",
     "http://replica-{n}.watches.test/shop"),
    ("Instant loan approved", "You are pre-approved for an instant loan without credit check. Bad credit ok. Apply now for a low interest "
     "rate, money in your account within 24 hours: {url}", "http://loans-{n}.credit.test/apply"),
    ("Rank number 1 on search engines", "We guarantee to get your website on the first page of search engines. Buy our SEO package with "
     "10,000 backlinks for only $99. To unsubscribe reply with remove in the subject.", ""),
    ("Lose 30 pounds in 30 days", "Lose weight fast without diet or exercise! Our miracle pill burns fat while you sleep. 100% satisfaction "
     "guaranteed or your money back. Order now: {url}", "http://slim-{n}.miracle.test/"),
]
PHISH = [
    ("Your account has been suspended", "Dear customer, your account has been suspended because of unusual activity. Verify your account "
     "within 24 hours or it will be closed permanently.", "https://www.mybank.example/login", "http://203.0.113.{m}/mybank/login.php"),
    ("Unusual sign-in activity", "We detected unusual sign-in activity on your mailbox. Confirm your identity to keep your password: click "
     "the link below and enter your password.", "https://login.mail.example", "http://login.mail.example.secure-{n}.verify.test/owa"),
    ("Your parcel could not be delivered", "Your parcel is waiting. A small fee of 1.99 must be paid to release your package. Update your "
     "payment details here.", "Track your parcel", "http://post-{n}.parcel-fee.test/pay?id={n}"),
    ("Mailbox full: upgrade your quota", "Your mailbox quota has been exceeded and incoming mail is on hold. Click here to upgrade your "
     "quota and re-validate your mailbox.", "Upgrade quota", "http://3405803782/{n}/webmail"),
    ("Payment on hold", "Your payment is on hold. Please confirm your credit card number and security code to receive the money.",
     "https://pay.example/confirm", "http://pay.example@198.51.100.{m}/confirm"),
    ("Tax refund notification", "You are eligible for a tax refund of 612.40. Submit the refund form with your bank details to receive your "
     "refund.", "Refund form", "http://0x{h}.0x00.0x71.0x05/refund"),
]


def header(sender, to, subject, n, extra=b"", charset="utf-8", weekday=0):
    day = 1 + n % 28
    s = subject if subject.isascii() else Header(subject, charset if charset != "us-ascii" else "utf-8", maxlinelen=70).encode(linesep="\r\n")
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    wd = names[(6 + day - 1) % 7]  # November 2026 begins on a Sunday
    return (f"From: {sender.split('@')[0].title()} <{sender}>\r\nTo: <{to}>\r\nSubject: {s}\r\n"
            f"Date: {wd}, {day:02d} Nov 2026 {8 + n % 10:02d}:{n % 60:02d}:00 +0000\r\n"
            f"Message-ID: <{n:05d}.demo@{sender.split('@')[1]}>\r\nMIME-Version: 1.0\r\n").encode() + extra


def crlf(text):
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def b64(data):
    e = base64.b64encode(data)
    return b"\r\n".join(e[i:i + 76] for i in range(0, len(e), 76)) + b"\r\n"


def qp(data):
    return quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n").rstrip(b"\r\n") + b"\r\n"


def part(body, ctype, charset, enc):
    data = crlf(body).encode(charset, "replace") if isinstance(body, str) else body
    head = f"Content-Type: {ctype}" + (f"; charset={charset}" if charset else "") + f"\r\nContent-Transfer-Encoding: {enc}\r\n\r\n"
    out = {"base64": b64, "quoted-printable": qp}.get(enc, lambda d: d if d.endswith(b"\r\n") else d + b"\r\n")(data)
    return head.encode() + out


def multipart(kind, parts, boundary):
    b = boundary.encode()
    return (f"Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n".encode() +
            b"".join(b"--" + b + b"\r\n" + p for p in parts) + b"--" + b + b"--\r\n")


def html(body, link=None, text=None):
    p = "".join(f"<p>{x}</p>\n" for x in body.replace("&", "&amp;").replace("<", "&lt;").split("\n") if x)
    a = f'<p><a href="{link}">{text or link}</a></p>\n' if link else ""
    return f"<html><head><title>x</title><style>p {{ color: #222 }}</style></head><body>\n{p}{a}</body></html>\n"


def shape(rng, n, body, charset, link=None, text=None):
    """One of the shapes that a body comes in."""
    if charset == "us-ascii" and not body.isascii():
        charset = "utf-8"
    enc = rng.choice(["base64", "quoted-printable"] + (["7bit"] if body.isascii() or charset == "iso-2022-jp" else ["8bit"]))
    b = f"=_demo_{n:05d}"
    page = html(body, link, text)
    kind = rng.randrange(7)
    if link and kind in (0, 5):
        kind = 1
    if kind == 0:
        return part(body, "text/plain", charset, enc)
    if kind == 1:
        return part(page, "text/html", charset, enc)
    alt = multipart("alternative", [part(body, "text/plain", charset, enc), part(page, "text/html", charset, "quoted-printable")], b)
    if kind in (2, 3):
        return alt
    if kind == 4:
        picture = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
        return multipart("related", [alt, b"Content-ID: <dot>\r\n" + part(picture, "image/gif; name=dot.gif", None, "base64")], b + "r")
    if kind == 5:
        inner = header("someone@partner.test", "bob@acme.test", "the mail that I forward", n) + part(body, "text/plain", charset, enc)
        return multipart("mixed", [part("See below.", "text/plain", "us-ascii", "7bit"), b"Content-Type: message/rfc822\r\n\r\n" + inner], b)
    table = ("name;count\n" + "".join(f"row {i};{i * n}\n" for i in range(60))).encode()
    return multipart("mixed", [alt, b"Content-Disposition: attachment; filename*=utf-8''%C3%BCbersicht.csv\r\n" +
                               part(table, "text/csv", "utf-8", "base64")], b + "m")


def fill(text, n):
    return text.format(n=n, m=1 + n % 250, h=f"{203:02x}")


def make():
    """Mails in the order in which they are sent."""
    rng = random.Random(77)
    out = []
    to = ["bob@acme.test", "alice@acme.test", "carol@acme.test", "sales@acme.example", "bob@globex.test", "alice@globex.test", "info@globex.test"]

    def add(kind, sender, rcpts, data):
        out.append((f"{len(out):04d}-{kind}", kind, sender, rcpts, data))

    n = 0
    for _ in range(12):
        for lang, subject, body in HAM:
            n += 1
            charset = rng.choice(CHARSETS[lang])
            sender, rcpt = f"{rng.choice(['ann', 'jo', 'kim', 'lee', 'max'])}@{rng.choice(['sender.test', 'partner.test', 'friends.test'])}", rng.choice(to)
            add("ham", sender, [rcpt], header(sender, rcpt, subject, n, charset=charset) + shape(rng, n, body, charset))
    for _ in range(8):
        for subject, body, url in SPAM:
            n += 1
            sender, rcpt = f"offer{n}@{rng.choice(['promo.test', 'deals.test', 'sender.test'])}", rng.choice(to[:4])
            link = fill(url, n) or None
            add("spam", sender, [rcpt], header(sender, rcpt, subject, n) + shape(rng, n, body.format(url=link or ""), "utf-8", link))
    for _ in range(8):
        for subject, body, text, url in PHISH:
            n += 1
            sender, rcpt = f"service{n}@{rng.choice(['support.test', 'notice.test', 'sender.test'])}", rng.choice(to[:4])
            add("phish", sender, [rcpt], header(sender, rcpt, subject, n) + shape(rng, n, body, "utf-8", fill(url, n), text))
    gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    eicar = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    plain = "Only a short note.\n"
    for i in range(6):
        n += 1
        add("test", "tester@sender.test", [to[i % 5]], header("tester@sender.test", to[i % 5], "the GTUBE line", n) +
            part(plain + gtube + "\n", "text/plain", "us-ascii", rng.choice(["7bit", "base64", "quoted-printable"])))
    for i in range(4):
        n += 1
        body = multipart("mixed", [part(plain, "text/plain", "us-ascii", "7bit"),
                                   b"Content-Disposition: attachment; filename=eicar.com\r\n" +
                                   part(eicar, "application/octet-stream; name=eicar.com", None, "base64")], f"=_eicar_{n}")
        add("test", "tester@sender.test", [to[i]], header("tester@sender.test", to[i], "the EICAR file", n) + body)
    simple = [("unknown", f"nobody{i}@{d}", "ann@sender.test") for i in range(15) for d in ("acme.test", "globex.test")]
    simple += [("foreign", f"bob@elsewhere{i}.test", "ann@sender.test") for i in range(20)]
    simple += [("denied", "bob@acme.test", f"x{i}@spammer.test") for i in range(6)]
    simple += [("deferred", "overquota@acme.test", "ann@sender.test") for i in range(6)]
    simple += [("abandoned", "bob@acme.test", f"leaving{i}@sender.test") for i in range(6)]
    simple += [("ham", "bob@acme.test", "") for i in range(6)]  # bounces
    simple += [("ham", "postmaster@globex.test", "ann@sender.test") for i in range(3)]
    for kind, rcpt, sender in simple:
        n += 1
        add(kind, sender, [rcpt], header(sender or "mailer-daemon@sender.test", rcpt, "a short note", n) +
            part(plain, "text/plain", "us-ascii", "7bit"))
    rng.shuffle(out)
    return out


if __name__ == "__main__":
    where = sys.argv[1]
    os.makedirs(where, exist_ok=True)
    mails = make()
    for name, kind, sender, rcpts, data in mails:
        with open(os.path.join(where, name + ".eml"), "wb") as f:
            f.write(data)
    print(f"{len(mails)} mails in {where}")
