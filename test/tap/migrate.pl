# Migrations between sessions: who waits for whom and for how long, what others
# see meanwhile, what becomes of a call that is cancelled, many callers at once,
# and services in databases of their own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;
use Time::HiRes qw(sleep time);

# Few workers: only one migration at a time can have one
my $node = new_server('main', preload => 0, conf => "fsync = off\nautovacuum = off\nmax_worker_processes = 2\n");
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION svc_ownership');
$node->safe_psql($db, "SELECT svc.create_service('shop', schema => 'shop', login => 'shop_user', password => 'x', login_level => 'owner')");
$node->safe_psql($db, 'CREATE ROLE stranger LOGIN');

my %files;

# CALL svc.migrate with more files than before
sub call
{
	my ($more, @arguments) = @_;
	%files = (%files, %$more);
	my $json = JSON::PP->new->canonical->encode(\%files) =~ s/'/''/gr;
	return "CALL svc.migrate(" . join(', ', "'shop'", "files => '$json'", @arguments) . ")";
}

# A psql at work in the background
sub begin
{
	my ($sql, %opt) = @_;
	my %session = (out => '');
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', $node->host, '-p', $node->port, '-U', $opt{user} // $ENV{PGUSER} // getpwuid($<), '-d', $opt{dbname} // $db,
			map { ('-c', $_) } ref $sql ? @$sql : $sql ],
		'<', \'', '>', \$session{out}, '2>&1', IPC::Run::timeout(120));
	return \%session;
}

sub end
{
	my ($session) = @_;
	$session->{run}->finish;
	return $session->{out};
}

# A session that answers, and keeps what it holds
sub talk
{
	my %session = (in => '', out => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-d', $db ],
		'<', \$session{in}, '>', \$session{out}, '2>&1', IPC::Run::timeout(120));
	return \%session;
}

sub say_to
{
	my ($session, $sql) = @_;
	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo =\n";
	$session->{run}->pump until $session->{out} =~ /^=$/m;
	$session->{out} =~ s/^=\n\z//m;
	chomp $session->{out};
	return $session->{out};
}

sub leave
{
	my ($session) = @_;
	eval { $session->{in} .= "\\q\n"; $session->{run}->finish; };
	return;
}

# Wait until a query is true
sub wait_for
{
	my ($query) = @_;
	return $node->poll_query_until($db, $query) || die "never true: $query";
}

my $waits_for_lock = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'svc_ownership migration' AND wait_event_type = 'Lock')";

# A long reader, a migration that wants its table, and others who read it meanwhile
{
	$node->safe_psql($db, call({ '001_orders.sql' => 'CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 10)' }));
	my $reader = talk();
	say_to($reader, 'BEGIN; SELECT count(*) FROM shop.orders');
	my $migration = begin([ "SET svc_ownership.migration_lock_timeout = '300ms'",
			call({ '002_note.sql' => 'CREATE TABLE notes (id int); ALTER TABLE orders ADD COLUMN note text' }) ]);
	wait_for($waits_for_lock);
	my $other = talk();
	my ($longest, $reads) = (0, 0);
	for (my $until = time + 4; time < $until || $reads <= 10; $reads++)
	{
		my $start = time;
		say_to($other, 'SELECT count(*) FROM shop.orders');
		$longest = time - $start if time - $start > $longest;
		sleep 0.005;
	}
	note(sprintf('%d reads beside a migration that waits at most 300 ms for a lock: the longest took %.0f ms', $reads, $longest * 1000));
	# a loaded machine takes its time to wake everybody up; who waits for the reader waits for ever
	cmp_ok($longest, '<', 30, 'nobody waited behind it for much longer');
	cmp_ok($reads, '>', 10, 'others could read');
	say_to($reader, 'COMMIT');
	my $said = end($migration);
	like($said, qr/NOTICE:  00000: migration "002_note.sql" is tried again \(1 of 10\)\nDETAIL:  It was stopped so that nobody waits behind it: canceling statement due to lock timeout/, 'it was tried again');
	like($said, qr/migration "002_note.sql" applied/, 'and succeeds when the reader has ended');
	rows($node, $db, "SELECT to_regclass('shop.notes'), string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass AND attnum > 0", 'shop.notes|id,note', 'whole');

	say_to($reader, 'BEGIN; SELECT count(*) FROM shop.orders');
	$said = end(begin([ "SET svc_ownership.migration_lock_timeout = '100ms'", 'SET svc_ownership.migration_lock_retries = 1',
				call({ '003_drop.sql' => 'ALTER TABLE orders DROP COLUMN note' }) ]));
	like($said, qr/ERROR:  55P03: canceling statement due to lock timeout\nHINT:  Tried 2 times, each as long as svc_ownership.migration_lock_timeout \(100 ms\)/, 'in the end it gives up');
	like($said, qr/CONTEXT:  migration "003_drop.sql", line 1, column 1, statement 1: ALTER TABLE orders DROP COLUMN note/, 'and says where');

	# who blocks it
	$migration = begin([ "SET svc_ownership.migration_lock_timeout = '60s'", call({}) ]);
	wait_for($waits_for_lock);
	my $pid = say_to($reader, 'SELECT pg_backend_pid()');
	my $progress = "SELECT service, version, script, statement, statements, blocked_by = '{$pid}', elapsed > '0' AND elapsed < '1 minute', started < now() FROM svc.migration_progress";
	rows($node, $db, $progress, 'shop|003|003_drop.sql|1|1|t|t|t', 'its progress, and who blocks it');
	rows($node, $db, "SET ROLE stranger; SELECT count(*) FROM svc.migration_progress", '0', 'strangers see nothing');
	rows($node, $db, "SET ROLE shop_user; $progress", 'shop|003|003_drop.sql|1|1|t|t|t', 'the service\'s own people do');

	# the same from a client of another user, and a caller who is cancelled
	$node->safe_psql($db, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL svc.migrate%' AND backend_type = 'client backend'");
	like(end($migration), qr/ERROR:  57014: canceling statement due to user request/, 'a cancelled call');
	wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'svc_ownership migration')");
	rows($node, $db, "SELECT state, error LIKE 'canceling statement due to user request%' FROM svc.migrations('shop') WHERE version = '003'", 'Pending|t', 'is pending, with what stopped it');
	say_to($reader, 'COMMIT');
	$node->safe_psql($db, call({}));
	rows($node, $db, "SELECT state FROM svc.migrations('shop') WHERE version = '003'", 'Success', 'and is applied when it is called again');
	leave($reader);
	leave($other);
}

# An index that is built without a lock waits for older transactions: for as long as it takes
{
	my $old = talk();
	say_to($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
	my $migration = begin([ "SET svc_ownership.migration_lock_timeout = '100ms'",
			call({ '004_index.sql' => "CREATE TABLE other (id int);\nCREATE INDEX CONCURRENTLY orders_id ON orders (id);\nCREATE TABLE another (id int);" }) ]);
	wait_for($waits_for_lock);
	sleep 0.5;
	rows($node, $db, "SELECT script, statement, statements FROM svc.migration_progress", '004_index.sql|2|3', 'an index is being built');
	$node->safe_psql($db, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL svc.migrate%' AND backend_type = 'client backend'");
	like(end($migration), qr/ERROR:  57014: canceling statement due to user request/, 'cancelled in its middle');
	rows($node, $db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.orders_id'::regclass", 'f', 'an invalid index is left');
	rows($node, $db, "SELECT state, statement, statements FROM svc.migrations('shop') WHERE version = '004'", 'Failed|1|3', 'and seen');
	say_to($old, 'COMMIT');
	like(end(begin(call({}))), qr/resumed after: DROP INDEX CONCURRENTLY shop.orders_id\n.*migration "004_index.sql" applied/s, 'it is dropped, and the file goes on');
	rows($node, $db, "SELECT indisvalid, to_regclass('shop.another') IS NOT NULL FROM pg_index WHERE indexrelid = 'shop.orders_id'::regclass", 't|t', 'to its end');
	leave($old);

	# the caller must not be such an older transaction himself, however he calls
	$node->safe_psql($db, "DO \$do\$ BEGIN " . call({ '005_index.sql' => 'CREATE INDEX CONCURRENTLY orders_id_2 ON orders (id)' }) . "; END \$do\$", timeout => 60);
	rows($node, $db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.orders_id_2'::regclass", 't', 'called in a DO block');
	my $prepared = call({ '006_index.sql' => 'CREATE INDEX CONCURRENTLY orders_id_3 ON orders (id)' });
	my $script = $node->basedir . '/call.sql';
	append_to_file($script, "$prepared;\n");
	command_ok([ 'pgbench', '-n', '-M', 'prepared', '-t', '1', '-f', $script, '-h', $node->host, '-p', $node->port, $db ], 'called with a prepared statement');
	rows($node, $db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.orders_id_3'::regclass", 't', 'its index is valid');
	$node->safe_psql($db, "ALTER DATABASE $db SET default_transaction_isolation = 'repeatable read'");
	$node->safe_psql($db, call({ '007_index.sql' => 'CREATE INDEX CONCURRENTLY orders_id_4 ON orders (id)' }), timeout => 60);
	rows($node, $db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.orders_id_4'::regclass", 't', 'called where transactions are repeatable read');
	$node->safe_psql($db, "ALTER DATABASE $db RESET default_transaction_isolation");
}

# Twelve callers at once, and one free worker: one of them runs everything
{
	my %more = map { ("1${_}_t.sql" => "CREATE TABLE t$_ (id int); SELECT pg_sleep(0.05)") } 10 .. 19;
	my $call = call(\%more);
	my @callers = map { begin([ "SET svc_ownership.worker_wait = 0", $call ]) } 1 .. 12;
	my @said = map { end($_) } @callers;
	is(scalar(grep { /migration "119_t.sql" applied/ } @said), 1, 'one of twelve callers ran them');
	is(scalar(grep { /no migrations to apply/ } @said), 11, 'the others waited, and found it done');
	is(scalar(grep { /ERROR/ } @said), 0, 'nobody failed, though there is a worker for one only') or diag(join "\n", @said);
	rows($node, $db, "SELECT count(*), count(DISTINCT version) FROM svc.migration_history WHERE version LIKE '11_' AND outcome = 'success'", '10|10', 'each was applied once');
	rows($node, $db, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", '0', 'no lock is left');
}

# What fails at the very end of a migration is its failure, too
{
	my $said = end(begin(call({ '200_deferred.sql' => 'CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1)' })));
	like($said, qr/ERROR:  23503:/, 'a deferred constraint');
	rows($node, $db, "SELECT state, to_regclass('shop.c') IS NULL FROM svc.migrations('shop') WHERE version = '200'", 'Pending|t', 'nothing of it is left');
	delete $files{'200_deferred.sql'};
}

# Texts are not kept, and are run nevertheless
{
	$node->safe_psql($db, "ALTER DATABASE $db SET svc_ownership.migration_text = off");
	$node->safe_psql($db, call({ '210_secret.sql' => "CREATE TABLE secret AS SELECT 'geheim'::text AS word" }));
	rows($node, $db, "SELECT word, (SELECT count(*) FROM svc.migration_content WHERE content::text LIKE '%geheim%') FROM shop.secret", 'geheim|0', 'run, and not kept');
	$node->safe_psql($db, "ALTER DATABASE $db RESET svc_ownership.migration_text");
}

# Services in databases of their own, all at once, out of a directory
{
	my $root = $node->basedir . '/services';
	foreach my $service (qw(auth cart pay))
	{
		$node->safe_psql($db, "SELECT svc.create_service('$service', database => '${service}_db')");
		mkdir $root;
		mkdir "$root/$service-service";
		mkdir "$root/$service-service/migrations";
		append_to_file("$root/$service-service/migrations/001_t.sql", "CREATE TABLE ${service}_t AS SELECT current_database() AS here, session_user::text AS who;\n");
	}
	append_to_file("$root/cart-service/migrations/002_bad.sql", "CREATE TABLE half (id int);\nSELECT 1 / 0;\n");
	$node->append_conf('postgresql.conf', "svc_ownership.migration_directory = '$root'");
	$node->reload;
	my $said = end(begin("CALL svc.migrate_all('.', '%s-service/migrations')"));
	like($said, qr/NOTICE:  .*service "shop" has no directory "\.\/shop-service\/migrations"/, 'a service without a folder');
	like($said, qr/WARNING:  22012: migrations of service "cart" failed: division by zero/, 'one fails');
	like($said, qr/ERROR:  SV003: migrations of 1 of 4 services failed\nDETAIL:  They are: cart/, 'and is named at the end');
	rows($node, "${_}_db", "SELECT * FROM ${_}_t", "${_}_db|${_}_owner", "$_: in its database, as its owner") foreach qw(auth cart pay);
	rows($node, 'cart_db', "SELECT script, state FROM svc.migrations('cart')", "001_t.sql|Success\n002_bad.sql|Pending", 'the others went on');

	# a service whose owner role became a superuser
	$node->safe_psql($db, 'ALTER ROLE pay_owner SUPERUSER');
	append_to_file("$root/pay-service/migrations/002_super.sql", "CREATE TABLE super AS SELECT current_setting('is_superuser') AS super;\n");
	append_to_file("$root/auth-service/migrations/002_u.sql", "CREATE TABLE u (id int)");
	$said = end(begin("CALL svc.migrate_all('.', '%s-service/migrations')"));
	like($said, qr/WARNING:  42501: migrations of service "pay" failed: migrations of service "pay" would run as superuser "pay_owner"\nDETAIL:  .*\nHINT:  ALTER ROLE pay_owner NOSUPERUSER, or set svc_ownership.migrate_as_superuser\./, 'none runs as a superuser');
	like($said, qr/failed\nDETAIL:  They are: cart, pay\./, 'that is a failure');
	rows($node, 'pay_db', "SELECT to_regclass('super') IS NULL", 't', 'it did not run');
	rows($node, 'auth_db', "SELECT to_regclass('u') IS NULL", 'f', 'the others did');
	end(begin([ 'SET svc_ownership.migrate_as_superuser = on', "CALL svc.migrate_all('.', '%s-service/migrations')" ]));
	rows($node, 'pay_db', 'SELECT super FROM super', 'on', 'unless that is wanted');
	$node->safe_psql($db, 'ALTER ROLE pay_owner NOSUPERUSER');

	# a file that would not arrive whole, and stops nobody else
	append_to_file("$root/auth-service/migrations/003_zero.sql", "SELECT 1;\0");
	like(end(begin("CALL svc.migrate_all('.', '%s-service/migrations')")),
		qr/WARNING:  22021: migrations of service "auth" failed: file "003_zero.sql" contains a zero byte\nHINT:  Migrations are text in UTF-8\..*They are: auth, cart\./s, 'a zero byte');

	# from another database, and handed over
	$node->safe_psql($db, q{CALL svc.migrate('auth', files => '{"001_t.sql": "CREATE TABLE auth_t AS SELECT current_database() AS here, session_user::text AS who;\n", "002_u.sql": "CREATE TABLE u (id int)", "003_v.sql": "CREATE TABLE v (id int)"}')});
	rows($node, 'auth_db', "SELECT script, state, installed_by = '" . $node->safe_psql($db, 'SELECT session_user') . "' FROM svc.migrations('auth') ORDER BY 1", "001_t.sql|Success|t\n002_u.sql|Success|t\n003_v.sql|Success|t", 'from another database');
	my ($rc, $out, $err) = $node->psql($db, "SELECT * FROM svc.migrations('auth')");
	like($err, qr/service "auth" is not in this database\nHINT:  It is in database "auth_db"/, 'functions want the service\'s own database');
}

unlike(slurp_file($node->logfile), qr/unrecognized node type|PANIC|TRAP|was terminated by signal/, 'nothing strange in the log');

done_testing();
