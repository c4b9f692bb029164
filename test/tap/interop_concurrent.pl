# When a service is deployed, all of its replicas start at once, and each wants to
# migrate; some of them still with the tool that ran the migrations before.  32
# clients at once, ours and the tools', directly and through a pooler that moves
# each transaction to another session, some killed in the middle: every version
# must be applied once, no client may fail for it, and nothing stays locked.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes);
use Interop;
use Time::HiRes qw(sleep);
use Test::More;

my $program = pgbouncer();
tool($_) foreach 'flyway-13.12.0', 'goose', 'golang_migrate';

my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\nmax_connections = 120\n");
my $home = PostgreSQL::Test::Utils::tempdir_short();
my $pooler;

END { my $status = $?; stop_pooler($pooler); $? = $status }
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

# ---- clients ----

# Each is what start_client returned: { name, process, said, killed }
my @clients;

sub start_client
{
	my ($name, @arguments) = @_;
	push @clients, { name => $name, %{ start_command(@arguments) } };
	return;
}

sub start_ours
{
	my ($copy, $name) = @_;
	return start_client($name, our_script($copy, "CALL svc.migrate('$copy->{service}', files => :files);\n"), our_psql($copy));
}

sub start_ours_pooled
{
	my ($copy, $name) = @_;
	return start_client($name, our_script($copy, "CALL svc.migrate('$copy->{service}', files => :files);\n"), our_psql($copy, $home, 6432));
}

sub start_flyway_client
{
	my ($copy, $name) = @_;
	return start_client($name, flyway_line('migrate', $copy), flyway_command('13.12.0'));
}

sub start_goose
{
	my ($copy, $name) = @_;
	return start_client($name, '', goose_provider_command($copy, 'up'));
}

sub start_golang_migrate
{
	my ($copy, $name) = @_;
	return start_client($name, '', golang_migrate_command($copy, 'up'));
}

# Wait for all; those that were not killed must have succeeded
sub finish_clients
{
	my ($name) = @_;
	my @failed;

	foreach my $client (@clients)
	{
		$client->{process}->finish;
		my $status = $client->{process}->full_result(0);
		my $said = slurp_file($client->{said});
		push @failed, "$client->{name}: $said" if !$client->{killed} && ($status || $said =~ /"ok": false|ERROR/);
	}
	ok(!@failed, "$name: all " . scalar @clients . ' clients end well');
	diag($_) foreach @failed;
	@clients = ();
	return;
}

sub kill_client
{
	my ($client) = @_;
	return unless $client->{process}->pumpable;
	$client->{killed} = 1;
	$client->{process}->kill_kill(grace => 0);
	return;
}

# ---- what must be so afterwards ----

# Each migration counted itself; none did twice, and none is missing
sub applied_once
{
	my ($copy, $versions, $name) = @_;
	my $counted = one($node, $copy->{dbname}, "SELECT string_agg(DISTINCT n::text, ' ' ORDER BY n::text) || ' in ' || count(*) FROM $copy->{service}.counted");

	is($counted, join(' ', sort map { "$_" } 1 .. $versions) . " in $versions", "$name: each of $versions applied once");
	return;
}

sub nothing_left
{
	my ($name) = @_;

	# sessions of what was killed may be about to end, and a worker that looks at its database has a lock
	becomes($node, 'postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", 0, "$name: no lock is left");
	rows($node, 'postgres', 'SELECT sum(deadlocks) FROM pg_stat_database', 0, "$name: no deadlock");
	becomes($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^svc_ownership (?!launcher|worker|checker)'", 0, "$name: no runner is left");
	return;
}

# ---- four services, three of them with a tool that is still in use ----

my $versions = 30;

# What each migration does: it counts itself, and makes a table
sub text
{
	my ($n) = @_;
	my $first = $n == 1 ? "CREATE TABLE counted (n int);\n" : '';
	return "${first}INSERT INTO counted VALUES ($n);\nCREATE TABLE t$n (id bigserial PRIMARY KEY);\n";
}

my %form = (
	flyway => sub { my ($n) = @_; ("V${n}__t.sql" => text($n)) },
	goose => sub { my ($n) = @_; (sprintf('%05d_t.sql', $n) => "-- +goose Up\n" . text($n) . "-- +goose Down\nDROP TABLE t$n;\n") },
	'golang-migrate' => sub { my ($n) = @_; (sprintf('%06d_t.up.sql', $n) => text($n)) },
	plain => sub { my ($n) = @_; (sprintf('%03d_t.sql', $n) => text($n)) });

my %copies = map { my $service = $_ =~ s/-/_/r; ($_ => new_copy($node, $service)) } keys %form;

# The first migration is applied by the tool, and its history adopted
sub prepare
{
	my ($format) = @_;
	my $copy = $copies{$format};
	my %first = (
		flyway => sub { my $flyway = start_flyway('13.12.0'); flyway($flyway, 'migrate', $copy) },
		goose => sub { goose($copy, 'up') },
		'golang-migrate' => sub { golang_migrate($copy, 'up') });

	put_files($copy->{folder}, { $form{$format}->(1) });
	if ($first{$format})
	{
		$first{$format}->();
		is(adopt($copy, $format), '', "the history of $format is adopted");
	}
	put_files($copy->{folder}, { map { $form{$format}->($_) } 1 .. $versions });
	return;
}

prepare($_) foreach sort keys %copies;
PostgreSQL::Test::Utils::append_to_file("$home/users", join('', map { "$_\n" } lines($node, 'postgres', q{
SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolname LIKE '%\_user'})));
$pooler = start_pooler($program, $node, $home, 3, "auth_file = $home/users");

foreach my $i (1 .. 5)
{
	start_ours($copies{$_}, "ours $i of $_") foreach sort keys %copies;
}
foreach my $i (1 .. 2)
{
	start_flyway_client($copies{flyway}, "Flyway $i");
	start_goose($copies{goose}, "Goose $i");
	start_golang_migrate($copies{'golang-migrate'}, "golang-migrate $i");
}
start_ours_pooled($copies{$_}, "pooled of $_") foreach (sort keys %copies) x 2;

# Of each service one of ours, and one that is pooled
foreach my $client (grep { $_->{name} =~ /^ours 3|^pooled/ } @clients)
{
	sleep 0.05;
	kill_client($client) if $client->{name} =~ /^ours/ || $client->{name} =~ /plain/;
}
finish_clients('two tools and ours');
foreach my $format (sort keys %copies)
{
	my $copy = $copies{$format};
	is(ours($copy, "CALL svc.migrate('$copy->{service}', files => :files)"), '', "$format: once more");
	applied_once($copy, $versions, $format);
	is(join(' ', our_states($copy, 'DISTINCT state', " WHERE kind = 'versioned'")), 'Success', "$format: all succeeded");
}
nothing_left('two tools and ours');

# ---- every replica of every service of a system, all starting at once ----

my $example = "$FindBin::RealBin/../../examples/food-delivery/services";
my @replicated;

foreach my $service (qw(auth restaurant order payment))
{
	my $copy = new_database($node, $service);
	put_files($copy->{folder}, files_of("$example/$service-service/migrations"));
	push @replicated, $copy;
}
foreach my $replica (1 .. 8)
{
	start_ours($_, "$_->{service} $replica") foreach @replicated;
}
finish_clients('food-delivery, 8 replicas each');
foreach my $copy (@replicated)
{
	my $files = scalar keys %{ files_of($copy->{folder}) };
	is(join(' ', our_states($copy, "state || ' ' || count(*)", ' GROUP BY state')), "Success $files", "$copy->{service}: $files migrations");
	rows($node, $copy->{dbname}, "SELECT count(*) FILTER (WHERE outcome = 'success') || ' ' || count(*) FROM svc.migration_history WHERE service = '$copy->{service}'",
		"$files $files", "$copy->{service}: each applied once");
}
nothing_left('food-delivery');

done_testing();
