# examples/chat: two services in databases of their own, two whose data are in
# MongoDB.  It must install, check itself and go away as its README says, twice
# in one cluster; its Drizzle folders must be what their journals say, and the
# sample data of all four must fit together.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $checks = 67;
my $node = new_server('main', workers => 0, tcp => 1, conf => "jit = off\nmax_worker_processes = 16\n");
my $example = "$FindBin::RealBin/../../examples/chat";
my @services = qw(auth user);
my ($rc, $out, $err);
my $empty = roles_of($node);

($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql");
is($rc . $out . $err, '0', 'install.sql without a word');
my %before = map { $_ => dump_of($node, "${_}_db") } @services;
run_checks($node, 'postgres', "$example/test.sql", $checks);
same_text(dump_of($node, "${_}_db"), $before{$_}, "which change nothing in ${_}_db") foreach @services;

($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql");
is($rc, 3, 'install.sql stops where the services are already');
like($err, qr/ERROR:  service "auth" already exists/, 'and says so');
same_text(dump_of($node, "${_}_db"), $before{$_}, "and changes nothing in ${_}_db") foreach @services;

# Each login, as its processes come: over TCP, with its password
my %other = (auth => 'user', user => 'auth');
foreach my $service (@services)
{
	is(logs_in($node, "${service}_db", "${service}_service", "demo-$service"), "${service}_owner",
		"${service}_service works as its owner role");
	like(logs_in($node, "$other{$service}_db", "${service}_service", "demo-$service"), qr/permission denied for database/,
		'and does not get into the other database');
}

($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql", prefix => 'staging_', password => 'other');
is($rc . $out . $err, '0', 'install.sql with a prefix');
run_checks($node, 'postgres', "$example/test.sql", $checks, prefix => 'staging_', password => 'other');
run_checks($node, 'postgres', "$example/test.sql", $checks);

# test.sql finds what is wrong
my @wrong = (
	auth_db => 'UPDATE auth.users SET token_count = 9' => "SELECT svc.recount('auth.users')",
	user_db => 'GRANT SELECT ON users.settings TO PUBLIC' => 'REVOKE SELECT ON users.settings FROM PUBLIC',
	user_db => "SELECT svc.drop_store('chat', 'chat_db')" =>
	  "SELECT svc.add_store('chat', 'chat_db', 'mongodb', 'mongodb://127.0.0.1:27017/chat_db')");
while (my ($dbname, $wrong, $right) = splice @wrong, 0, 3)
{
	$node->safe_psql($dbname, $wrong);
	my $failures = () = (run_script($node, 'postgres', "$example/test.sql"))[1] =~ /^not ok/mg;
	cmp_ok($failures, '>', 0, "test.sql notices: $wrong");
	$node->safe_psql($dbname, $right);
}

# The sample documents of chat and notification, and the rows of user
sub documents
{
	my ($service, $collection) = @_;
	return @{ decode_json(slurp_file("$example/services/$service/data/$collection.json")) };
}
my %conversation = map { $_->{_id}{'$oid'} => $_ } documents('chat', 'conversations');
my %preferences = map { $_->{_id}{'$oid'} => $_ } documents('notification', 'notification_preferences');
my %profile = map { $_ => 1 } lines($node, 'user_db', 'SELECT user_id FROM users.profiles');
my @rows = lines($node, 'user_db', <<'SQL');
SELECT conversation_id, user_id FROM users.relationships WHERE conversation_id IS NOT NULL
UNION SELECT unnest(muted_conversation_ids), user_id FROM users.settings
SQL
cmp_ok(scalar @rows, '>=', 5, 'rows of user that name a conversation');
foreach my $row (@rows)
{
	my ($id, $user) = split /\|/, $row;
	ok((grep { $_ eq $user } @{ $conversation{$id}{participants} }), "$user takes part in $id");
}
@rows = lines($node, 'user_db',
	'SELECT notification_preferences_id, user_id FROM users.settings WHERE notification_preferences_id IS NOT NULL');
is(scalar @rows, scalar keys %preferences, 'as many preferences as rows that name them');
foreach my $row (@rows)
{
	my ($id, $user) = split /\|/, $row;
	is($preferences{$id}{userId}, $user, "preferences $id are of $user");
}
my @people = ((map { @{ $_->{participants} } } values %conversation),
	(map { ($_->{senderId}, @{ $_->{readBy} }) } documents('chat', 'messages')),
	(map { $_->{userId} } values %preferences, documents('notification', 'notifications')));
is(scalar(grep { !$profile{$_} } @people), 0, 'all ' . @people . ' people in the documents have a profile');
ok(!(grep { !$conversation{ $_->{conversationId}{'$oid'} } } documents('chat', 'messages')), 'messages are in conversations');

# Rid of both
foreach my $prefix ('staging_', '')
{
	($rc, $out, $err) = run_script($node, 'postgres', "$example/remove.sql", prefix => $prefix);
	is($rc . $out . $err, '0', 'remove.sql without a word');
}
is(roles_of($node), $empty, 'no database and no role is left');

# install.sql runs the files that the journals name, in their order
my $install = slurp_file("$example/install.sql");
foreach my $service (@services)
{
	my $folder = "$example/services/$service/drizzle";
	my $journal = decode_json(slurp_file("$folder/meta/_journal.json"));
	my @tags = map { $_->{tag} } @{ $journal->{entries} };
	my @when = map { $_->{when} } @{ $journal->{entries} };
	my @run = $install =~ m{^\\ir services/$service/drizzle/(\w+)\.sql$}mg;

	is("@tags", "@run", "$service: install.sql runs what the journal names");
	is("@when", join(' ', sort { $a <=> $b } @when), 'times ascend');
	is(join(' ', map { m{(\w+)\.sql$} } sort glob "$folder/*.sql"), "@tags", 'and the folder holds nothing else');
	ok(-s sprintf('%s/meta/%04d_snapshot.json', $folder, $_->{idx}), "$_->{tag} has its snapshot") foreach @{ $journal->{entries} };
}

$node->stop;
done_testing();
