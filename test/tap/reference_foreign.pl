# References into contracts elsewhere, and everything that can go wrong on the
# way there.  A proxy of our own stands between the two servers: it cuts the
# answers at random bytes, holds them back, or lets them drip.  Whatever happens,
# a key that could not be asked is unknown, never missing and never valid, a
# statement waits no longer than its budget, and afterwards all is asked again.
#
# REFERENCE_CUTS: how many connections are cut (100); REFERENCE_SEED: where.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use POSIX ();
use Test::More;
use Time::HiRes qw(time usleep);

my $cuts = $ENV{REFERENCE_CUTS} // 100;
my $seed = $ENV{REFERENCE_SEED} // int(rand(1_000_000));
srand($seed);
note("$cuts cuts, seed $seed");

my $tempdir = PostgreSQL::Test::Utils::tempdir;
my $near = new_server('near', conf => "max_worker_processes = 16\n");
my $far = new_server('far', tcp => 1, workers => 0);

# ---- the proxy ----

# What it does with a connection stands in a file, read when something comes from
# the server: "pass", "cut N" (after N more bytes of all connections), "stall", or
# "drip" (a byte in 20 ms)
my $mode_file = "$tempdir/mode";

sub proxy_mode
{
	my ($mode) = @_;

	PostgreSQL::Test::Utils::append_to_file("$mode_file.new", "$mode\n");
	rename("$mode_file.new", $mode_file) or die "$mode_file: $!";
	return;
}

# Pass on what one side sends; false: the connection is to be closed
sub pass_on
{
	my ($from, $to, $answers, $left) = @_;
	my $n = sysread($from, my $data, 65536);
	my ($mode, $count) = ('pass', 0);

	return 0 unless $n;
	($mode, $count) = split ' ', slurp_file($mode_file) if $answers;
	while ($mode eq 'stall')
	{
		usleep(20_000);
		($mode, $count) = split ' ', slurp_file($mode_file);
	}
	if ($mode eq 'cut')
	{
		$$left = $count if $$left < 0;
		$data = substr($data, 0, $$left);
		$$left -= length $data;
	}
	for my $piece ($mode eq 'drip' ? split(//, $data) : ($data))
	{
		syswrite($to, $piece) or return 0 if length $piece;
		usleep(20_000) if $mode eq 'drip';
	}
	return $mode ne 'cut' || $$left > 0;
}

# One connection, until either side closes it
sub serve
{
	my ($client, $port) = @_;
	my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return;
	my $select = IO::Select->new($client, $server);
	my $left = -1;

	while (my @ready = $select->can_read)
	{
		for my $from (@ready)
		{
			my $answers = $from == $server;

			return unless pass_on($from, $answers ? $client : $server, $answers, \$left);
		}
	}
	return;
}

# A process of its own for the proxy, and one for each connection
sub start_proxy
{
	my ($port) = @_;
	my $listener = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "proxy: $!";
	my $pid = fork() // die "fork: $!";

	return ($listener->sockport, $pid) if $pid;
	$SIG{CHLD} = 'IGNORE';
	$SIG{PIPE} = 'IGNORE';
	while (1)
	{
		my $client = $listener->accept or next;
		my $child = fork() // next;

		next if $child;
		serve($client, $port);
		POSIX::_exit(0);
	}
	POSIX::_exit(0);
}

proxy_mode('pass');
my ($proxy_port, $proxy) = start_proxy($far->port);
END { kill 'KILL', $proxy if $proxy; }

# ---- two services on two servers ----

$far->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
$far->safe_psql('postgres', q(SELECT svc.create_service('product', database => 'product_db', login => 'product_user', password => 'secret', login_level => 'owner')));
$far->safe_psql('product_db', <<'SQL');
SET ROLE product_owner;
CREATE TABLE products (id int PRIMARY KEY, name text);
INSERT INTO products SELECT i, 'thing' FROM generate_series(1, 100000) i;
SELECT svc.publish('product', 'products', 'products'), svc.grant_contract('product', 'cart');
SQL
$near->safe_psql('postgres', 'CREATE DATABASE cart_db');
$near->safe_psql('cart_db', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('cart', schema => 'cart');
SELECT svc.connect('product', database => 'product_db', host => '127.0.0.1', port => $proxy_port, username => 'product_user', password => 'secret', sslmode => 'disable');
SET ROLE cart_owner;
SET search_path = cart;
CREATE TABLE items (product_id int, q int);
CREATE TABLE strict (product_id int);
CREATE TABLE late (product_id int);
CREATE TABLE later (product_id int);
SELECT svc.create_reference('items', 'product_id', 'product', 'products', mode => 'statement', cache_ttl => '0');
SELECT svc.create_reference('strict', 'product_id', 'product', 'products', mode => 'statement', on_unavailable => 'reject', cache_ttl => '0');
SELECT svc.create_reference('late', 'product_id', 'product', 'products', mode => 'commit');
SELECT svc.create_reference('later', 'product_id', 'product', 'products');
SQL

# The SQLSTATE of a statement, '' if it succeeded, and how long it took
sub tries
{
	my ($statement) = @_;
	my $since = time;
	my ($out, $err) = ('', '');

	$near->psql('cart_db', "\\set VERBOSITY sqlstate\nSET ROLE cart_owner; SET search_path = cart;\n$statement", stdout => \$out, stderr => \$err);
	return ($err =~ /ERROR:\s+(\w{5})/ ? $1 : '', time - $since);
}

# The states of keys, asked now
sub states
{
	my (@keys) = @_;

	return $near->safe_psql('cart_db', 'SELECT string_agg(state, \' \' ORDER BY key::int) FROM svc.prevalidate(\'items_product_id_ref\', \'{' . join(',', @keys) . '}\'::int[])');
}

# Wait until the breaker lets questions through again, and they are answered
sub wait_until_answered
{
	$near->poll_query_until('cart_db', q(SELECT every(state = 'valid') FROM svc.prevalidate('items_product_id_ref', '{1,2}'::int[])))
	  or die 'no answer any more';
	return;
}

# ---- a contract that answers ----

$near->safe_psql('cart_db', q(ALTER DATABASE cart_db SET svc_ownership.reference_budget = '10s'));
is((tries('INSERT INTO items VALUES (1), (2), (NULL)'))[0], '', 'keys that are there');
is((tries('INSERT INTO items VALUES (1), (-1)'))[0], '23503', 'a key that is not');
is((tries('INSERT INTO strict VALUES (-1)'))[0], '23503', 'the same where the contract must answer');
is((tries('BEGIN; INSERT INTO late VALUES (1), (-1); COMMIT'))[0], '23503', 'at commit');
is((tries('INSERT INTO late VALUES (1), (2)'))[0], '', 'valid keys at commit');
is((tries('UPDATE items SET product_id = -5 WHERE product_id = 1'))[0], '23503', 'an update');
is(states(-1, 1, 100000, 100001), 'missing valid valid missing', 'states of keys');
rows($near, 'cart_db', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'svc_ownership checker' AND datname = 'cart_db'), '1', 'one checker for one server');
is((tries('INSERT INTO items SELECT i FROM generate_series(1, 30000) i'))[0], '', 'many keys');
is((tries('INSERT INTO items SELECT i FROM generate_series(99000, 100001) i'))[0], '23503', 'many keys, one of them missing');

# What is committed there is seen at once, also in a transaction that began before
is((tries(q(BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM items; INSERT INTO items VALUES (-2)))) [0], '23503', 'not there yet');
my $session = $near->background_psql('cart_db', on_error_stop => 0);
$session->query_safe('SET ROLE cart_owner; BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO cart.items VALUES (1)');
$far->safe_psql('product_db', q(INSERT INTO products VALUES (-2, 'new')));
$session->query_safe('INSERT INTO cart.items VALUES (-2); COMMIT');
pass('a parent that was committed elsewhere meanwhile');
$session->quit;

# ---- cuts ----

my %seen;
my $wrong = 0;
for my $cut (1 .. $cuts)
{
	my $bytes = int(rand(3) < 1 ? rand(60) : rand(2000));
	my @keys = map { int(rand(200_000)) - 50_000 } 1 .. 50;
	my %state;

	proxy_mode("cut $bytes");
	@keys = grep { $_ != -2 } @keys;
	for (split /\n/, $near->safe_psql('cart_db', 'SELECT key, state FROM svc.prevalidate(\'items_product_id_ref\', \'{' . join(',', @keys) . '}\'::int[])'))
	{
		my ($key, $state) = split /\|/;
		my $truth = $key >= 1 && $key <= 100_000 ? 'valid' : 'missing';

		$seen{$state}++;
		next if $state eq 'unknown' || $state eq $truth;
		diag("cut $cut after $bytes bytes: key $key is said to be $state (seed $seed)");
		$wrong++;
	}
	proxy_mode('pass');
	# so that the next cut is felt, too, and not kept away by an open breaker
	wait_until_answered();
}
is($wrong, 0, "$cuts cuts: unknown, never missing and never a wrong valid (seed $seed; " . join(', ', map { "$seen{$_} $_" } sort keys %seen) . ')');
ok($seen{unknown}, 'cuts were felt');
wait_until_answered();

# ---- a server that hangs, answers slowly, or is down ----

$near->safe_psql('cart_db', q(ALTER DATABASE cart_db SET svc_ownership.reference_budget = '300ms'));

# Statements under a mode of the proxy
sub unavailable
{
	my ($name) = @_;
	my ($state, $seconds) = tries('INSERT INTO strict VALUES (3)');

	is($state, 'SV001', "$name: refused where it must answer");
	cmp_ok($seconds, '<', 8, "$name: within the budget");
	($state, $seconds) = tries('INSERT INTO items VALUES (7), (-7)');
	is($state, '', "$name: accepted where it need not");
	cmp_ok($seconds, '<', 8, "$name: within the budget, too");
	is((tries('INSERT INTO late VALUES (8000)'))[0], '', "$name: accepted at commit");
	is(states(1), 'unknown', "$name: unknown");
	for (1 .. 4)
	{
		tries('INSERT INTO items VALUES (9)');
	}
	($state, $seconds) = tries('INSERT INTO strict VALUES (3)');
	is($state, 'SV001', "$name: the breaker is open");
	return;
}

proxy_mode('stall');
unavailable('a server that hangs');
proxy_mode('pass');
wait_until_answered();
proxy_mode('drip');
unavailable('a server that answers slowly');
proxy_mode('pass');
wait_until_answered();
$far->stop('immediate');
unavailable('a server that is down');
$far->start;
wait_until_answered();
pass('and up again');

# The server's processes stand still, as on a machine that swaps
my $postmaster = (split /\n/, slurp_file($far->data_dir . '/postmaster.pid'))[0];
my @stopped = ($postmaster, split /\n/, $far->safe_psql('product_db', 'SELECT pid FROM pg_stat_activity'));
kill 'STOP', @stopped;
unavailable('a server that stands still');
kill 'CONT', @stopped;
wait_until_answered();

# ---- what was accepted is checked later: 7 and -7 are unknown now ----

# Nothing remains unknown, and -7 is a violation
sub settled
{
	my ($name, $violations) = @_;

	$near->poll_query_until('cart_db', q(SELECT sum(pending) = 0 FROM svc.reference_status)) or diag($near->safe_psql('cart_db', 'SELECT * FROM svc.reference_status; SELECT * FROM svc.reference_parked'));
	rows($near, 'cart_db', q(SELECT DISTINCT reference, key FROM svc.reference_violations WHERE state = 'open' ORDER BY 1, 2), $violations, $name);
	return;
}
settled('what was accepted unseen is checked when the server answers', 'items_product_id_ref|-7');

# ---- the contract itself changes ----

# What somebody does to the contract there, what a statement gets, and back again
sub changed
{
	my ($name, $do, $undo) = @_;

	# the extension would not let anybody do that
	$far->safe_psql('product_db', "SET svc_ownership.restoring = on; $do");
	is((tries('INSERT INTO strict VALUES (3)'))[0], 'SV001', "$name: unavailable");
	is(states(1, -1), 'unknown unknown', "$name: unknown, not missing");
	is((tries('INSERT INTO items VALUES (11)'))[0], '', "$name: accepted where it need not answer");
	$far->safe_psql('product_db', "SET svc_ownership.restoring = on; $undo");
	wait_until_answered();
	return;
}
changed('a contract that is gone', 'ALTER VIEW product_api.products RENAME TO gone', 'ALTER VIEW product_api.gone RENAME TO products');
changed('a key that has another name', 'ALTER VIEW product_api.products RENAME COLUMN id TO nr', 'ALTER VIEW product_api.products RENAME COLUMN nr TO id');
changed('no right to read it', 'REVOKE SELECT ON product_api.products FROM product_for_cart', 'GRANT SELECT ON product_api.products TO product_for_cart');
changed('no right to log in', 'ALTER ROLE product_for_cart NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = \'product_for_cart\'',
	'ALTER ROLE product_for_cart LOGIN');

# No right to read the contract here
$near->safe_psql('cart_db', 'REVOKE SELECT ON product_api.products FROM cart_reader, cart_owner, cart_writer');
is(states(1, -1), 'unknown unknown', 'no right to read it here');
$near->safe_psql('cart_db', 'GRANT SELECT ON product_api.products TO cart_owner, cart_reader');
wait_until_answered();

# ---- what is remembered ----

# What is to be answered has time; what is not, has not
$near->safe_psql('cart_db', q(ALTER DATABASE cart_db SET svc_ownership.reference_budget = '10s'));
$near->safe_psql('cart_db', q(SELECT svc.alter_reference('items_product_id_ref', cache_ttl => '1 hour')));
is((tries('INSERT INTO items VALUES (21), (22)'))[0], '', 'asked, and remembered');
proxy_mode('stall');
is(states(21, 22), 'valid valid', 'known though nobody answers');
{
	local $ENV{PGOPTIONS} = '-c svc_ownership.reference_budget=300ms';
	is(states(23), 'unknown', 'what was not asked is not');
}
proxy_mode('pass');
wait_until_answered();
is(states(-21), 'missing', 'missing');
$far->safe_psql('product_db', q(INSERT INTO products VALUES (-21, 'new')));
is((tries('INSERT INTO items VALUES (-21)'))[0], '', 'a key that was missing a moment ago is asked for again before it is refused');
$near->safe_psql('cart_db', q(ALTER SERVER product OPTIONS (SET port '1')));
is(states(21), 'unknown', 'what another address said counts no more');
$near->safe_psql('cart_db', qq(ALTER SERVER product OPTIONS (SET port '$proxy_port')));
wait_until_answered();

# Not what a validator said: the contract says another thing of the same keys
$near->safe_psql('cart_db', <<'SQL');
SET ROLE cart_owner;
SET search_path = cart;
CREATE TABLE judged (product_id int);
CREATE FUNCTION positive(ids int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT i FROM unnest(ids) i WHERE i > 0';
SELECT svc.create_reference('judged', 'product_id', 'product', 'products', mode => 'statement', validator => 'positive(int[])');
SQL
is((tries('INSERT INTO late VALUES (51)'))[0], '', 'the contract has a key');
is((tries('INSERT INTO judged VALUES (51)'))[0], '23503', 'and a validator refuses it');
is((tries('INSERT INTO judged VALUES (-51)'))[0], '', 'a validator accepts a key');
is((tries('INSERT INTO late VALUES (-51)'))[0], '23503', 'and the contract does not have it');
$near->safe_psql('cart_db', 'DROP TABLE cart.judged');

# ---- whose rights comparisons have ----

# A type of one server, whose comparisons say who runs them
$far->safe_psql('product_db', 'SET ROLE product_owner; CREATE TABLE tags (id int PRIMARY KEY); INSERT INTO tags SELECT generate_series(1, 20)');
$near->safe_psql('cart_db', <<"SQL");
CREATE FOREIGN DATA WRAPPER tag_wrapper HANDLER postgres_fdw_handler;
CREATE SERVER tag_server FOREIGN DATA WRAPPER tag_wrapper OPTIONS (host '127.0.0.1', port '$proxy_port', dbname 'product_db', sslmode 'disable');
CREATE USER MAPPING FOR cart_link SERVER tag_server OPTIONS (user 'product_user', password 'secret');
SQL
$near->safe_psql('cart_db', <<'SQL');
SET client_min_messages = warning;
CREATE TYPE tag;
CREATE FUNCTION tag_in(cstring) RETURNS tag LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION tag_out(tag) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE tag (INPUT = tag_in, OUTPUT = tag_out, LIKE = int4);
CREATE TABLE seen (who name);
GRANT INSERT ON seen TO PUBLIC;
CREATE FUNCTION tag_lt(tag, tag) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION tag_cmp(tag, tag) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION tag_eq(tag, tag) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (current_user); RETURN $1::text = $2::text; END';
CREATE FUNCTION tag_hash(tag) RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (current_user); RETURN hashint4($1::text::int); END';
CREATE FUNCTION tag_hash_extended(tag, bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (current_user); RETURN hashint4extended($1::text::int, $2); END';
CREATE OPERATOR = (LEFTARG = tag, RIGHTARG = tag, FUNCTION = tag_eq, COMMUTATOR = =, HASHES);
CREATE OPERATOR < (LEFTARG = tag, RIGHTARG = tag, FUNCTION = tag_lt);
CREATE OPERATOR CLASS tag_ops DEFAULT FOR TYPE tag USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 tag_cmp(tag, tag);
CREATE OPERATOR CLASS tag_hash_ops DEFAULT FOR TYPE tag USING hash AS OPERATOR 1 =, FUNCTION 1 tag_hash(tag), FUNCTION 2 tag_hash_extended(tag, bigint);
CREATE SCHEMA tag_import;
CREATE FOREIGN TABLE tag_import.tags (id tag) SERVER tag_server OPTIONS (schema_name 'public');
SELECT svc.connect('tag', server => 'tag_server', consumer => 'cart');
CREATE TABLE cart.tagged (a tag, b tag);
ALTER TABLE cart.tagged OWNER TO cart_owner;
SELECT svc.create_reference('cart.tagged', 'a', 'tag', 'tags', mode => 'statement', name => 'tagged_a'),
       svc.create_reference('cart.tagged', 'b', 'tag', 'tags', mode => 'async', name => 'tagged_b');
SQL
$near->safe_psql('cart_db', q(INSERT INTO cart.tagged SELECT i::text::tag, (20 + i)::text::tag FROM generate_series(1, 20) i));
$near->safe_psql('cart_db', q(INSERT INTO cart.tagged VALUES ('1'), ('2')));
$near->poll_query_until('cart_db', q(SELECT count(*) = 20 FROM svc.reference_violations WHERE reference = 'tagged_b' AND state = 'open')) or die;
$near->safe_psql('cart_db', q(CALL svc.check_references('tagged_b')));
rows($near, 'cart_db', 'SELECT DISTINCT who FROM seen', 'cart_owner', 'no comparison of keys runs as anybody else, in sessions, checkers, workers and sweeps');
$near->safe_psql('cart_db', 'DROP TABLE cart.tagged');

# ---- who asks ----

# Its checker is killed, or told to end, while a statement waits for it
$near->safe_psql('cart_db', q(ALTER DATABASE cart_db SET svc_ownership.reference_budget = '60s'));
proxy_mode('stall');
my $waiting = $near->background_psql('cart_db', on_error_stop => 0);
$waiting->query_until(qr/waits/, "SET ROLE cart_owner;\n\\echo waits\nINSERT INTO cart.items VALUES (31);\n\\echo done\n");
$near->poll_query_until('cart_db', q(SELECT count(*) = 1 AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'svc_ownership checker' AND xact_start IS NOT NULL)
  FROM pg_stat_activity WHERE query LIKE 'INSERT INTO cart.items%' AND wait_event_type = 'Extension')) or die 'nobody asks';
my $since = time;
$near->safe_psql('cart_db', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'svc_ownership checker'));
$waiting->query_until(qr/done/, '');
cmp_ok(time - $since, '<', 20, 'a checker that ends lets go who waits for it');
proxy_mode('pass');
$waiting->quit;
$near->safe_psql('cart_db', q(ALTER DATABASE cart_db SET svc_ownership.reference_budget = '5s'));
wait_until_answered();

# A statement that is cancelled leaves nothing behind
proxy_mode('stall');
is((tries(q(SET statement_timeout = '200ms'; INSERT INTO items VALUES (32)))) [0], '57014', 'cancelled while it waits');
proxy_mode('pass');
wait_until_answered();

# Databases are left at once
$since = time;
proxy_mode('stall');
tries(q(SET svc_ownership.reference_budget = '100ms'; INSERT INTO items VALUES (33)));
$near->safe_psql('postgres', 'ALTER DATABASE cart_db RENAME TO cart_db_2');
$near->safe_psql('postgres', 'ALTER DATABASE cart_db_2 RENAME TO cart_db');
cmp_ok(time - $since, '<', 20, 'a checker, and a worker, that wait for a server that hangs leave their database');
proxy_mode('pass');
wait_until_answered();

# A crash of the server
$near->stop('immediate');
$near->start;
wait_until_answered();
pass('after a crash');

# No process is free for a checker
$near->append_conf('postgresql.conf', 'svc_ownership.max_checkers = 0');
$near->restart;
is(states(40), 'unknown', 'no checkers, no answers');
is((tries('INSERT INTO strict VALUES (3)'))[0], 'SV001', 'refused where the contract must answer');
$near->append_conf('postgresql.conf', 'svc_ownership.max_checkers = 4');
$near->reload;
wait_until_answered();

# ---- async ----

is((tries('INSERT INTO later SELECT i FROM generate_series(99990, 100002) i'))[0], '', 'written at once');
settled('and checked later', "items_product_id_ref|-7\nlater_product_id_ref|100001\nlater_product_id_ref|100002");
$far->safe_psql('product_db', q(INSERT INTO products VALUES (100001, 'late'), (100002, 'late'), (-7, 'late')));
# The first call may go on with a sweep that was begun before they came
$near->safe_psql('cart_db', 'CALL svc.check_references()') for 1 .. 2;
settled('resolved when their parents came', '');


# Nobody tells of deletes elsewhere
$far->safe_psql('product_db', q(DELETE FROM products WHERE id = 99990));
$near->safe_psql('cart_db', 'CALL svc.check_references()') for 1 .. 2;
settled('a key that is deleted elsewhere is found by a sweep', "later_product_id_ref|99990");

done_testing();
