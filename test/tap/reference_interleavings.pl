# Who comes first: a session that refers to a key, one that deletes the key, one
# that makes it again, and the worker that looks for rows that refer to it.  All
# orders of their steps are listed, each is run, and what must be left is known
# beforehand for each: a reference is refused if and only if its key was not
# there, its row goes if and only if somebody looked for rows while the key was
# not there, and in the end no row refers to a deleted key.  No transaction of
# anybody else's, as of an autovacuum, keeps a key from being settled at once.
#
#   SVC_INTERLEAVINGS  how many orders of each kind are run, spread evenly (0: all)
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use SvcTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Open2;
use Time::HiRes qw(sleep time);

my $limit = $ENV{SVC_INTERLEAVINGS} // 40;
my $server = new_server('interleavings', workers => 0, conf => "max_prepared_transactions = 10\nfsync = off\n");
$server->safe_psql('postgres', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
CREATE TABLE product.products (id int PRIMARY KEY);
CREATE TABLE cart.items (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product_id int);
ALTER TABLE product.products OWNER TO product_owner;
ALTER TABLE cart.items OWNER TO cart_owner;
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SQL

# A session that takes a statement and does not wait for its end
my %session;
my $marks = 0;

sub open_session
{
	my ($name) = @_;
	my ($out, $in);
	my $pid = open2($out, $in, 'sh', '-c',
		'exec psql -X -q -A -t -v VERBOSITY=sqlstate -d "$0" 2>&1', $server->connstr('postgres'));
	$in->autoflush(1);
	$session{$name} = { out => $out, in => $in, pid => $pid };
	return;
}

sub begin_step
{
	my ($name, $sql) = @_;
	my $s = $session{$name};
	$s->{mark} = 'mark ' . ++$marks;
	print { $s->{in} } "$sql;\n\\echo $s->{mark}\n";
	return;
}

sub end_step
{
	my ($name) = @_;
	my $s = $session{$name};
	my $text = '';
	while (defined(my $line = readline $s->{out}))
	{
		return $text if $line eq "$s->{mark}\n";
		$text .= $line;
	}
	die "session $name is gone: $text";
}

sub do_step { begin_step(@_); return end_step($_[0]) }

# All orders of steps, of which each session's keep theirs
sub orders
{
	my (%left) = @_;
	my @names = grep { $left{$_} } sort keys %left;
	return ([]) unless @names;
	return map {
		my $first = $_;
		map { [ $first, @$_ ] } orders(%left, $first => $left{$first} - 1)
	} @names;
}

# Steps with a number behind the session's name: c1, c2, ...
sub numbered
{
	my ($order) = @_;
	my %n;
	return map { $_ . ++$n{$_} } @$order;
}

# Where each step stands; the worker's are a list
sub places
{
	my (@steps) = @_;
	my %at;
	$at{ $steps[$_] } = $_ for 0 .. $#steps;
	$at{w} = [ grep { $steps[$_] =~ /^w/ } 0 .. $#steps ];
	return \%at;
}

# To make a key again waits for who is deleting it; so its transaction cannot end before
sub can_happen
{
	my ($at) = @_;
	return !($at->{r1} > $at->{p1} && $at->{r1} < $at->{p2} && $at->{r2} < $at->{p2});
}

# What must be: was the reference refused, and is its row there in the end?
sub expected
{
	my ($at, $check_at, $ends_at) = @_;
	my $again = $at->{r1} > $at->{p1};		# else the key is still there, and 23505
	my $gone_from = $at->{p2};
	my $back_at = $again ? $at->{r2} : 1e9;
	my $refused = $check_at > $gone_from && $check_at < $back_at;
	my ($first, @later) = grep { $_ > $gone_from && $_ < $back_at } @{ $at->{w} };
	# after the first one nobody looks for rows until all have ended who had begun before it
	@later = () if defined $first && $at->{r1} < $first;
	my $lost = !$again || grep { defined && $_ > $ends_at } $first, @later;
	return { refused => $refused ? 1 : 0, there => $refused || $lost ? 0 : 1, key => $again ? 1 : 0 };
}

my %statements = (
	p1 => 'BEGIN; DELETE FROM product.products WHERE id = 1',
	p2 => 'COMMIT',
	r1 => 'BEGIN; INSERT INTO product.products VALUES (1)',
	r2 => 'COMMIT',
	w1 => 'CALL svc.run_pending()',
	w2 => 'CALL svc.run_pending()',
);
my $insert = 'BEGIN; INSERT INTO cart.items (product_id) VALUES (1)';

# How the referring transaction goes: its steps, and which of them checks and ends
my %kinds = (
	statement => { c => [ $insert, 'COMMIT' ], checks => 'c1', ends => 'c2' },
	commit => { c => [ $insert, 'COMMIT' ], checks => 'c2', ends => 'c2' },
	savepoint => { c => [ $insert =~ s/;/; SAVEPOINT s;/r, 'RELEASE s; COMMIT' ], checks => 'c1', ends => 'c2' },
	prepared => { c => [ $insert, "PREPARE TRANSACTION 'c'", "COMMIT PREPARED 'c'" ], checks => 'c1', ends => 'c3' },
);

# One order from the beginning to the end; returns what was
sub run_order
{
	my ($kind, $at, @steps) = @_;
	my ($blocked, $refused, $text) = ('', 0, '');

	do_step('x', 'DELETE FROM cart.items; DELETE FROM product.products; INSERT INTO product.products VALUES (1);'
		  . ' SET client_min_messages = error');
	do_step('x', 'CALL svc.run_pending()');
	foreach my $step (@steps)
	{
		my ($name, $n) = $step =~ /^(.)(.)$/;
		my $sql = $name eq 'c' ? $kinds{$kind}{c}[ $n - 1 ] : $statements{$step};

		if ($step eq 'r1' && $at->{p1} < $at->{r1} && $at->{r1} < $at->{p2})
		{
			begin_step($name, $sql);
			$blocked = $name;
			next;
		}
		$text = do_step($name, $sql);
		$refused = 1 if $name eq 'c' && $text =~ /23503/;
		if ($step eq 'p2' && $blocked)
		{
			end_step($blocked);
			$blocked = '';
		}
	}
	# a transaction that failed is still open
	do_step($_, 'ROLLBACK') for qw(c r p);
	do_step('x', 'CALL svc.run_pending()');
	my ($there, $key, $left) = split /\|/,
	  do_step('x', "SELECT (SELECT count(*) FROM cart.items), (SELECT count(*) FROM product.products),"
		  . " (SELECT count(*) FROM svc.tombstones() WHERE state <> 'settled')");
	chomp $left;
	return ({ refused => $refused, there => $there, key => $key }, $left);
}

sub run_kind
{
	my ($kind, $mode, $workers) = @_;
	my @steps_of_c = @{ $kinds{$kind}{c} };
	my @orders = map { [ numbered($_) ] } orders(c => scalar @steps_of_c, p => 2, r => 2, w => $workers);
	my $all = @orders;
	my @wrong;
	my ($run, $began) = (0, time);

	@orders = grep { can_happen(places(@$_)) } @orders;
	my $possible = @orders;
	if ($limit && $limit < @orders)
	{
		my $step = @orders / $limit;
		@orders = map { $orders[ int($_ * $step) ] } 0 .. $limit - 1;
	}
	$server->safe_psql('postgres', "SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products',"
		  . " mode => '$mode', on_delete => 'delete')");
	foreach my $steps (@orders)
	{
		my $at = places(@$steps);
		my $want = expected($at, $at->{ $kinds{$kind}{checks} }, $at->{ $kinds{$kind}{ends} });
		my ($got, $left) = run_order($kind, $at, @$steps);

		$run++;
		push @wrong, "@$steps: " . join(' ', map { "$_ $got->{$_} (must be $want->{$_})" } sort keys %$want)
		  . ", $left not settled"
		  if $left || grep { $got->{$_} != $want->{$_} } keys %$want;
	}
	is_deeply(\@wrong, [],
		sprintf('%s: %d of %d orders (%d more cannot happen) end as they must', $kind, $run, $possible, $all - $possible));
	diag sprintf('%s: %d orders in %.1f s', $kind, $run, time - $began);
	$server->safe_psql('postgres', "SELECT svc.drop_reference('items_product_id_ref')");
	return;
}

open_session($_) foreach qw(c p r w x);
run_kind('statement', 'statement', 1);
run_kind('commit', 'commit', 1);
run_kind('savepoint', 'statement', 1);
run_kind('prepared', 'statement', 1);
run_kind('statement', 'statement', 2) if !$limit || $limit > 630;

foreach my $s (values %session)
{
	close $s->{in};
	waitpid $s->{pid}, 0;
}
$server->stop;
done_testing();
