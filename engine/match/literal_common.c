/* SPDX-License-Identifier: BSD-3-Clause
 * literal_common.c - text that ordinary mail is full of: fields, HTML, links and words
 *
 * Why     By its letters "received:" is rarer than any word, and stands in every mail. A literal that this text contains is taken
 *         only when an expression has no better one.
 * Text    What most mails of lists, firms and people share; it holds nobody's words.
 */
#include "engine/match/literal.h"

/* clang-format off */
static const char *const common[] = {
	"\nreturn-path: <\nreceived: from mail.\nreceived: by mx.\nreceived: (qmail ",
	"(envelope-from <\n by mx. with smtp id esmtp id esmtps (version=tlsv1 cipher= bits=256/256 verify=no) for <",
	"(postfix, from userid \n-0700 (pdt)\n-0800 (pst)\n-0400 (edt)\n-0500 (est)\n +0000 (utc)\n +0100 (cet)\n+0200\n+0000 (gmt)",
	"mon, tue, wed, thu, fri, sat, sun, jan feb mar apr may jun jul aug sep oct nov dec 2002 2003 2004 2005 2006 2007 2008",
	"\nmessage-id: <\ndate: \nfrom: \nto: \ncc: \nsubject: re: \nsubject: fwd: \nsubject: [\nreply-to: \nsender: ",
	"\nmime-version: 1.0\n\ncontent-type: text/plain; charset=\"us-ascii\"\n\ncontent-type: text/plain; charset=us-ascii",
	"\ncontent-type: text/plain; charset=\"iso-8859-1\"; format=flowed\ncharset=iso-8859-1\ncharset=utf-8\ncharset=\"utf-8\"",
	"\ncontent-type: text/html; charset=\ncontent-type: multipart/mixed; boundary=\"\nmultipart/alternative;\nmultipart/signed",
	"\ncontent-transfer-encoding: 7bit\ncontent-transfer-encoding: 8bit\nencoding: quoted-printable\nencoding: base64",
	"\ncontent-disposition: inline\ncontent-disposition: attachment; filename=\"\nname=\"image.jpg\" .gif .png",
	"\nin-reply-to: <\nreferences: <\nuser-agent: mozilla/5.0 (windows; (x11; linux \nx-mailer: microsoft outlook express 6.00",
	"\ndelivered-to: \nx-original-to: \nerrors-to: \nprecedence: bulk\nprecedence: list\nx-beenthere: \nx-mailman-version: ",
	"\nlist-id: <\nlist-unsubscribe: <mailto:\nlist-unsubscribe: <http://\nlist-archive: \nlist-post: \nlist-help: \nlist-subscribe: ",
	"?subject=unsubscribe>\n?subject=subscribe>\n?subject=help>\nx-priority: 3\nx-msmail-priority: normal\nimportance: normal",
	"\ndkim-signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=\n h=from:to:subject: bh= b=\nauthentication-results: spf=pass",
	"\nreceived-spf: pass\nx-spam-status: no, \nx-spam-level: \nx-spam-checker-version: spamassassin \nx-originating-ip: \nx-virus-scanned: ",
	"\nx-mimeole: produced by microsoft mimeole v6.00.\nthread-index: \nstatus: ro\nx-received: \narc-seal: \narc-message-signature: ",
	"<!doctype html public \"-//w3c//dtd html 4.0 transitional//en\"\n\"http://www.w3.org/tr/xhtml1/dtd/xhtml1-transitional.dtd\">",
	"<html xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta http-equiv=\"content-type\" content=\"text/html; charset=",
	"<title></title>\n<style type=\"text/css\">\n</style>\n</head>\n<body bgcolor=\"#ffffff\">\n<body>\n</body>\n</html>\n<html>\n<head>",
	"<table width=\"100%\" border=\"0\" cellspacing=\"0\" cellpadding=\"0\" align=\"center\">\n<tr>\n<td align=\"left\" valign=\"top\">\n</td>\n</tr>\n</table>",
	" style=\"font-family:arial, helvetica, sans-serif; font-size:12px; color:#000000; text-decoration:none; padding:0; margin:0px;\"",
	" style=\"font-family: verdana; font-size: 12px; color: #333333; background-color: #ffffff; width: 100%; border: 0; display: block; line-height: 1\"",
	"<a href=\"http://www.\n<a href=\"https://www.\n<a href='http://\n\" target=\"_blank\">\n<img src=\"http://\n\" alt=\"\" width=\"1\" height=\"1\" border=\"0\">\n",
	"<p>\n<br>\n<br />\n<br/>\n<b>\n</b>\n<div>\n</div>\n<div align=\"center\">\n<span style=\"\n</span>\n<strong>\n<font face=\"arial\" size=\"2\" color=\"#\n</font>\n</p>\n</a>\n&nbsp;\n<p class=\"\n<td width=\"\n<hr>\n<center>\n<li>\n<ul>",
	"http://www.\nhttps://www.\nmailto:\n.com/\n.org/\n.net/\n.html\n.htm\n.php?\nindex.\n/images/\n/mailman/listinfo/\nhttp://lists.\n.com\n?id=\n&amp;\n=3d\"http://",
	"\nsubscribe\nunsubscribe\nmailing list\nmessage\nmessages\nemail address\ne-mail\nclick here\nplease\ncontact\naddress\nnumber\naccount\n",
	"\nwould\ncould\nshould\nabout\nthere\ntheir\nwhich\nother\nthese\nthose\nthink\nknow\nmake\nlike\njust\ntime\nwork\npeople\nfirst\nafter\nbefore\nbecause\nanother\n",
	"\nthanks\nthank you\nregards\nhello\ndear\nsincerely\nwrote:\noriginal message\nforwarded\nattached\nattachment\nsigned\nsignature\nversion\nprivacy\npolicy\n",
	"\ninformation\ncompany\nbusiness\nservice\nservices\nproduct\nproducts\nmarket\nmoney\nonline\nonly\nfree\norder\nprice\noffer\nreport\nreceive\nreceived\nwebsite\ninternet\nsoftware\nsystem\n",
	"\ntoday\nmonth\nweek\nyear\nyears\nhours\nnothing\nsomething\nanything\neverything\nsomeone\ncustomer\nmember\nupdate\nreply\nagain\ngroup\nstate\nunited states\nworld\n",
	"\npossible\nproblem\nquestion\nquestions\nneeded\nanswer\ncurrent\ndifferent\navailable\nincluding\nwithout\nprivate\npersonal\ninterest\nsecurity\nnational\nright\npart of\ncopyright\nall rights reserved\n",
};
/* clang-format on */

bool
literal_is_common(const struct literal *l)
{
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (memmem(common[i], strlen(common[i]), l->text, l->len))
			return true;
	return false;
}
