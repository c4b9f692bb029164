# A migration may be cut short anywhere: the client is gone, the server process
# that runs it is terminated, the server crashes.  Whoever calls svc.migrate next
# must get to where an uninterrupted run ends: the same schema and rows, the same
# history, no invalid index, and the real tool agrees.
#
# Files of four tools, whose histories were adopted, stop at a gate after each of
# their statements.  At each gate the run is cut short, in three ways, and started
# again.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT kill_process wait_for_server);
use Interop;
use Test::More;

tool($_) foreach 'flyway-13.12.0', 'goose', 'golang_migrate', 'drizzle-0.45';

# A crashed server is to come back by itself.  (With wal_level = minimal, the
# default of tests, it forgets what the sequence of Goose's table gave out.)
my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\nrestart_after_crash = on\nwal_level = replica\n");
my $flyway = start_flyway('13.12.0');
my $kills = 0;

# ---- gates ----

# A gate is shut while its number is in control.stop
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION svc_ownership;
CREATE SCHEMA control;
CREATE TABLE control.stop (n int);
GRANT USAGE ON SCHEMA control TO PUBLIC;
GRANT SELECT ON control.stop TO PUBLIC;
CREATE FUNCTION control.gate(k int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM control.stop WHERE n = k)
	LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SQL

# ---- the migrations: files as lists of statements, a gate after each ----

my $first = [ 'CREATE TABLE item (id int PRIMARY KEY, name text, updated_at timestamptz)', "INSERT INTO item VALUES (1, 'a;b')" ];
my @migrations = (
	{ statements => [ "CREATE TYPE mood AS ENUM ('good', 'bad')", "ALTER TABLE item ADD mood mood; INSERT INTO item VALUES (2, 'b', NULL, 'bad')" ] },
	{ apart => 1, statements => [ "INSERT INTO item VALUES (3, 'c')", 'CREATE INDEX CONCURRENTLY item_name ON item (name)', "INSERT INTO item VALUES (4, 'd')", 'CREATE UNIQUE INDEX CONCURRENTLY item_both ON item (id, name)' ] },
	{ statements => [ "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS \$body\$ BEGIN RETURN n; RETURN 2 * n; END \$body\$", 'CREATE VIEW shown AS SELECT id FROM item' ] },
	{ apart => 1, statements => [ 'VACUUM item', "ALTER TYPE mood ADD VALUE 'none'; UPDATE item SET mood = 'none' WHERE id = 4" ] },
	{ statements => [ 'CREATE TEMPORARY TABLE scratch AS SELECT 5 AS id', "INSERT INTO item SELECT id, 'e' FROM scratch; DROP TABLE scratch" ] },
	{ statements => [ 'ALTER TABLE item RENAME name TO title; DELETE FROM item WHERE id = 1', "SELECT svc.keep_updated_at('item')" ] });

# The statements of a file with their gates, which are numbered through
my $gates = 0;
sub with_gates { return map { ($_, 'SELECT control.gate(' . ++$gates . ')') } @_ }
$_->{statements} = [ with_gates(@{ $_->{statements} }) ] foreach @migrations;

sub sql { return join '', map { "$_;\n" } @_ }

# Goose must not cut inside of a body
sub goose_up
{
	my (%migration) = @_;
	my $text = $migration{apart} ? "-- +goose NO TRANSACTION\n" : '';
	return "$text-- +goose Up\n" . join '', map { "-- +goose StatementBegin\n$_;\n-- +goose StatementEnd\n" } @{ $migration{statements} };
}

# All files of a format, of so many of the migrations
sub files_in
{
	my ($format, @list) = @_;
	my (%files, @entries);
	my $n = 0;

	foreach my $migration (@list)
	{
		my $tag = sprintf '%04d_t', ++$n;
		my $text = sql(@{ $migration->{statements} });
		if ($format eq 'flyway')
		{
			$files{"V${n}__t.sql"} = $text;
			$files{"V${n}__t.sql.conf"} = "executeInTransaction=false\n" if $migration->{apart};
		}
		elsif ($format eq 'goose') { $files{"$tag.sql"} = goose_up(%$migration) }
		elsif ($format eq 'golang-migrate') { $files{"$tag.up.sql"} = $text }
		else
		{
			$files{"$tag.sql"} = join "\n--> statement-breakpoint\n", @{ $migration->{statements} };
			push @entries, { idx => $n - 1, version => '7', when => 1704110400123 + 60000 * $n, tag => $tag, breakpoints => JSON::PP::true };
		}
	}
	$files{'meta/_journal.json'} = encode_json({ version => '7', dialect => 'postgresql', entries => \@entries }) if @entries;
	return \%files;
}

# ---- the tools: apply the first file, and agree at the end ----

my %tool = (
	flyway => {
		first => sub { my ($copy) = @_; flyway($flyway, 'migrate', $copy) },
		agrees => sub { my ($copy) = @_; my $said = flyway($flyway, 'migrate', $copy); flyway($flyway, 'validate', $copy)->{ok} && $said->{ok} && !$said->{executed} },
		table => 'SELECT installed_rank, version, description, type, script, checksum, success FROM flyway_schema_history ORDER BY 1' },
	goose => {
		first => sub { my ($copy) = @_; goose($copy, 'up') },
		agrees => sub { my ($copy) = @_; (goose($copy, 'up'))[1] =~ /no migrations to run/ },
		table => 'SELECT version_id, is_applied FROM goose_db_version ORDER BY id' },
	drizzle => {
		first => sub { my ($copy) = @_; drizzle('0.45', $copy) },
		agrees => sub { my ($copy) = @_; (drizzle('0.45', $copy))[0] == 0 },
		table => 'SELECT hash, created_at FROM drizzle.__drizzle_migrations ORDER BY id' },
	'golang-migrate' => {
		first => sub { my ($copy) = @_; golang_migrate($copy, 'up') },
		agrees => sub { my ($copy) = @_; (golang_migrate($copy, 'up'))[1] =~ /no change/ },
		table => 'SELECT version, dirty FROM schema_migrations' });

sub prepare
{
	my ($format, $service) = @_;
	my $copy = new_copy($node, $service, format => $format);
	my @list = ({ statements => $first }, @migrations);

	# Drizzle's table is in a schema of its own, which every service here would share
	$node->safe_psql('postgres', "DROP SCHEMA IF EXISTS drizzle CASCADE; GRANT CREATE ON DATABASE postgres TO ${service}_owner")
	  if $format eq 'drizzle';
	put_files($copy->{folder}, files_in($format, $list[0]));
	$tool{$format}{first}->($copy);
	is(adopt($copy, $format), '', "$service: adopted");
	put_files($copy->{folder}, files_in($format, @list));
	return $copy;
}

# ---- runs ----

sub start_migrate
{
	my ($copy) = @_;
	return start_command(our_script($copy, "CALL svc.migrate('$copy->{service}', files => :files);\n"), our_psql($copy));
}

# Open all gates but one, which may be 0
sub shut
{
	my ($gate) = @_;
	$node->safe_psql('postgres', "BEGIN; DELETE FROM control.stop; INSERT INTO control.stop VALUES ($gate); COMMIT");
	return;
}

# Who stands at the gate?
my $runner = "SELECT pid FROM pg_stat_activity WHERE backend_type ~ '^svc_ownership (?!launcher|worker|checker)' AND query ~ 'control\\.gate\\(%d\\)'";

sub wait_at
{
	my ($gate, $client) = @_;
	my $query = sprintf $runner, $gate;

	$node->poll_query_until('postgres', "SELECT EXISTS ($query)")
	  or die "nobody comes to gate $gate: " . slurp_file($client->{said});
	return one($node, 'postgres', $query);
}

my %cut = (
	client => sub { my ($client) = @_; kill 'KILL', $client->{process}{KIDS}[0]{PID} },
	runner => sub { my ($client, $pid) = @_; $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)") },
	server => sub {
		my ($client, $pid) = @_;
		kill_process($pid);
		$client->{process}->finish;
		wait_for_server($node);
	});

# Everything in the service's schema, but for what the tool writes there
sub result_of
{
	my ($copy) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-n', $copy->{service}, '-T', '*.flyway_schema_history',
		'-T', '*.goose_db_version', '-T', '*.schema_migrations', 'postgres' ], '>', \$out, '2>', \$err) or die $err;
	$out =~ s/^(\\(un)?restrict |SELECT pg_catalog\.setval).*$//mg;
	# rows come as they lie
	$out =~ s/^(COPY .*;\n)((?:(?!\\\.\n).*\n)*)/$1 . join('', sort split m{^}m, $2)/mge;
	$out .= (ours($copy, $tool{ $copy->{format} }{table}))[1];
	$out .= "\n" . (ours($copy, "SELECT version, description, kind, state, script, checksum FROM svc.migrations('$copy->{service}')"))[1];
	return $out =~ s/\b$copy->{service}\b/*/gr =~ s/\b$copy->{service}_/*_/gr;
}

sub play
{
	my ($format, $way, $expected) = @_;
	my $service = ($format =~ s/\W//gr) . "_$way";
	my $copy = prepare($format, $service);
	my $client;

	foreach my $gate (1 .. $gates)
	{
		shut($gate);
		$client = start_migrate($copy);
		my $pid = wait_at($gate, $client);
		$cut{$way}->($client, $pid);
		$client->{process}->finish;
		$kills++;
	}
	shut(0);
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type ~ '^svc_ownership (?!launcher|worker|checker)')");
	is(ours($copy, "CALL svc.migrate('$service', files => :files)"), '', "$format, $way killed $gates times: it ends");
	same_text(result_of($copy), $expected, "$format, $way: the same schema, rows and history");
	rows($node, 'postgres', 'SELECT count(*) FROM pg_index WHERE NOT indisvalid', 0, "$format, $way: no invalid index");
	# a caller whose client is gone ends with his runner, or soon after
	ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')"),
		"$format, $way: no lock");
	ok($tool{$format}{agrees}->($copy), "$format, $way: the tool agrees");
	return;
}

foreach my $format ('flyway', 'goose', 'drizzle', 'golang-migrate')
{
	my $whole = prepare($format, ($format =~ s/\W//gr) . '_whole');
	shut(0);
	is(ours($whole, "CALL svc.migrate('$whole->{service}', files => :files)"), '', "$format: an uninterrupted run");
	my $expected = result_of($whole);
	play($format, $_, $expected) foreach qw(client runner server);
}
cmp_ok($kills, '>=', 150, "$kills kills");

done_testing();
