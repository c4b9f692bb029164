# SvcTest.pm: what several TAP tests share: a server with the library, and a way
# to run many statements in one session and get the SQLSTATE of each.

package SvcTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

# A password file of the machine's must not leak in
delete $ENV{PGPASSFILE};

our @EXPORT = qw(new_server outcomes outcome refused allowed rows same_text one lines
  run_script run_checks dump_of catalog_facts connects logs_in roles_of skip_all_tests ask_for_passwords add_password shop_passwords
  found_later pgbouncer start_pooler stop_pooler);
# What tests of workers, and of crashes, share
our @EXPORT_OK = qw(becomes worker_in new_database expiring kill_process wait_for_server);

# Make and start a server that preloads the library, unless preload => 0.
# workers: svc_ownership.max_workers; 0 where nothing is to happen by itself, no
# autovacuum either: its transactions keep deleted keys from being settled, and
# its statistics change the order of rows.
# conf: further settings; init: arguments of initdb; install_path: of another
# server, with the extension in it; tcp: it also listens on 127.0.0.1 and asks
# for a password there.
sub new_server
{
	my ($name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name,
		$opt{install_path} ? (install_path => $opt{install_path}) : ());

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], %{ $opt{init} || {} });
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'svc_ownership'")
	  if $opt{preload} // 1;
	$node->append_conf('postgresql.conf', "log_line_prefix = '%m %p %e %b %q%u@%d '\n"
		  . "log_statement = none\n"
		  . (defined $opt{workers} ? "svc_ownership.max_workers = $opt{workers}\n" : '')
		  . ($opt{workers} // 1 ? '' : "autovacuum = off\n")
		  . ($opt{conf} // ''));
	if ($opt{tcp})
	{
		$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
		unlink $node->data_dir . '/pg_hba.conf';
		$node->append_conf('pg_hba.conf', "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256");
	}
	$node->start;
	return $node;
}

# Ends a test file that this machine cannot run.  Where everything must be tested
# (CI), that is a failure.
sub skip_all_tests
{
	my ($name, $reason) = @_;

	plan(skip_all => "$name: $reason") unless ($ENV{CI} // '') eq 'true';
	fail("$name: $reason");
	done_testing();
	exit 1;
}

# From here on the server asks everybody but its administrator for a password
sub ask_for_passwords
{
	my ($node) = @_;
	my $admin = $node->safe_psql('postgres', 'SELECT current_user');

	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', <<"HBA");
local all "$admin" trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
HBA
	$node->reload;
	return;
}

# A password that clients know from here on
sub add_password
{
	my ($dbname, $user, $password) = @_;

	PostgreSQL::Test::Utils::append_to_file($ENV{PGPASSFILE}, "*:*:$dbname:$user:$password\n");
	chmod 0600, $ENV{PGPASSFILE};
	return;
}

# Passwords for examples/shop: in the environment for databases.sql, and in a
# password file for its logins.  A prefix is that of databases.sql.
sub shop_passwords
{
	my ($prefix) = @_;

	$ENV{PGPASSFILE} //= PostgreSQL::Test::Utils::tempdir() . '/passwords';
	$prefix //= '';
	foreach my $service (qw(auth product cart promotion))
	{
		$ENV{ uc($service) . '_DB_PASSWORD' } = "secret of $service";
		add_password("${prefix}${service}_db", "${prefix}${service}_user", "secret of $service");
	}
	$ENV{POC_PASSWORD} = 'secret of poc';
	add_password("${prefix}poc", "${prefix}poc_user", 'secret of poc');
	return;
}

# PgBouncer's program; without it the test file ends here
sub pgbouncer
{
	my ($program) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
	skip_all_tests('pgbouncer', 'PgBouncer is not installed') unless $program;
	return $program;
}

# Start a pooler in transaction mode before a server, in a short directory where
# its socket lies; at most so many connections for each user and database, and
# lines of its configuration that say who is who.  Returns its process.
sub start_pooler
{
	my ($program, $node, $home, $connections, $authentication) = @_;

	open my $config, '>', "$home/pgbouncer.ini" or die;
	print $config <<"INI";
[databases]
* = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
unix_socket_dir = $home
listen_port = 6432
logfile = $home/log
pool_mode = transaction
default_pool_size = $connections
max_client_conn = 100
server_round_robin = 1
auth_type = scram-sha-256
$authentication
INI
	close $config;
	# Under sanitizers the servers are tested, not this
	delete local $ENV{LD_PRELOAD};
	my $pooler = IPC::Run::start([ $program, '-q', "$home/pgbouncer.ini" ], '<', \'', '>', "$home/output", '2>&1');
	for (1 .. 600)
	{
		return { process => $pooler, home => $home } if -S "$home/.s.PGSQL.6432";
		select undef, undef, undef, 0.1;
	}
	die "PgBouncer does not start: " . slurp_file("$home/output") . slurp_file("$home/log");
}

sub stop_pooler
{
	my ($pooler) = @_;
	my $process = $pooler ? delete $pooler->{process} : undef;

	return unless $process;
	$process->signal('INT');
	$process->finish;
	unlink "$pooler->{home}/.s.PGSQL.6432";
	return;
}

# Run statements in one session, each in a transaction that is rolled back, and
# return the SQLSTATE of each, 00000 where it succeeded.  A statement that
# begins with '!' runs outside a transaction block, and stays.  Parts of a
# statement that belong together are joined by '\;'.
# Options: user, password, commit (nothing is rolled back), before (a script).
sub outcomes
{
	my ($node, $dbname, $statements, %opt) = @_;
	my $script = $opt{before} // '';
	my ($out, $err) = ('', '');
	my @states;
	local $ENV{PGUSER} = $opt{user} if defined $opt{user};
	local $ENV{PGPASSWORD} = $opt{password} // '';

	foreach my $i (0 .. $#$statements)
	{
		my $statement = $statements->[$i];
		my $bare = $statement =~ s/^!// || $opt{commit};

		$script .= "\nBEGIN;" unless $bare;
		$script .= "\n$statement;\n\\echo '\@\@' $i :SQLSTATE\n";
		$script .= "ROLLBACK;\n" unless $bare;
	}
	$node->psql($dbname, $script, on_error_stop => 0, stdout => \$out, stderr => \$err);
	$states[$1] = $2 while $out =~ /^@@ (\d+) (\w{5})$/mg;
	foreach my $i (0 .. $#$statements)
	{
		die "no outcome of: $statements->[$i]\n$out\n$err" unless defined $states[$i];
	}
	return @states;
}

# The SQLSTATE of one statement
sub outcome
{
	my ($node, $dbname, $statement, %opt) = @_;
	return (outcomes($node, $dbname, [$statement], %opt))[0];
}

# Test that each statement ends with the SQLSTATE expected of it; returns how
# many there were.  The list: statements and SQLSTATEs in turn.
sub check_outcomes
{
	my ($node, $dbname, $list, $name, %opt) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	my @statements = map { $list->[ 2 * $_ ] } 0 .. $#$list / 2;
	my @expected = map { $list->[ 2 * $_ + 1 ] } 0 .. $#$list / 2;
	my @got = outcomes($node, $dbname, \@statements, %opt);
	my @wrong = grep { $got[$_] ne $expected[$_] } 0 .. $#got;

	ok(!@wrong, sprintf('%s (%d statements)', $name, scalar @statements));
	diag("$statements[$_]: $got[$_] instead of $expected[$_]") foreach @wrong;
	return scalar @statements;
}

# Test that every statement is refused for want of rights (42501), or with the
# SQLSTATE given for it as a pair [statement, state].
sub refused
{
	my ($node, $dbname, $statements, $name, %opt) = @_;
	return check_outcomes($node, $dbname,
		[ map { ref $_ ? @$_ : ($_, '42501') } @$statements ], $name, %opt);
}

# Test that every statement succeeds
sub allowed
{
	my ($node, $dbname, $statements, $name, %opt) = @_;
	return check_outcomes($node, $dbname, [ map { ($_, '00000') } @$statements ], $name, %opt);
}

# Run a file with psql, as one does by hand: from anywhere, without options but
# variables.  Returns its exit status, output and errors.
sub run_script
{
	my ($node, $dbname, $file, %variables) = @_;
	my $user = delete $variables{user};
	my ($out, $err);
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGUSER} = $user if defined $user;

	IPC::Run::run([ 'psql', '-X', '-d', $dbname, (map { ('-v', "$_=$variables{$_}") } sort keys %variables), '-f', $file ],
		'<', \'', '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# The exit status of a psql that connects, and its errors; its password is that of
# the environment, which test servers do not ask for unless they are told to.  It
# reads nothing: one that is refused would not, and who writes to it would break.
sub connects
{
	my ($node, $dbname, $user) = @_;
	my ($out, $err);

	IPC::Run::run([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-U', $user, '-d', $dbname, '-c', 'SELECT 1' ],
		'<', \'', '>', \$out, '2>', \$err);
	return wantarray ? ($? >> 8, $err) : $? >> 8;
}

# Who somebody is who connects over TCP with a password, or why he is refused
sub logs_in
{
	my ($node, $dbname, $user, $password) = @_;
	my ($out, $err);
	local $ENV{PGPASSWORD} = $password;

	IPC::Run::run([ 'psql', '-XAt', '-h', '127.0.0.1', '-p', $node->port, '-U', $user, '-d', $dbname, '-c', 'SELECT current_user' ],
		'<', \'', '>', \$out, '2>', \$err);
	chomp $out;
	return $out ne '' ? $out : ($err =~ /FATAL:  (.*)/)[0] // $err;
}

# Test that a key that is not there is accepted where its contract is elsewhere,
# found by whoever does what is pending, logged, and forgiven when the row is mended
sub found_later
{
	my ($node, $dbname, $reference, $key, $wrong, $right) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $violation = "SELECT state FROM svc.reference_violations WHERE reference = '$reference' AND key = '$key'";

	$node->safe_psql($dbname, $wrong);
	$node->safe_psql($dbname, 'CALL svc.run_pending()');
	rows($node, $dbname, $violation, 'open', "$reference: a key that is not there is found");
	rows($node, $dbname, "SELECT DISTINCT state FROM svc.reference_validation_log WHERE reference = '$reference' AND key = '$key'",
		'missing', 'and logged');
	$node->safe_psql($dbname, $right);
	$node->safe_psql($dbname, "CALL svc.check_references('$reference')");
	rows($node, $dbname, $violation, 'resolved', 'until the row is mended');
	return;
}

# All roles and databases of a server
sub roles_of
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		'SELECT rolname FROM pg_roles UNION ALL SELECT datname FROM pg_database ORDER BY 1');
}

# Test a script that prints a plan and a line a check: all of them ran, as many
# as expected, and none failed.
sub run_checks
{
	my ($node, $dbname, $file, $expected, %variables) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, $out, $err) = run_script($node, $dbname, $file, %variables);
	my $passed = () = $out =~ /^ok - /mg;
	my @failed = $out =~ /^(not ok - .*)$/mg;
	my ($planned) = $out =~ /^1\.\.(\d+)$/m;
	my ($name) = $file =~ m{([^/]+/[^/]+)$};

	note("$name in $dbname: $passed checks passed, " . @failed . ' failed');
	ok($rc == 0 && !@failed && $passed == $expected && ($planned // 0) == $expected,
		"$name in $dbname: $expected checks");
	diag($_) foreach @failed;
	diag("status $rc, $passed checks passed, " . ($planned // 'none') . " planned, $expected expected\n$err")
	  if $rc || $passed != $expected || ($planned // 0) != $expected;
	return $passed;
}

# Everything in a database, to see whether something changed; but for positions
# of sequences, which no rollback gives back
sub dump_of
{
	my ($node, $dbname) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	IPC::Run::run([ 'pg_dump', $dbname ], '>', \$out, '2>', \$err) or die $err;
	$out =~ s/^(\\(un)?restrict |SELECT pg_catalog\.setval).*$//mg;
	# rows that pg_dump filters come in the order of whatever plan
	$out =~ s/^(COPY .*;\n)((?:(?!\\\.\n).*\n)*)/$1 . join('', sort split m{^}m, $2)/mge;
	return $out;
}

# All that the extension says of its services in a database, table by table and
# view by view, and what more is asked; but for what differs in a copy: the
# database's name, and whether a restored service was confirmed.
sub catalog_facts
{
	my ($node, $dbname, $more) = @_;
	my $query = "SET search_path = pg_catalog;\n";

	$query .= "SELECT '$_', t.x FROM (SELECT (to_jsonb(t) - 'confirmed')::text x FROM $_ t) t ORDER BY x COLLATE \"C\";\n"
	  foreach lines($node, $dbname, "SELECT unnest(extconfig)::regclass FROM pg_extension WHERE extname = 'svc_ownership' ORDER BY 1");
	$query .= <<'SQL';
SELECT 'service', service, form, schema, owner, writer, reader, team, description FROM svc.services WHERE database = current_database() ORDER BY 2;
SELECT 'table', t.* FROM svc.tables t ORDER BY relation::text COLLATE "C";
SELECT 'grants', replace(object, current_database(), '*'), role, privilege, problem FROM svc.check_grants() WHERE privilege !~ '^SET ' ORDER BY 2, 3, 4;
SELECT 'contract', * FROM svc.check_contracts();
SELECT 'status', item, state, detail FROM svc.status() WHERE item !~ '^(service|preload|server)' ORDER BY 2, 3;
SELECT 'right', pg_describe_object(g.class_id, g.object_id, g.column_id) AS object, grantee::regrole::text, privilege, grantable
  FROM svc.granted_right g JOIN svc.service_schema x USING (schema) ORDER BY 2, 3, 4;
SELECT 'default', maker::regrole::text, schema::regnamespace::text, kind, grantee::regrole::text, privilege FROM svc.granted_default ORDER BY 2, 3, 4, 5, 6;
SELECT 'owner', i.object, i.owner::regrole FROM svc.owned_object i JOIN svc.service_schema x ON i.schema = x.schema::regnamespace::text ORDER BY 2;
SQL
	return one($node, $dbname, $query . ($more // ''));
}

# The lines that a query prints
sub lines
{
	my ($node, $dbname, $query) = @_;
	return split /\n/, $node->safe_psql($dbname, $query);
}

# Test that two long texts are equal; says which lines differ
sub same_text
{
	my ($got, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (%got, %expected);
	my $same = ok($got eq $expected, $name);

	$got{$_}++ foreach split /\n/, $got;
	$expected{$_}++ foreach split /\n/, $expected;
	diag("- $_") foreach $same ? () : grep { !$got{$_} } sort keys %expected;
	diag("+ $_") foreach $same ? () : grep { !$expected{$_} } sort keys %got;
	unless ($same)
	{
		my @got = split /\n/, $got;
		my @expected = split /\n/, $expected;
		my ($i) = grep { ($got[$_] // '') ne ($expected[$_] // '') } 0 .. ($#got > $#expected ? $#got : $#expected);
		diag(sprintf("line %d: '%s' instead of '%s'", $i + 1, $got[$i] // '', $expected[$i] // '')) if defined $i;
	}
	return $same;
}

# Test what a query prints
sub rows
{
	my ($node, $dbname, $query, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($dbname, $query), $expected, $name);
}

# The one value that a query prints
sub one
{
	my ($node, $dbname, $query) = @_;
	return $node->safe_psql($dbname, $query);
}

# What a query prints in the end, or the last that it did
sub becomes
{
	my ($server, $dbname, $query, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = Time::HiRes::time() + $PostgreSQL::Test::Utils::timeout_default;
	my $got = '';

	while (Time::HiRes::time() < $until)
	{
		$got = eval { one($server, $dbname, $query) } // $@;
		last if $got eq $expected;
		Time::HiRes::sleep(0.05);
	}
	is($got, $expected, $name);
	return;
}

# Kill a process of a server, and wait until the server has noticed: until then it
# lets people in whom it is about to throw out
sub kill_process
{
	my ($pid) = @_;

	kill 'KILL', $pid;
	Time::HiRes::sleep(0.02) while -d "/proc/$pid";
	return;
}

# Wait until the server, which lost a process, has come back.  psql gets no input:
# one that is refused may be gone before it could be written to.
sub wait_for_server
{
	my ($server) = @_;
	my $until = Time::HiRes::time() + 120;
	my ($out, $err);

	while (Time::HiRes::time() < $until)
	{
		return if IPC::Run::run([ 'psql', '-XAtq', '-d', $server->connstr('postgres'), '-c', 'SELECT 1' ],
			'<', \undef, '>', \$out, '2>', \$err);
		Time::HiRes::sleep(0.05);
	}
	BAIL_OUT("the server does not come back: $err");
}

# A query: is there a worker in a database?
sub worker_in
{
	my ($dbname) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = '$dbname'";
}

# A database with the extension, and what a script makes in it
sub new_database
{
	my ($server, $name, $script) = @_;

	$server->safe_psql('postgres', "CREATE DATABASE $name");
	$server->safe_psql($name, "CREATE EXTENSION svc_ownership;\n" . ($script // ''));
	return;
}

# A script: a table whose rows expire; each takes so many milliseconds to go
sub expiring
{
	my ($rows, $milliseconds) = @_;
	return <<"SQL";
CREATE TABLE sessions (id int, expires_at timestamptz);
CREATE INDEX ON sessions (expires_at);
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    PERFORM pg_sleep($milliseconds / 1000.0);
    RETURN OLD;
END \$\$;
CREATE TRIGGER slow BEFORE DELETE ON sessions FOR EACH ROW WHEN ($milliseconds > 0) EXECUTE FUNCTION slow();
INSERT INTO sessions SELECT g, now() - g * interval '1 s' FROM generate_series(1, $rows) g;
SELECT svc.keep_rows('sessions', 'expires_at', '0');
SQL
}

1;
