#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
# sa_hits.pl - which rules of SpamAssassin hit each mail, sub-rules too, how often: a line a mail as rule_dump prints it
# Usage: sa_hits.pl RULEDIR < LIST       (as `spamassassin -L`: no network, no user preferences, no Bayes)
use strict;
use warnings;
use Mail::SpamAssassin;

my $dir = shift or die "usage: sa_hits.pl RULEDIR < LIST\n";
my $sa = Mail::SpamAssassin->new({
	rules_filename      => $dir,
	site_rules_filename => "/etc/spamassassin",
	userprefs_filename  => "/dev/null",
	dont_copy_prefs     => 1,
	local_tests_only    => 1,
	require_rules       => 1,
	debug               => 0,
	post_config_text    => "use_bayes 0\nuse_auto_welcomelist 0\nrewrite_header Subject\nbody_part_scan_size 0\nrawbody_part_scan_size 0\n",
});
$sa->init(1);
$| = 1;
while (my $path = <STDIN>) {
	chomp $path;
	open(my $f, '<', $path) or die "$path: $!\n";
	binmode $f;
	my @lines = <$f>;
	close $f;
	my $mail = $sa->parse(\@lines, 1);
	my $status = $sa->check($mail);
	my $h = $status->{tests_already_hit};
	print join(' ', $path, map { "$_=" . (0 + $h->{$_}) } grep { $h->{$_} } sort keys %$h), "\n";
	$status->finish;
	$mail->finish;
}
