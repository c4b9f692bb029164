# A migration may be killed at any moment: its client, its runner, or the server.
# The next call must end in the schema and the history of a run that nobody
# disturbed, with no invalid index left behind.  Six files, in each of the five
# formats, are killed after every one of their statements, in three ways.

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

my $node = new_server('main', preload => 0, conf => "fsync = off\nautovacuum = off\n");

# What the files do: name, whether it can be one transaction, statements
my @files = (
	[ 'accounts', 1,
		'CREATE TABLE accounts (id bigint PRIMARY KEY, email text NOT NULL)',
		"INSERT INTO accounts SELECT g, 'a' || g FROM generate_series(1, 20) g",
		'CREATE INDEX accounts_email ON accounts (email)',
		'CREATE VIEW account_emails AS SELECT email FROM accounts' ],
	[ 'orders', 0,
		'CREATE TABLE orders (id bigint PRIMARY KEY, account bigint NOT NULL, total numeric)',
		'INSERT INTO orders SELECT g, g % 20, g * 1.5 FROM generate_series(1, 100) g',
		'CREATE INDEX CONCURRENTLY orders_account ON orders (account)',
		'ALTER TABLE orders ADD COLUMN note text',
		'CREATE INDEX CONCURRENTLY ON orders (total, note)',
		'DROP INDEX CONCURRENTLY accounts_email' ],
	[ 'blocks', 0,
		'BEGIN',
		'CREATE TABLE blocks (id int)',
		'INSERT INTO blocks VALUES (1), (2)',
		'COMMIT',
		'CREATE TABLE between (id int)',
		'BEGIN',
		'ALTER TABLE blocks ADD COLUMN name text',
		"UPDATE blocks SET name = 'block ' || id",
		'COMMIT' ],
	[ 'session', 0,
		"SET work_mem = '5MB'",
		'CREATE TEMP TABLE stage (id int)',
		'INSERT INTO stage SELECT generate_series(1, 10)',
		"PREPARE more AS INSERT INTO stage VALUES (\$1)",
		'CREATE TABLE staged (id int, memory text)',
		'CREATE INDEX CONCURRENTLY staged_id ON staged (id)',
		"INSERT INTO staged SELECT id, current_setting('work_mem') FROM stage",
		'ALTER TABLE staged ADD COLUMN done boolean' ],
	[ 'types', 1,
		"CREATE TYPE state AS ENUM ('new', 'paid')",
		"CREATE TABLE invoices (id int, state state DEFAULT 'new')",
		"CREATE FUNCTION paid(state) RETURNS boolean LANGUAGE sql AS \$\$ SELECT \$1 = 'paid'; \$\$",
		'CREATE INDEX ON invoices (id) WHERE paid(state) IS NULL',
		"COMMENT ON TABLE invoices IS 'a; b'" ],
	[ 'parts', 0,
		'CREATE TABLE parts (id int) PARTITION BY RANGE (id)',
		'CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10)',
		'CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20)',
		'INSERT INTO parts SELECT generate_series(1, 19)',
		'ALTER TABLE parts DETACH PARTITION parts_2 CONCURRENTLY',
		'REINDEX TABLE CONCURRENTLY orders',
		'VACUUM orders',
		'ALTER TABLE parts_2 ADD COLUMN kept boolean' ]);

# By format: the files as somebody would hand them over
sub in_sql { return join(";\n", @_) . ";\n"; }

sub in_goose
{
	my ($atomic, @statements) = @_;
	return "-- +goose " . ($atomic ? '' : "NO TRANSACTION\n-- +goose ") . "Up\n"
	  . join('', map { "-- +goose StatementBegin\n$_;\n-- +goose StatementEnd\n" } @statements);
}

my %folders = (
	'plain' => sub { my ($i, $name, $atomic, @s) = @_; return ("00${i}_$name.sql" => in_sql(@s)); },
	'flyway' => sub {
		my ($i, $name, $atomic, @s) = @_;
		return ("V00${i}__$name.sql" => in_sql(@s), $atomic ? () : ("V00${i}__$name.sql.conf" => "executeInTransaction=false\n"));
	},
	'goose' => sub { my ($i, $name, $atomic, @s) = @_; return ("0000${i}_$name.sql" => in_goose($atomic, @s)); },
	'golang-migrate' => sub { my ($i, $name, $atomic, @s) = @_; return ("00000${i}_$name.up.sql" => in_sql(@s)); },
	'drizzle' => sub { my ($i, $name, $atomic, @s) = @_; return ("000${i}_$name.sql" => join("\n--> statement-breakpoint\n", @s) . "\n"); });

# The files of a format as JSON
sub folder
{
	my ($format) = @_;
	my (%folder, @entries);

	foreach my $i (1 .. @files)
	{
		my ($name) = $files[ $i - 1 ]->[0];
		%folder = (%folder, $folders{$format}->($i, @{ $files[ $i - 1 ] }));
		push @entries, { idx => $i - 1, version => '7', when => 1700000000000 + $i, tag => "000${i}_$name", breakpoints => JSON::PP::true };
	}
	$folder{'meta/_journal.json'} = encode_json({ version => '7', dialect => 'postgresql', entries => \@entries })
	  if $format eq 'drizzle';
	return encode_json(\%folder);
}

# Holds the run after the nth statement that an event trigger sees
$node->safe_psql('template1', 'CREATE EXTENSION svc_ownership');
$node->safe_psql('template1', <<'SQL');
SELECT svc.create_service('shop', schema => 'shop', login => 'shop_user', password => 'x');
CREATE SCHEMA gate;
CREATE TABLE gate.stop (at int);
INSERT INTO gate.stop VALUES (0);
CREATE SEQUENCE gate.passed;
CREATE FUNCTION gate.hold() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	IF EXISTS (SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = 'svc_ownership migration') THEN
		n := nextval('gate.passed');
		WHILE n = (SELECT at FROM gate.stop) LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END IF;
END $$;
GRANT USAGE ON SCHEMA gate TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA gate TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA gate TO PUBLIC;
CREATE EVENT TRIGGER gate ON ddl_command_end EXECUTE FUNCTION gate.hold();
SQL

# Everything that a run leaves, but for times and numbers of attempts
my $fingerprint = <<'SQL';
SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner), i.indisvalid, i.indisready, pg_get_indexdef(c.oid), pg_get_viewdef(c.oid)
  FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
 WHERE c.relnamespace = 'shop'::regnamespace ORDER BY 1;
SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
 WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind = 'r' AND attnum > 0 ORDER BY attrelid::regclass::text, attnum;
SELECT inhrelid::regclass, inhdetachpending FROM pg_inherits ORDER BY inhrelid::regclass::text;
SELECT 'accounts', md5(string_agg(t::text, ',' ORDER BY t)) FROM shop.accounts t;
SELECT 'orders', md5(string_agg(t::text, ',' ORDER BY t)) FROM shop.orders t;
SELECT 'blocks', string_agg(t::text, ',' ORDER BY t) FROM shop.blocks t;
SELECT 'staged', string_agg(t::text, ',' ORDER BY t) FROM shop.staged t;
SELECT 'parts', (SELECT count(*) FROM shop.parts), (SELECT count(*) FROM shop.parts_2);
SELECT version, description, kind, state, script, checksum FROM svc.migrations('shop');
SELECT problem, script FROM svc.validate_migrations('shop');
SELECT version, script, statement, statements FROM svc.migration_history WHERE outcome = 'success' ORDER BY attempt;
SQL

# A session that asks and answers, for as long as the server runs
my %control;

sub ask
{
	my ($sql) = @_;
	unless ($control{run})
	{
		%control = (in => '', out => '');
		$control{run} = IPC::Run::start([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-d', 'postgres' ],
			'<', \$control{in}, '>', \$control{out}, '2>&1', IPC::Run::timeout(600));
	}
	$control{out} = '';
	$control{in} .= "$sql;\n\\echo =\n";
	$control{run}->pump until $control{out} =~ /^=$/m;
	$control{out} =~ s/^=\n\z//m;
	chomp $control{out};
	return $control{out};
}

sub hang_up
{
	eval { $control{in} .= "\\q\n"; $control{run}->finish; };
	%control = ();
	return;
}

sub begin
{
	my ($dbname) = @_;
	my %session = (out => '');
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-d', $dbname, '-c', "CALL svc.migrate('shop')" ],
		'<', \'', '>', \$session{out}, '2>&1', IPC::Run::timeout(120));
	return \%session;
}

# The runner in the gate
sub held_runner
{
	my ($dbname) = @_;
	for (1 .. 2000)
	{
		my $pid = ask("SELECT pid FROM pg_stat_activity WHERE backend_type = 'svc_ownership migration'"
			  . " AND datname = '$dbname' AND wait_event = 'PgSleep'");
		return $pid if $pid ne '';
		sleep 0.01;
	}
	die 'no runner is held';
}

sub wait_for_no_runner
{
	for (1 .. 2000)
	{
		return if ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'svc_ownership migration'") eq '0';
		sleep 0.01;
	}
	die 'the runner does not end';
}

my %ways = (
	client => sub {
		my ($session, $pid, $dbname) = @_;
		$session->{run}->kill_kill(grace => 0);
		$node->safe_psql($dbname, 'UPDATE gate.stop SET at = 0');
		wait_for_no_runner();
	},
	runner => sub {
		my ($session, $pid, $dbname) = @_;
		ask("SELECT pg_terminate_backend($pid)");
		$session->{run}->finish;
	},
	server => sub {
		my ($session) = @_;
		hang_up();
		$node->stop('immediate');
		$session->{run}->finish;
		$node->start;
	});

my %kills = map { $_ => 0 } keys %ways;

# Kill one run after a statement, and look at what the next call makes of it
sub kill_after
{
	my ($format, $n, $way, $expected) = @_;
	my $name = "$format, killed after statement $n, $way";

	ask("CREATE DATABASE victim TEMPLATE base");
	$node->safe_psql('victim', "UPDATE gate.stop SET at = $n");
	my $session = begin('victim');
	$ways{$way}->($session, held_runner('victim'), 'victim');
	$kills{$way}++;
	my ($rc, $out, $err) = $node->psql('victim', "UPDATE gate.stop SET at = 0;\nCALL svc.migrate('shop');\n$fingerprint");
	my $same = $out eq $expected && $rc == 0;
	same_text($out, $expected, $name) unless $same;
	diag($err) unless $same;
	ask('DROP DATABASE victim WITH (FORCE)');
	return $same;
}

foreach my $format (sort keys %folders)
{
	my $start = time;
	my $failures = 0;
	my $before = $kills{client} + $kills{runner} + $kills{server};

	$node->safe_psql('postgres', 'CREATE DATABASE base');
	$node->safe_psql('base', "SELECT svc.load_migrations('shop', '" . (folder($format) =~ s/'/''/gr) . "'::jsonb, '$format')");
	$node->safe_psql('postgres', 'CREATE DATABASE whole TEMPLATE base');
	my ($rc, $expected, $err) = $node->psql('whole', "CALL svc.migrate('shop');\n$fingerprint");
	is($rc, 0, "$format: an undisturbed run") or diag($err);
	my $gates = $node->safe_psql('whole', 'SELECT last_value FROM gate.passed');
	$node->safe_psql('postgres', 'DROP DATABASE whole');
	foreach my $n (1 .. $gates)
	{
		foreach my $way (sort keys %ways)
		{
			$failures++ unless kill_after($format, $n, $way, $expected);
		}
	}
	hang_up();
	$node->safe_psql('postgres', 'DROP DATABASE base');
	my $done = $kills{client} + $kills{runner} + $kills{server} - $before;
	is($failures, 0, "$format: the same schema and history after each of $done kills at $gates places");
	note(sprintf('%s: %.0f s', $format, time - $start));
}

my $all = $kills{client} + $kills{runner} + $kills{server};
cmp_ok($all, '>=', 300, "$all kills: $kills{client} clients, $kills{runner} runners, $kills{server} servers");

done_testing();
