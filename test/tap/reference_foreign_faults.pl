# References into contracts elsewhere when something is wrong with somebody's session,
# process or schema: cancels and timeouts at every wait, no process for checkers, many
# sessions that ask at once and are killed meanwhile, keys whose type changes there, a
# server that answers nonsense, contracts that come and go while they are asked, and
# keys that wait and are to come forward as soon as somebody has mended what was wrong.
#
# REFERENCE_SESSIONS: how many sessions ask at once (34).

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use SvcTest;
use Test::More;
use Time::HiRes qw(time);

my $sessions = $ENV{REFERENCE_SESSIONS} // 34;
my $node = new_server('near', tcp => 1, conf => "max_worker_processes = 16\nmax_connections = 120\n");
my $port = $node->port;

# ---- two services, in two databases of one server ----

$node->safe_psql('postgres', q(CREATE EXTENSION svc_ownership; SELECT svc.create_service('product', database => 'product_db', login => 'product_user', password => 'secret', login_level => 'owner')));
$node->safe_psql('product_db', <<'SQL');
SET ROLE product_owner;
CREATE TABLE products (id int PRIMARY KEY, name text);
INSERT INTO products SELECT i, 'thing' FROM generate_series(1, 10000) i;
SELECT svc.publish('product', 'products', 'products'), svc.grant_contract('product', 'cart');
SQL
$node->safe_psql('postgres', 'CREATE DATABASE cart_db');
$node->safe_psql('cart_db', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('cart', schema => 'cart');
SELECT svc.connect('product', database => 'product_db', host => '127.0.0.1', port => $port, username => 'product_user', password => 'secret', sslmode => 'disable');
SET ROLE cart_owner;
SET search_path = cart;
CREATE TABLE items (product_id int);
CREATE TABLE strict (product_id int);
CREATE TABLE late (product_id int);
CREATE TABLE later (product_id int);
CREATE TABLE known (product_id int);
SELECT svc.create_reference('items', 'product_id', 'product', 'products', mode => 'statement', cache_ttl => '0');
SELECT svc.create_reference('strict', 'product_id', 'product', 'products', mode => 'statement', on_unavailable => 'reject', cache_ttl => '0');
SELECT svc.create_reference('late', 'product_id', 'product', 'products', mode => 'commit', on_unavailable => 'reject', cache_ttl => '0');
SELECT svc.create_reference('later', 'product_id', 'product', 'products');
SELECT svc.create_reference('known', 'product_id', 'product', 'products', mode => 'statement', on_unavailable => 'reject');
SQL
my $cart = 'SET ROLE cart_owner; SET search_path = cart;';
my $budget = "SET svc_ownership.reference_budget = '60s';";

# The SQLSTATE of a statement, '' if it succeeded
sub tries
{
	my ($statement) = @_;
	my ($out, $err) = ('', '');

	$node->psql('cart_db', "\\set VERBOSITY sqlstate\n$cart\n$statement", stdout => \$out, stderr => \$err);
	return $err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err =~ /server closed/ ? 'closed' : '';
}

# The states of keys, asked now
sub states
{
	my (@keys) = @_;

	return $node->safe_psql('cart_db', 'SELECT string_agg(state, \' \' ORDER BY key::int) FROM svc.prevalidate(\'items_product_id_ref\', \'{' . join(',', @keys) . '}\'::int[])');
}

sub wait_until_answered
{
	$node->poll_query_until('cart_db', q(SELECT every(state = 'valid') FROM svc.prevalidate('items_product_id_ref', '{1,2}'::int[])))
	  or die 'no answer any more';
	return;
}

# Whoever asks the other database waits, from here to let_go(): like a server that hangs
my $holder;

sub hold
{
	$holder = $node->background_psql('product_db');
	$holder->query_safe('BEGIN; LOCK TABLE products');
	return;
}

sub let_go
{
	$holder->query_safe('COMMIT');
	$holder->quit;
	return;
}

# So many sessions wait for a checker
sub wait_for_askers
{
	my ($n, $like) = @_;

	$node->poll_query_until('postgres', "SELECT count(*) >= $n FROM pg_stat_activity WHERE query LIKE '$like%' AND wait_event_type = 'Extension'")
	  or die "$n sessions do not wait";
	return;
}

wait_until_answered();

# ---- cancels and timeouts ----

hold();
my $session = $node->background_psql('cart_db', on_error_stop => 0);
$session->query_safe("$cart $budget");

# Runs a statement that waits; something is done to it, and the session is as before
sub interrupted
{
	my ($statement, $setting, $expected, $name) = @_;
	my $since = time;

	# what else is done here has no such setting
	$session->query("\\set VERBOSITY sqlstate\nBEGIN;\nSET LOCAL $setting = '300ms';\n$statement");
	$session->query('ROLLBACK');
	like($session->{stderr}, qr/$expected/, $name);
	$session->{stderr} = '';
	cmp_ok(time - $since, '<', 20, "$name: at once");
	is($session->query('SELECT 1'), '1', "$name: the session goes on");
	return;
}
interrupted('INSERT INTO items VALUES (1)', 'statement_timeout', '57014', 'statement_timeout while a checker is waited for');

# Statement timeouts are over when the transaction commits; but it can be cancelled
sub cancelled
{
	my ($statements, $query, $name) = @_;

	$session->query_until(qr/begins/, "\\echo begins\n$statements\n\\echo over\n");
	wait_for_askers(1, $query);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '$query%' AND state = 'active'");
	$session->query_until(qr/over/, '');
	like($session->{stderr}, qr/57014/, "$name: cancelled");
	$session->{stderr} = '';
	is($session->query('SELECT 1'), '1', "$name: the session goes on");
	return;
}
cancelled("INSERT INTO items VALUES (1);", 'INSERT INTO items', 'an insert');
cancelled("BEGIN;\nINSERT INTO late VALUES (1);\nCOMMIT;", 'COMMIT', 'COMMIT');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'svc_ownership checker'));
let_go();
is($session->query("INSERT INTO items VALUES (1) RETURNING 'written'"), 'written', 'and asks again');
$session->query('BEGIN; INSERT INTO late VALUES (2); COMMIT');
rows($node, 'cart_db', 'SELECT count(*) FROM cart.late', '1', 'also at COMMIT; what was cancelled is not there');

# A lock on the contract here: of whoever changes it
my $changer = $node->background_psql('cart_db');
$changer->query_safe('BEGIN; LOCK TABLE product_api.products IN ACCESS EXCLUSIVE MODE');
is(tries("SET lock_timeout = '300ms'; INSERT INTO items VALUES (3)"), '55P03', 'lock_timeout while the contract is locked');
is(tries("SET statement_timeout = '300ms'; INSERT INTO items VALUES (3)"), '57014', 'statement_timeout while the contract is locked');
$changer->query_safe('COMMIT');
$changer->quit;
wait_until_answered();

# Somebody cancels svc.run_pending(), or a sweep, while they ask
$node->append_conf('postgresql.conf', 'svc_ownership.max_workers = 0');
$node->restart;
hold();
is(tries('INSERT INTO later VALUES (1), (-1)'), '', 'written, to be checked later');
my $since = time;
is(tries("RESET ROLE; SET statement_timeout = '1s'; CALL svc.run_pending()"), '57014', 'svc.run_pending() is cancelled while it asks');
is(tries("RESET ROLE; SET statement_timeout = '1s'; CALL svc.check_references('later_product_id_ref')"), '57014', 'and a sweep');
cmp_ok(time - $since, '<', 18, 'at once');
let_go();
my $pending = q(SELECT pending > 0 FROM svc.reference_status WHERE reference = 'later_product_id_ref');
rows($node, 'cart_db', $pending, 't', 'what was to be checked still is');
rows($node, 'cart_db', q(SELECT count(*) FROM svc.reference_violations), '0', 'and nothing is a violation because of it');

# A query that is cancelled there is no cancel of ours
hold();
my $caller = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('cart_db'), '-c', 'CALL svc.run_pending()' ], '<', \'', '>', \my $printed, '2>', \my $said);
$node->poll_query_until('postgres', q(SELECT count(pg_cancel_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = 'product_db' AND usename = 'product_for_cart' AND wait_event_type = 'Lock')) or die;
let_go();
$caller->finish;
is($caller->result(0), 0, 'a query that is cancelled there does not cancel who asked');
note($said);

# ---- keys that wait come forward ----

sub wait_for_ever
{
	# one that was just asked for comes anew
	$node->poll_query_until('cart_db', <<'SQL') or die;
WITH u AS (UPDATE svc.reference_parked SET next_try = now() + interval '1 hour' WHERE next_try < now() + interval '30 minutes' RETURNING 1)
SELECT count(*) = 0 FROM u
SQL
	return;
}

sub nothing_waits
{
	my ($name) = @_;

	ok($node->poll_query_until('cart_db', q(SELECT NOT EXISTS (SELECT FROM svc.reference_parked))), $name);
	return;
}
$node->safe_psql('cart_db', "ALTER SERVER product OPTIONS (SET port '1')");
is(tries('INSERT INTO later VALUES (1), (-2)'), '', 'written while the server is down');
$node->safe_psql('cart_db', 'CALL svc.run_pending()');
wait_for_ever();
$node->safe_psql('cart_db', "ALTER SERVER product OPTIONS (SET port '$port')");
$node->safe_psql('cart_db', 'CALL svc.run_pending()');
# the second look a second later may be over by now
rows($node, 'cart_db', q(SELECT coalesce(max(attempts), 0), coalesce(bool_or('-2' = ANY (keys)), EXISTS (SELECT FROM svc.reference_violations WHERE key = '-2')) FROM svc.reference_parked), '0|t', 'svc.run_pending() asks for them, however long they would wait');
$node->append_conf('postgresql.conf', 'svc_ownership.max_workers = 4');
$node->reload;
nothing_waits('the second look comes, too');
rows($node, 'cart_db', q(SELECT key FROM svc.reference_violations WHERE state = 'open' ORDER BY 1), "-1\n-2", 'and finds what is missing');

# Something is broken and mended; keys that were written meanwhile do not wait
sub mended
{
	my ($name, $break, $mend, $table) = @_;

	$node->safe_psql('cart_db', $break);
	is(tries('INSERT INTO ' . ($table // 'later') . ' VALUES (2)'), '', "$name: written");
	$node->poll_query_until('cart_db', 'SELECT count(*) > 0 FROM svc.reference_parked WHERE attempts > 0') or die;
	wait_for_ever();
	rows($node, 'cart_db', q(SELECT count(*) > 0 FROM svc.reference_parked WHERE next_try > now() + interval '30 minutes'), 't', "$name: waits");
	$node->safe_psql('cart_db', $mend);
	nothing_waits("$name: asked at once");
	return;
}
mended('another port', q(ALTER SERVER product OPTIONS (SET port '1')), qq(ALTER SERVER product OPTIONS (SET port '$port')));
my $password = $node->safe_psql('cart_db', q(SELECT split_part(o, '=', 2) FROM pg_user_mappings, unnest(umoptions) o WHERE srvname = 'product' AND o LIKE 'password=%'));
my $who = $node->safe_psql('cart_db', q(SELECT usename FROM pg_user_mappings WHERE srvname = 'product' LIMIT 1));
mended('another password', qq(ALTER USER MAPPING FOR "$who" SERVER product OPTIONS (SET password 'wrong')), qq(ALTER USER MAPPING FOR "$who" SERVER product OPTIONS (SET password '$password')));
mended('another table there', q(ALTER FOREIGN TABLE product_import.products OPTIONS (SET table_name 'gone')), q(ALTER FOREIGN TABLE product_import.products OPTIONS (SET table_name 'products')));
mended('disconnected', q(SELECT svc.disconnect('product', 'cart')), qq(SELECT svc.connect('product', database => 'product_db', host => '127.0.0.1', port => $port, consumer => 'cart', username => 'product_user', password => 'secret', sslmode => 'disable')));
wait_until_answered();

# A contract of this database
$node->safe_psql('cart_db', <<'SQL');
SELECT svc.create_service('auth', schema => 'auth');
SET ROLE auth_owner;
CREATE TABLE auth.users AS SELECT 2 AS id;
ALTER TABLE auth.users ADD PRIMARY KEY (id);
SELECT svc.publish('auth', 'users', 'auth.users'), svc.grant_contract('auth', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.users (user_id int);
SELECT svc.create_reference('cart.users', 'user_id', 'auth', 'users');
SQL
mended('a right', 'REVOKE SELECT ON auth_api.users FROM cart_owner, cart_reader, cart_writer', q(SELECT svc.grant_contract('auth', 'cart')), 'users');
# the same by hand, as a DBA would
mended('a right on the view', 'REVOKE SELECT ON auth_api.users FROM cart_owner, cart_reader, cart_writer', 'GRANT SELECT ON auth_api.users TO cart_owner', 'users');
mended('a right on the schema', 'REVOKE USAGE ON SCHEMA auth_api FROM cart_owner, cart_reader, cart_writer', 'GRANT USAGE ON SCHEMA auth_api TO cart_owner', 'users');
mended('not published', q(SELECT svc.unpublish('auth', 'users', force => true)), q(SELECT svc.publish('auth', 'users', 'auth.users')), 'users');

# The server answers again, which somebody else hears first
$node->safe_psql('postgres', q(ALTER ROLE product_for_cart NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'product_for_cart'));
is(tries('INSERT INTO later VALUES (3)'), '', 'written while nobody may log in');
$node->poll_query_until('cart_db', q(SELECT count(*) > 0 FROM svc.reference_parked WHERE attempts > 0)) or die;
is(tries('INSERT INTO strict VALUES (3)'), 'SV001', 'the server is found to be down') for 1 .. 4;
wait_for_ever();
$node->safe_psql('postgres', 'ALTER ROLE product_for_cart LOGIN');
wait_until_answered();
nothing_waits('what waits is asked for when the breaker closes');

# ---- many sessions at once ----

# Starts a psql that writes keys; the function that is returned waits for it and
# tells the SQLSTATE
sub start_insert
{
	my ($table, $keys, $number) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('cart_db'), '-c', "$budget SET application_name = 'asker $number'", '-c', "INSERT INTO cart.$table SELECT generate_series(1, $keys)" ],
		'<', \'', '>', \$out, '2>', \$err);

	return sub {
		$run->finish;
		return $err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err =~ /(server closed|terminat)/ ? 'closed' : $err;
	};
}

$node->safe_psql('postgres', 'ALTER DATABASE product_db SET log_min_duration_statement = 0');
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'svc_ownership checker'));
hold();
my $offset = -s $node->logfile;
my @askers = map { start_insert('known', 10, $_) } 1 .. $sessions;
wait_for_askers($sessions, 'INSERT INTO cart.known');
# Every second one is terminated
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^asker \d*[02468]$'));
my @left = grep { $_ % 2 } 1 .. $sessions;
$node->poll_query_until('postgres', q(SELECT count(*) = ) . @left . q( FROM pg_stat_activity WHERE query LIKE 'INSERT INTO cart.known%')) or die;
let_go();
my @ends = map { $_->() } @askers;
is(scalar(grep { $_ eq '' } @ends), scalar(@left), "$sessions sessions ask for the same keys; those that were not terminated get an answer");
is(scalar(grep { $_ =~ /^(57P01|closed)$/ } @ends), $sessions - @left, 'and the others were');
my $questions = () = slurp_file($node->logfile, $offset) =~ /DECLARE c\d+ CURSOR/g;
cmp_ok($questions, '<=', 3, "asked there $questions times");
cmp_ok($questions, '>=', 1, 'at least once');

# More questions are given up than there is room for
hold();
my @given_up = map { "BEGIN; SET LOCAL statement_timeout = '4ms'; INSERT INTO items SELECT generate_series(1, 5000); ROLLBACK;" } 1 .. 300;
$node->psql('cart_db', "$cart $budget\n" . join("\n", @given_up), on_error_stop => 0);
let_go();
wait_until_answered();
is(tries("$budget INSERT INTO strict SELECT generate_series(1, 3000)"), '', 'questions that were given up leave their room');

# ---- the contract changes there ----

my $contract = $node->safe_psql('product_db', q(SELECT pg_get_viewdef('product_api.products')));

# With a view in place of the contract; the extension would not let anybody do that
sub instead
{
	my ($name, $query, $expected) = @_;

	local $ENV{PGOPTIONS} = '-c svc_ownership.reference_budget=60s';

	$node->safe_psql('product_db', "SET svc_ownership.restoring = on; ALTER VIEW product_api.products RENAME TO kept; CREATE VIEW product_api.products AS $query; GRANT SELECT ON product_api.products TO product_for_cart");
	is(states(1, -1, 2), $expected, $name);
	$node->safe_psql('product_db', 'SET svc_ownership.restoring = on; DROP VIEW product_api.products; ALTER VIEW product_api.kept RENAME TO products');
	wait_until_answered();
	return;
}
instead('a key that is bigint there', 'SELECT id::bigint, name FROM products', 'missing valid valid');
instead('numeric', 'SELECT id::numeric, name FROM products', 'missing valid valid');
instead('text', 'SELECT id::text, name FROM products', 'unknown unknown unknown');
instead('uuid', 'SELECT md5(id::text)::uuid AS id, name FROM products', 'unknown unknown unknown');
instead('a contract that fails at a key', 'SELECT id / (id - 2) AS id, name FROM products', 'unknown unknown unknown');
# Each key twice: what is counted there is more than what was asked for
instead('a contract that has keys twice', 'SELECT id, name FROM products UNION ALL SELECT id, name FROM products', 'missing valid valid');
is($node->safe_psql('cart_db', $budget . q(SELECT state, count(*) FROM svc.prevalidate('items_product_id_ref', (SELECT array_agg(i) FROM generate_series(9951, 10050) i)) GROUP BY 1 ORDER BY 1)), "missing|50\nvalid|50", 'many keys of which some are missing');
$node->safe_psql('product_db', 'SET svc_ownership.restoring = on; ALTER SCHEMA product_api RENAME TO elsewhere');
is(states(1, -1), 'unknown unknown', 'a contract whose schema has another name');
$node->safe_psql('product_db', 'SET svc_ownership.restoring = on; ALTER SCHEMA elsewhere RENAME TO product_api');
wait_until_answered();

# ---- contracts that come and go here while they are asked ----

$offset = -s $node->logfile;
my $remade = join("\n", map { "SELECT svc.disconnect('product', 'cart');\nSELECT svc.connect('product', database => 'product_db', host => '127.0.0.1', port => $port, consumer => 'cart', username => 'product_user', password => 'secret', sslmode => 'disable');" } 1 .. 12);
my %seen;
my $script = PostgreSQL::Test::Utils::tempdir . '/remake';
PostgreSQL::Test::Utils::append_to_file("$script.sql", $remade);
my $remaking = fork() // die "fork: $!";
if (!$remaking)
{
	open(STDOUT, '>', "$script.out") && open(STDERR, '>&', \*STDOUT) or die;
	exec('psql', '-XAtq', '-d', $node->connstr('cart_db'), '-f', "$script.sql") or POSIX::_exit(1);
}
while (waitpid($remaking, POSIX::WNOHANG()) == 0)
{
	$seen{$_}++ for split / /, states(5);
	$seen{ tries('INSERT INTO later VALUES (5)') || 'written' }++;
	$seen{ tries('INSERT INTO items VALUES (5)') || 'written' }++;
	$node->psql('cart_db', "CALL svc.check_references('later_product_id_ref')");
}
my $err = slurp_file("$script.out");
unlike($err, qr/ERROR/, 'a contract is dropped and made again while keys are asked for');
delete @seen{qw(valid unknown written)};
is(join(' ', sort keys %seen), '', 'they are valid or unknown, and rows are written');
unlike(slurp_file($node->logfile, $offset), qr/ XX000 /, 'and nobody meets what is half gone');
wait_until_answered();

# ---- a server that answers nonsense ----

# Listens, and gives everybody something else
sub start_nonsense
{
	my $listener = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "listen: $!";
	my $pid = fork() // die "fork: $!";

	return ($listener->sockport, $pid) if $pid;
	for (my $n = 0; ; $n++)
	{
		my $client = $listener->accept or next;

		sysread($client, my $asked, 1000);
		syswrite($client, ("HTTP/1.1 400 Bad Request\r\n\r\n", "R\0\0\0\010\0\0\0\0Z\0\0\0\005IT\0\0\0\377\177", "\0" x 1000, "R\377\377\377\377", "E\0\0\0\005\0", join('', map { chr rand 256 } 1 .. 500))[ $n % 6 ]);
		sysread($client, $asked, 1000) if $n % 2;
		close $client;
	}
	POSIX::_exit(0);
}
my ($nonsense_port, $nonsense) = start_nonsense();
END { my $status = $?; kill 'KILL', $nonsense if $nonsense; $? = $status }
my %answers;
for (1 .. 6)
{
	# a server that was changed is asked again at once
	$node->safe_psql('cart_db', qq(ALTER SERVER product OPTIONS (SET port '$nonsense_port')));
	$answers{ states(1, -1) }++;
	is(tries('INSERT INTO strict VALUES (1)'), 'SV001', "nonsense, $_");
}
is(join(', ', keys %answers), 'unknown unknown', 'what is not an answer tells nothing');
is(tries('INSERT INTO later VALUES (7)'), '', 'written');
$node->safe_psql('cart_db', qq(ALTER SERVER product OPTIONS (SET port '$port')));
wait_until_answered();
nothing_waits('and checked later');

# ---- no process is free ----

$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$node->restart;
is(states(1, -1), 'unknown unknown', 'no process for a checker');
is(tries('INSERT INTO strict VALUES (1)'), 'SV001', 'refused where the contract must answer');
is(tries('INSERT INTO items VALUES (1), (-11)'), '', 'accepted where it need not');
is(tries('INSERT INTO later VALUES (1), (-12)'), '', 'written where it is checked later');
is(tries('INSERT INTO late VALUES (1)'), 'SV001', 'refused at COMMIT');
rows($node, 'cart_db', q(SELECT count(*) FROM svc.reference_status WHERE pending > 0), '2', 'what was accepted waits');
$node->append_conf('postgresql.conf', 'max_worker_processes = 16');
$node->restart;
wait_until_answered();
$node->poll_query_until('cart_db', 'SELECT sum(pending) = 0 FROM svc.reference_status') or die 'keys wait for ever';
rows($node, 'cart_db', q(SELECT key FROM svc.reference_violations WHERE state = 'open' AND key IN ('-11', '-12') ORDER BY 1), "-11\n-12", 'and is checked when there is room');

# Checkers are not workers: a statement is checked where there are none of these
$node->append_conf('postgresql.conf', 'svc_ownership.max_workers = 0');
$node->reload;
$node->poll_query_until('cart_db', q(SELECT current_setting('svc_ownership.max_workers') = '0')) or die;
is(tries(q(CREATE TABLE more (product_id int); SELECT svc.create_reference('more', 'product_id', 'product', 'products', mode => 'statement'); INSERT INTO more VALUES (1))), '', 'mode statement without workers');
is(tries("$budget INSERT INTO more VALUES (-1)"), '23503', 'is checked');
$node->append_conf('postgresql.conf', 'svc_ownership.max_checkers = 0');
$node->reload;
$node->poll_query_until('cart_db', q(SELECT current_setting('svc_ownership.max_checkers') = '0')) or die;
is(tries(q(CREATE TABLE none (product_id int); SELECT svc.create_reference('none', 'product_id', 'product', 'products', mode => 'statement'))), '55000', 'but not without checkers');

done_testing();
