# A service in a database of its own is made in steps, none of which can be
# undone by a transaction.  So it is killed at each of them, in three ways: the
# next call must finish the job, with the result of a call that nobody disturbed,
# and one more must change nothing.  Also: everything else that can go wrong
# between sessions or with the server, without preloading the library.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT kill_process wait_for_server);
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{SVC_SEED} || int(rand(1_000_000));
note("SVC_SEED=$seed");
srand($seed);

my $node = new_server('main', preload => 0, conf => "fsync = off\nrestart_after_crash = on\n");
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
my $create = "SELECT svc.create_service('auth', database => 'auth_db', login => 'auth_user', password => 'secret', login_level => 'owner', "
  . "migrator => 'auth_migrator', extensions => '{pgcrypto}', team => 'identity', if_not_exists => true)";
my $drop = "SELECT svc.drop_service('auth', drop_objects => true)";

# What there is of the service in the cluster, and in its database; without what
# differs by its nature: times, numbers, password salts
sub fingerprint
{
	my ($service) = @_;
	my $cluster = $node->safe_psql('postgres', <<SQL);
SELECT 'database', datname, pg_get_userbyid(datdba), datallowconn, datconnlimit, datistemplate, datacl FROM pg_database WHERE datname LIKE '$service%' ORDER BY 2;
SELECT 'role', rolname, rolcanlogin, rolconnlimit, rolinherit, rolpassword IS NOT NULL, rolsuper, rolcreatedb, rolcreaterole FROM pg_authid WHERE rolname LIKE '$service%' ORDER BY 2;
SELECT 'member', roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE roleid::regrole::text LIKE '$service%' ORDER BY 2, 3;
SELECT 'setting', setrole::regrole, d.datname, setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname LIKE '$service%' ORDER BY 2, 3;
SELECT 'record', service FROM svc.provisioning;
SQL
	return $cluster if $cluster !~ /^database\|\Q${service}\E_db\|[^|]*\|t/m;
	my $dump = dump_of($node, "${service}_db");
	$dump =~ s/^\\(un)?restrict .*\n//mg;
	$dump =~ s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*/TIME/g;
	my $rights = $node->safe_psql("${service}_db", 'SELECT * FROM svc.check_grants(); SELECT count(*) FROM svc.service');
	return "$cluster\n$dump\n$rights";
}

# Nothing must be left of it
sub is_gone
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(fingerprint('auth'), '', $name);
}

# An uninterrupted run, to compare with
rows($node, 'postgres', $create, 'created', 'made without a disturbance');
my $expected = fingerprint('auth');
like($expected, qr/CREATE EXTENSION IF NOT EXISTS pgcrypto/, 'the fingerprint sees what is in the database');
rows($node, 'postgres', $create, 'unchanged', 'a second call changes nothing');
same_text(fingerprint('auth'), $expected, 'indeed');
$node->safe_psql('postgres', $drop);
is_gone('dropped without a trace');

# A psql at work in the background
sub begin
{
	my ($sql, $dbname) = @_;
	my %session = (out => '', err => '');
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', $node->host, '-p', $node->port, '-d', $dbname // 'postgres', '-c', $sql ],
		'<', \'', '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(120));
	return \%session;
}

sub end
{
	my ($session) = @_;
	# finish() dies of nothing but the timeout
	$session->{run}->finish;
	return $session->{out} . $session->{err};
}

# A session that holds locks until it is told to let go
sub holder
{
	my ($sql) = @_;
	my %session = (in => '', out => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-d', 'postgres' ],
		'<', \$session{in}, '>', \$session{out}, '2>&1', IPC::Run::timeout(120));
	take(\%session, "BEGIN; $sql");
	return \%session;
}

sub take
{
	my ($session, $sql) = @_;
	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo done\n";
	$session->{run}->pump until $session->{out} =~ /^done$/m;
	return;
}

sub let_go
{
	my ($session) = @_;
	eval { $session->{in} .= "\\q\n"; $session->{run}->finish; };
	return;
}

# The process of a runner that waits for a lock of the given relation
sub runner_that_waits
{
	my ($relation) = @_;
	my $pid = '';
	for (1 .. 600)
	{
		$pid = $node->safe_psql('postgres', <<SQL);
SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE NOT l.granted AND a.backend_type = 'svc_ownership runner' AND l.relation = '$relation'::regclass
SQL
		return $pid if $pid ne '';
		sleep 0.02;
	}
	die "no runner waits for $relation";
}

# The three ways to kill
my %ways = (
	'SIGTERM of the runner' => sub { my ($pid) = @_; $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)"); },
	'kill -9 of the runner' => sub { my ($pid) = @_; kill_process($pid); },
	'immediate shutdown' => sub { $node->stop('immediate'); $node->start; });

# Places where the job stands still: locks that a session holds before, and then,
# each taken when the runner waits for the one before it, which is let go
my @places = (
	[ 'recording it' => ['svc.provisioning'] ],
	[ 'creating the database' => ['pg_database'] ],
	[ 'recording that it is there' => [ 'pg_database', 'svc.provisioning' ] ],
	[ 'creating roles' => ['pg_authid'] ],
	[ 'granting memberships' => ['pg_auth_members'] ],
	[ 'handing the database over' => [ 'pg_authid', 'pg_database' ] ],
	[ 'setting its settings' => ['pg_db_role_setting'] ],
	[ 'forgetting the record' => [ 'pg_db_role_setting', 'svc.provisioning' ] ]);

my $kills = 0;

# Kill one run, and look at what the next calls make of it
sub kill_at
{
	my ($way, $place, @locks) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $holder = holder("LOCK TABLE $locks[0] IN SHARE MODE");
	my $caller = begin($create);
	my $pid = runner_that_waits($locks[0]);

	foreach my $next (@locks[ 1 .. $#locks ])
	{
		my $other = holder("LOCK TABLE $next IN SHARE MODE");
		let_go($holder);
		$holder = $other;
		$pid = runner_that_waits($next);
	}
	$ways{$way}->($pid);
	$kills++;
	my $said = end($caller);
	let_go($holder);
	wait_for_server($node);
	like($said, qr/57P01|server closed the connection|57P02|57P03/, "$way, $place: the call says so");
	next_calls("$way, $place", qr/^(created|finished)$/);
	return;
}

# The next call finishes it, one more changes nothing, and it can be dropped
sub next_calls
{
	my ($name, $result) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	like(one($node, 'postgres', $create), $result, "$name: the next call finishes it");
	same_text(fingerprint('auth'), $expected, "$name: the result is the same");
	rows($node, 'postgres', $create, 'unchanged', "$name: one more changes nothing");
	$node->safe_psql('postgres', $drop);
	is_gone("$name: and is dropped without a trace");
	return;
}

my $rounds = $ENV{SVC_KILL_ROUNDS} // 2;
foreach my $round (1 .. $rounds)
{
	foreach my $way (sort keys %ways)
	{
		kill_at($way, $_->[0], @{ $_->[1] }) foreach @places;
	}
}

# At any moment, without a lock to hold it
foreach my $i (1 .. 18)
{
	my $way = (sort keys %ways)[ $i % 3 ];
	my $caller = begin($create);
	my $pid = '';
	sleep rand(0.25);
	if ($way ne 'immediate shutdown')
	{
		for (1 .. 100)
		{
			$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'svc_ownership runner' LIMIT 1");
			last if $pid ne '';
			sleep 0.005;
			last unless $caller->{run}->pumpable;
		}
	}
	if ($pid ne '' || $way eq 'immediate shutdown')
	{
		# it may have ended by itself meanwhile
		$ways{$way}->($pid);
		$kills++;
	}
	end($caller);
	wait_for_server($node);
	next_calls("$way, at any moment", qr/^(created|finished|unchanged)$/);
}
note("$kills kills");
cmp_ok($kills, '>=', 60, 'at least 60 kills');

# Dropping is killed, too
foreach my $way (sort keys %ways)
{
	foreach my $place ([ 'recording it' => 'svc.provisioning' ], [ 'dropping the database' => 'pg_database' ], [ 'dropping roles' => 'pg_authid' ])
	{
		$node->safe_psql('postgres', $create);
		my $holder = holder("LOCK TABLE $place->[1] IN SHARE MODE");
		my $caller = begin($drop);
		$ways{$way}->(runner_that_waits($place->[1]));
		end($caller);
		let_go($holder);
		wait_for_server($node);
		if (one($node, 'postgres', "SELECT count(*) FROM svc.provisioning WHERE step = 'drop'") eq '1')
		{
			my ($rc, $out, $err) = $node->psql('postgres', $create);
			like($err, qr/is being dropped/, "$way, $place->[0]: it is half dropped, and cannot be made");
		}
		$node->safe_psql('postgres', $drop);
		is_gone("$way, $place->[0] while it is dropped: the next call finishes that");
	}
}

# The caller goes: its runner goes on, and the next call waits for it
my $holder = holder('LOCK TABLE pg_authid IN SHARE MODE');
my $caller = begin($create);
runner_that_waits('pg_authid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT svc.create_service%' AND backend_type = 'client backend'");
end($caller);
my $next = begin($create);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND backend_type = 'client backend'") or die;
let_go($holder);
is(end($next), "finished\n", 'a lost client: its runner goes on, and the next call finishes the job');
same_text(fingerprint('auth'), $expected, 'as it should be');
$node->safe_psql('postgres', $drop);

# The caller goes before its runner has the lock that keeps the next caller out.
# That one finds nothing, and begins; so the runner must not any more
sub answer
{
	my ($session, $sql) = @_;
	take($session, $sql);
	return $session->{out} =~ s/^done$//mr =~ s/^\s+|\s+$//gr;
}

sub wait_until
{
	my ($session, $sql) = @_;
	for (1 .. 600)
	{
		return if answer($session, $sql) eq 't';
		sleep 0.02;
	}
	die "not so: $sql";
}

{
	# all are connected before the locks that keep others from connecting
	my ($watch, $first, $second, $roles, $settings) = map { holder('COMMIT') } 1 .. 5;
	my $pid = answer($first, 'SELECT pg_backend_pid()');
	my $waits = "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = '%s'::regclass AND pid %s $pid";

	take($roles, 'BEGIN; LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
	$first->{in} .= "$create;\n";
	$first->{run}->pump_nb;
	wait_until($watch, sprintf($waits, 'pg_authid', '='));
	take($settings, 'BEGIN; LOCK TABLE pg_db_role_setting IN ACCESS EXCLUSIVE MODE');
	let_go($roles);
	wait_until($watch, sprintf($waits, 'pg_db_role_setting', '<>'));
	is(answer($watch, "SELECT pg_terminate_backend($pid, 60000)"), 't', 'a caller goes while its runner is on its way');
	$second->{out} = '';
	$second->{in} .= "$create;\n\\echo done\n";
	$second->{run}->pump_nb;
	let_go($settings);
	$second->{run}->pump until $second->{out} =~ /^done$/m;
	like($second->{out}, qr/^created$/m, 'the next call makes it');
	same_text(fingerprint('auth'), $expected, 'once');
	let_go($_) foreach $watch, $first, $second;
	$node->safe_psql('postgres', $drop);
}

# Cancelled: the runner stops, and nothing waits for ever
$holder = holder('LOCK TABLE pg_authid IN SHARE MODE');
$caller = begin($create);
my $runner = runner_that_waits('pg_authid');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT svc.create_service%' AND backend_type = 'client backend'");
like(end($caller), qr/57014: canceling statement due to user request/, 'a cancelled call is cancelled');
rows($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $runner", '0', 'with its runner');
let_go($holder);
rows($node, 'postgres', "SELECT count(*) FROM svc.status() WHERE item = 'service auth' AND state = 'warning'", '1', 'and svc.status() says what is not finished');
next_calls('cancelled', qr/^finished$/);
$holder = holder('LOCK TABLE pg_authid IN SHARE MODE');
$caller = begin("SET statement_timeout = '1s'; $create");
like(end($caller), qr/57014|25001/, 'statement_timeout');
let_go($holder);
$node->safe_psql('postgres', 'SELECT svc.drop_service(service, drop_objects => true) FROM svc.provisioning');
is_gone('taken back');

# The runner is cancelled: so is the call
$holder = holder('LOCK TABLE pg_authid IN SHARE MODE');
$caller = begin($create);
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . runner_that_waits('pg_authid') . ')');
like(end($caller), qr/57014/, 'a cancelled runner cancels its call');
let_go($holder);
next_calls('runner cancelled', qr/^finished$/);

# Eight at once
my @sessions = map { begin($create) } 1 .. 8;
is(join(' ', sort map { end($_) =~ s/\n//r } @sessions), 'created' . ' unchanged' x 7, 'eight sessions at once: one makes it');
same_text(fingerprint('auth'), $expected, 'once');
$node->safe_psql('postgres', $drop);

# The template is in use
my $template = begin('SELECT pg_sleep(60)', 'template1');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'template1' AND query LIKE '%pg_sleep%'") or die;
my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$create");
like($err, qr/55006: source database "template1" is being accessed by other users/, 'the template database is in use');
is_gone('that leaves nothing behind');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'template1'");
end($template);

# An error inside of the new database takes it back
$node->safe_psql('template1', 'CREATE SCHEMA svc');
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$create");
like($err, qr/42P06: schema "svc" already exists/, 'the template has something in the way');
like($err, qr/in database "auth_db"/, 'the error says where');
is_gone('that leaves nothing behind');
$node->safe_psql('template1', 'DROP SCHEMA svc');

# Its database is in use, its roles are used elsewhere
$node->safe_psql('postgres', $create);
my $user = begin('SELECT pg_sleep(60)', 'auth_db');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'auth_db'") or die;
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$drop");
like($err, qr/55006: database "auth_db" is being accessed by other users/, 'a database in use is not dropped');
same_text(fingerprint('auth'), $expected, 'and nothing of it');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'auth_db'");
end($user);
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE TABLE t (); ALTER TABLE t OWNER TO auth_owner');
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$drop");
like($err, qr/2BP01: role "auth_owner" cannot be dropped because it owns objects or has rights in database "other"/, 'roles that own something elsewhere are not dropped');
same_text(fingerprint('auth'), $expected, 'nor anything else');
$node->safe_psql('postgres', 'DROP DATABASE other');
$node->safe_psql('auth_db', "CREATE TABLE users (id int PRIMARY KEY); ALTER TABLE users OWNER TO auth_owner; SELECT svc.publish('auth', 'users', 'users'), svc.grant_contract('auth', 'cart')");
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$drop");
like($err, qr/2BP01: cannot drop service "auth" because other services may read its contract/, 'nor a service that others read');
$node->safe_psql('postgres', $drop =~ s/true\)/true, force => true)/r);
is_gone('unless they cannot be asked, and it is forced');

# A role that was dropped behind our back
$node->safe_psql('postgres', $create);
$node->safe_psql('auth_db', 'DROP OWNED BY auth_migrator');
$node->safe_psql('postgres', 'DROP ROLE auth_migrator');
rows($node, 'postgres', $create, 'unchanged', 'a role dropped behind our back');
rows($node, 'auth_db', "SELECT count(*) FROM svc.services", '1', 'the service still shows');
$node->safe_psql('postgres', $drop);
is_gone('and can be dropped');

# No client logs in as the owner role; the runner does
$node->safe_psql('postgres', $create);
($rc, $err) = connects($node, 'auth_db', 'auth_owner');
like($err, qr/too many connections for role "auth_owner"|role "auth_owner" is not permitted to log in/, 'no client logs in as the owner role');
like(one($node, 'postgres', "CALL svc.run(ARRAY['SELECT session_user'], 'auth')"), qr/auth_owner/, 'the runner does');
# clients that try it at the same time do not keep it out
my @knocking = map { begin("\\! for i in 1 2 3 4 5 6 7 8 9 10; do psql -U auth_owner -c 'SELECT 1' auth_db; done") } 1 .. 2;
my $runs = 0;
for (1 .. 20)
{
	($rc, $out, $err) = $node->psql('postgres', "CALL svc.run(ARRAY['SELECT session_user'], 'auth')");
	$runs++ if $rc == 0;
}
is($runs, 20, 'while clients knock at the door, too');
end($_) foreach @knocking;

# What a session leaves behind: nothing, and no snapshot while it waits
$holder = holder('LOCK TABLE pg_authid IN SHARE MODE');
$caller = begin("CALL svc.run(ARRAY['SELECT pg_sleep(100)'], 'auth')");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'svc_ownership runner' AND wait_event = 'PgSleep'") or die;
rows($node, 'postgres', "SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE query LIKE 'CALL svc.run%' AND backend_type = 'client backend'", 't', 'the caller waits without a snapshot');
rows($node, 'postgres', "SELECT query, usename, datname FROM pg_stat_activity WHERE backend_type = 'svc_ownership runner'", 'SELECT pg_sleep(100)|auth_owner|auth_db', 'and the runner shows what it does');
let_go($holder);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'svc_ownership runner'");
end($caller);

# Settings of the database that an owner may set do not reach what we do there
$node->safe_psql('postgres', "ALTER DATABASE auth_db SET role = 'auth_writer'; ALTER DATABASE auth_db SET search_path = 'nowhere'; ALTER DATABASE auth_db SET default_transaction_read_only = on; ALTER DATABASE auth_db SET statement_timeout = 1");
like(one($node, 'postgres', "CALL svc.run(ARRAY['SET statement_timeout = 0', 'SELECT current_user'], 'auth')"), qr/auth_owner/, 'a database\'s settings do not change who a runner is');
$node->safe_psql('postgres', $drop);
is_gone('nor keep it from being dropped');

# A bootstrap superuser whom nobody logs in as
my $bootstrap = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', "CREATE ROLE other_superuser SUPERUSER LOGIN; ALTER ROLE \"$bootstrap\" NOLOGIN");
is($node->safe_psql('postgres', $create, extra_params => [ '-U', 'other_superuser' ]), 'created', 'the bootstrap superuser may not log in');
$node->safe_psql('postgres', $_, extra_params => [ '-U', 'other_superuser' ]) foreach $drop, "ALTER ROLE \"$bootstrap\" LOGIN";
$node->safe_psql('postgres', 'DROP ROLE other_superuser');

# C code that looks at the session's client: there is none
SKIP:
{
	skip 'no sslinfo here', 1 if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'sslinfo'") eq '0';
	$node->safe_psql('postgres', $create);
	$node->safe_psql('auth_db', 'CREATE EXTENSION sslinfo');
	like(one($node, 'postgres', "CALL svc.run(ARRAY['SELECT ssl_is_used(), ssl_version(), inet_client_addr()', 'SET tcp_keepalives_idle = 10'], 'auth')"),
		qr/\["f", null, null\]/, 'a runner looks like a session with a client');
	$node->safe_psql('postgres', $drop);
}

# Encodings: the caller's is that of all strings, and names are bytes that all
# databases share
$node->safe_psql('postgres', $create);
foreach my $statement ("SELECT set_config('client_encoding', 'LATIN1', false), U&'caf\\00E9'",
	"DO \$\$ BEGIN PERFORM set_config('client_encoding', 'LATIN1', false); RAISE '%', U&'caf\\00E9'; END \$\$")
{
	my ($rc, $out, $err) = $node->psql('postgres', "CALL svc.run(ARRAY[\$s\$$statement\$s\$], 'auth')");
	like($err, qr/ERROR:  (invalid byte sequence for encoding "UTF8": 0xe9|caf\?)/, 'a statement cannot send what is in another encoding');
}
$node->safe_psql('postgres', $drop);
$node->safe_psql('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
$node->safe_psql('latin', 'CREATE EXTENSION svc_ownership');
($rc, $out, $err) = $node->psql('latin', "SELECT svc.create_service(U&'caf\\00E9', database => 'auth_db')");
like($err, qr/has characters other than those of ASCII\n.*whose encoding is UTF8 and not LATIN1/, 'a name that would be another one there is refused');
rows($node, 'latin', "SET client_min_messages = warning; SELECT svc.create_service('auth', database => 'auth_db', team => U&'caf\\00E9')", 'created', 'from a database of another encoding');
rows($node, 'auth_db', "SELECT team = U&'caf\\00E9' FROM svc.services WHERE service = 'auth'", 't', 'texts arrive as they are');
like(one($node, 'latin', "SET client_encoding = 'UTF8'; CALL svc.run(ARRAY[U&'SELECT length(''caf\\00E9'')'], 'auth')"), qr/"4"/, 'statements, too');
is(outcome($node, 'latin', "!CALL svc.run(ARRAY['SELECT chr(8364)'], 'auth')"), '22P05', 'what has no equivalent is an error');
$node->safe_psql('latin', "SELECT svc.drop_service('auth', drop_objects => true)");
$node->safe_psql('postgres', 'DROP DATABASE latin');
is_gone('dropped from there');

# By somebody who may make databases and roles, and is no superuser
$node->safe_psql('postgres', 'CREATE ROLE maker LOGIN CREATEDB CREATEROLE; GRANT EXECUTE ON FUNCTION svc.create_service, svc.drop_service TO maker');
my @maker = (extra_params => [ '-U', 'maker' ]);
is($node->safe_psql('postgres', $create, @maker), 'created', 'made by a role with CREATEDB and CREATEROLE');
rows($node, 'auth_db', 'SELECT count(*) FROM svc.check_grants()', '0', 'as declared');
rows($node, 'auth_db', "SELECT pg_has_role('maker', 'auth_owner', 'MEMBER')", 't', 'who acts for it');
($rc, $out, $err) = $node->psql('postgres', "SELECT svc.create_service('x', database => 'x_db', extensions => '{file_fdw}')", @maker);
like($err, qr/permission denied to create extension "file_fdw"/, 'extensions that he may not create are refused before');
is($node->safe_psql('postgres', $drop, @maker), '', 'and dropped by him');
is_gone('without a trace');

# A database that allows no connections
$node->safe_psql('postgres', 'CREATE DATABASE closed ALLOW_CONNECTIONS false');
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT svc.create_service('closed', database => 'closed', adopt => true)");
like($err, qr/55000: database "closed" allows no connections/, 'a database that allows no connections is not adopted');
$node->safe_psql('postgres', 'DROP DATABASE closed');
$node->safe_psql('postgres', $create);
$node->safe_psql('postgres', 'ALTER DATABASE auth_db ALLOW_CONNECTIONS false');
foreach my $call ("CALL svc.run(ARRAY['SELECT 1'], 'auth')", $drop)
{
	($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$call");
	like($err, qr/55000: database "auth_db" is not currently accepting connections/, 'nor is anything done in a service\'s that was closed');
}
$node->safe_psql('postgres', 'ALTER DATABASE auth_db ALLOW_CONNECTIONS true');
$node->safe_psql('postgres', $drop);
is_gone('opened again it is dropped');

# Fifty in one run, and the view over them
my $start = time;
$node->safe_psql('postgres', "SELECT svc.create_service('s' || g, database => 's' || g || '_db') FROM generate_series(1, 50) g");
note(sprintf('50 service databases: %.1f s', time - $start));
rows($node, 'postgres', "SELECT count(*), count(DISTINCT database) FROM svc.services WHERE form = 'database'", '50|50', '50 service databases in one statement');
rows($node, 's7_db', "SELECT form, database, owner FROM svc.services WHERE service = 's7'", 'database|s7_db|s7_owner', 'each knows itself');
rows($node, 's7_db', "SELECT count(*) FROM svc.services", '50', 'and sees the others');
$node->safe_psql('postgres', "CREATE ROLE s50_login LOGIN");
$node->safe_psql('s50_db', "SELECT svc.grant_role('s50', 's50_login', 'writer')");
is(scalar connects($node, 's50_db', 's50_login'), 0, 'a service\'s login connects to its database');
my $refused = grep { connects($node, "s${_}_db", 's50_login') == 2 } 1 .. 49;
is($refused, 49, 'and to none of the 49 others');
$node->safe_psql('s50_db', "SELECT svc.revoke_role('s50', 's50_login')");
$node->safe_psql('postgres', 'DROP ROLE s50_login; SELECT svc.drop_service(service, drop_objects => true) FROM svc.services');
rows($node, 'postgres', "SELECT count(*) FROM svc.services", '0', 'all dropped');

# No free worker
$node->append_conf('postgresql.conf', 'max_worker_processes = 1');
$node->restart;
my $state = outcome($node, 'postgres', "!SET svc_ownership.worker_wait = '200ms'\\; SELECT 1");
($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET svc_ownership.worker_wait = '200ms';\nSELECT svc.create_service('x', database => 'x_db');");
like($err, qr/53000: no background worker is free.*DETAIL:.*max_worker_processes \(1\).*HINT:.*worker_wait/s, 'no free worker: said after the wait');
rows($node, 'postgres', "SELECT count(*) FROM svc.provisioning", '0', 'nothing was begun');

# One that gets free is waited for
$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$node->restart;
rows($node, 'postgres', $create, 'created', 'with a single worker a service can be made');
my $busy = begin("CALL svc.run(ARRAY['SELECT pg_sleep(100)'], 'auth')");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'") or die;
my $waiting = begin("CALL svc.run(ARRAY['SELECT 1'], 'auth')");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND query LIKE 'CALL svc.run(ARRAY[''SELECT 1''%' AND backend_type = 'client backend'") or die;
sleep 0.5;
$waiting->{run}->pump_nb;
is($waiting->{out} . $waiting->{err}, '', 'a call waits for a free worker');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
end($busy);
like(end($waiting), qr/SELECT 1/, 'as long as it takes');
$node->safe_psql('postgres', $drop);

# The disk is full while the database is copied: a limit on the size of files
# does the same, at the same place
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->safe_psql('template1', 'CREATE TABLE large AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 60000) g; CHECKPOINT');
$node->stop;
my $started = system('bash', '-c', "ulimit -f 20000; exec pg_ctl -s -w -D '" . $node->data_dir . "' -l '" . $node->logfile . "' start");
is($started, 0, 'the server runs with little room');
($rc, $out, $err) = $node->psql('postgres', $create);
like($err, qr/could not (extend|write).*(File too large|No space left)/s, 'no room for the database');
is_gone('nothing is left of it');
system('pg_ctl', '-s', '-w', '-D', $node->data_dir, '-m', 'fast', 'stop');
$node->start;
$node->safe_psql('template1', 'DROP TABLE large');
rows($node, 'postgres', $create, 'created', 'and with room it is made');

$node->stop;
done_testing();
