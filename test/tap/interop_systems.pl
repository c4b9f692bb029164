# The five systems in examples/ keep their migrations in the forms of four tools.
# Run by svc.migrate they must end in the schema that the tool makes of them, and
# where a tool is still there, it must find nothing left to do.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Interop;
use Test::More;

tool($_) foreach 'flyway-13.12.0', 'goose', 'drizzle-0.45';

my $node = new_server('main', workers => 0, tcp => 1, conf => "max_worker_processes = 16\njit = off\n");
my $examples = "$FindBin::RealBin/../../examples";
my $flyway = start_flyway('13.12.0');

$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

# ---- each tool: apply the first migration, then all, then say what is left ----

my %tool = (
	flyway => {
		some => sub { my ($copy) = @_; flyway($flyway, 'migrate', $copy, target => '1')->{error} // '' },
		all => sub { my ($copy) = @_; flyway($flyway, 'migrate', $copy)->{error} // '' },
		done => sub { my ($copy) = @_; my $said = flyway($flyway, 'migrate', $copy); flyway($flyway, 'validate', $copy)->{ok} && $said->{ok} && $said->{executed} == 0 } },
	goose => {
		some => sub { my ($copy) = @_; my ($status, $said) = goose($copy, 'up-by-one'); $status ? $said : '' },
		all => sub { my ($copy) = @_; my ($status, $said) = goose($copy, 'up'); $status ? $said : '' },
		done => sub { my ($copy) = @_; (goose($copy, 'up'))[1] =~ /no migrations to run/ } },
	drizzle => {
		some => sub { my ($copy) = @_; first_of_journal($copy) },
		all => sub { my ($copy) = @_; my ($status, $said) = drizzle('0.45', $copy); $status ? $said : '' },
		done => sub { my ($copy) = @_; my $before = journaled($copy); (drizzle('0.45', $copy))[0] == 0 && journaled($copy) eq $before } },
	plain => {
		all => sub { my ($copy) = @_; run_plain($copy) } });

# Drizzle has no command for one migration: the journal is short for once
sub first_of_journal
{
	my ($copy) = @_;
	my $files = files_of($copy->{folder});
	my $journal = decode_json($files->{'meta/_journal.json'});
	my ($status, $said);

	splice @{ $journal->{entries} }, 1;
	add_files($copy->{folder}, { 'meta/_journal.json' => encode_json($journal) });
	($status, $said) = drizzle('0.45', $copy);
	put_files($copy->{folder}, $files);
	return $status ? $said : '';
}

sub journaled
{
	my ($copy) = @_;
	return one($node, $copy->{dbname}, 'SELECT json_agg(m ORDER BY id) FROM drizzle.__drizzle_migrations m');
}

# Plain files, with psql as the service's login
sub run_plain
{
	my ($copy) = @_;
	my $script = "SET client_min_messages = warning;\n" . join '', map { "\\i $_\n" } sort glob "$copy->{folder}/*.sql";
	my $said = '';

	IPC::Run::run([ our_psql($copy) ], '<', \$script, '>', \my $out, '2>', \$said);
	return $? ? $said : '';
}

# ---- what became of a service's schema ----

sub schema_of
{
	my ($copy) = @_;
	my ($out, $err) = ('', '');
	my $schema = $copy->{schema} // 'public';

	IPC::Run::run([ 'pg_dump', '-s', '-h', $node->host, '-p', $node->port, '-n', $schema, $copy->{dbname} ], '>', \$out, '2>', \$err) or die $err;
	$out =~ s/^\\(un)?restrict .*$//mg;
	return $out =~ s/\b$copy->{service}_/*_/gr;
}

sub migrate
{
	my ($copy) = @_;
	return ours($copy, "CALL svc.migrate('$copy->{service}', files => :files)");
}

# A service by its tool alone, by the tool and us, and by us alone
sub play
{
	my ($name, $format, $folder, %more) = @_;
	my %made = (theirs => new_database($node, "${name}_t", %more), both => undef, ours => new_database($node, "${name}_o", %more));
	my $tool = $tool{$format};

	$made{both} = new_database($node, "${name}_b", %more) if $tool->{some};
	delete $made{both} unless $made{both};
	put_files($_->{folder}, files_of("$examples/$folder")) foreach values %made;
	is($tool->{all}->($made{theirs}), '', "$name by $format");

	is(migrate($made{ours}), '', "$name by us");
	same_text(schema_of($made{ours}), schema_of($made{theirs}), "$name by us is the same")
	  unless $tool->{some};
	is(migrate($made{ours}), '', "$name by us again");
	is(join(' ', our_states($made{ours}, 'DISTINCT state')), 'Success', "$name by us: nothing left");
	return unless $made{both};

	is($tool->{some}->($made{both}), '', "$name: the first by $format");
	is(adopt($made{both}, $format), '', "$name: its history is adopted");
	is(migrate($made{both}), '', "$name: the others by us");
	same_text(schema_of($made{both}), schema_of($made{theirs}), "$name: the same schema");
	ok($tool->{done}->($made{both}), "$name: nothing left for $format");
	is(join(' ', our_states($made{both}, 'DISTINCT state')), 'Success', "$name: nothing left for us");
	return;
}

play("deploy_$_", 'flyway', "deploy-platform/services/$_/migrations") foreach qw(auth project deploy);
play("food_$_", 'goose', "food-delivery/services/$_-service/migrations") foreach qw(auth restaurant order payment);
play('chat_auth', 'drizzle', 'chat/services/auth/drizzle', schema => 'auth');
play('chat_user', 'drizzle', 'chat/services/user/drizzle', schema => 'users');
play('social', 'plain', 'social-events/migrations', extensions => [qw(uuid-ossp postgis)]);

# Systems without a tool: a file is a service's whole schema
foreach my $file (glob("$examples/shop/init/*.sql"), glob("$examples/social-events/db/services/*.sql"))
{
	my ($name) = $file =~ m{(\w+?)(_service)?(_db_init|_db)\.sql$};
	my $copy = new_database($node, "${name}_f", extensions => [qw(uuid-ossp postgis)]);

	put_files($copy->{folder}, { $file =~ m{([^/]+)$} ? ($1 => slurp_file($file)) : () });
	is(migrate($copy), '', "the file of $name");
	is(join(' ', our_states($copy, "state || ' ' || version")), 'Success ' . ($file =~ m{([^/]+)$})[0], "$name: applied");
}

done_testing();
