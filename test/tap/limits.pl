# What does not work, shown.  docs/limits.md says it in words, and names these
# tests; one that fails here is a limit that has gone, or has become another.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('limits');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\ndeadlock_timeout = 100ms\n");
$node->start;
$node->safe_psql('postgres', q(
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('blog', schema => 'blog', login => 'blog_user', login_level => 'owner');
SELECT svc.create_service('shop', schema => 'shop', login => 'shop_user');
SELECT svc.create_service('mono');
SET ROLE blog_owner;
CREATE TABLE blog.posts (id int PRIMARY KEY, likes int NOT NULL DEFAULT 0, updated_at timestamptz DEFAULT '2001-01-01');
CREATE TABLE blog.likes (post_id int, at date NOT NULL DEFAULT '2026-01-01') PARTITION BY RANGE (at);
CREATE TABLE blog.likes_1 PARTITION OF blog.likes FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE blog.likes_2 PARTITION OF blog.likes FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO blog.posts (id) VALUES (1), (2);
SELECT svc.keep_updated_at('blog.posts');
SELECT svc.keep_count('blog.likes', 'post_id', 'blog.posts', 'id', 'likes')));

counters();
concurrency();
timestamps();
retention();
rights();
contracts();
ownership();
single_user();

done_testing();

# The last line that some statements print; what they do is undone.
sub outcome
{
	my ($statements) = @_;
	my $output;

	$node->psql('postgres', "BEGIN; $statements; ROLLBACK", stdout => \$output);
	return (split /\n/, $output)[-1] // '';
}

# The first line of the error that some statements end with.
sub failure
{
	my ($statements) = @_;
	my $errors;

	$node->psql('postgres', "BEGIN; $statements", stderr => \$errors);
	return $errors =~ /^.*?(ERROR|WARNING): +(.*)$/m ? $2 : 'none';
}

sub counters
{
	my $likes = q(SELECT likes FROM blog.posts WHERE id = 1);

	$node->safe_psql('postgres', q(INSERT INTO blog.likes VALUES (1)));
	$node->safe_psql('postgres', q(MERGE INTO blog.likes l USING (VALUES (1)) v (post_id) ON l.post_id = v.post_id
		WHEN MATCHED THEN UPDATE SET at = '2026-02-01', post_id = 2));
	is($node->safe_psql('postgres', 'SELECT likes FROM blog.posts ORDER BY id'), "1\n0",
		'the first MERGE of a session that has not loaded the library moves rows that are not counted');
	$node->safe_psql('postgres', q(SELECT svc.recount('blog.likes'); DELETE FROM blog.likes));

	is(outcome(q(INSERT INTO blog.likes VALUES (1); SELECT updated_at > '2001-01-02' FROM blog.posts WHERE id = 1)),
		't', 'a counter that changes is an update of its row');
	is(outcome("INSERT INTO blog.likes VALUES (1, '2026-01-01'), (1, '2026-02-01'); DROP TABLE blog.likes_2; $likes"),
		1, 'rows of a dropped partition are taken off');
	is(outcome("INSERT INTO blog.likes VALUES (1, '2026-01-01'), (1, '2026-02-01'); CREATE SCHEMA apart; ALTER TABLE blog.likes_2 SET SCHEMA apart; DROP SCHEMA apart CASCADE; $likes"),
		2, 'rows of a partition that goes with its schema stay counted');
	is(outcome("INSERT INTO blog.likes VALUES (1, '2026-01-01'), (1, '2026-02-01'); CREATE SCHEMA apart; ALTER TABLE blog.likes_2 SET SCHEMA apart; DROP SCHEMA apart CASCADE; SELECT svc.recount('blog.likes'); $likes"),
		1, 'until svc.recount');
	is(outcome("SET LOCAL session_replication_role = replica; INSERT INTO blog.likes VALUES (1); $likes"),
		0, 'rows that replication brings are not counted');
	is(outcome('INSERT INTO blog.likes VALUES (3); INSERT INTO blog.posts (id) VALUES (3); SELECT likes FROM blog.posts WHERE id = 3'),
		0, 'rows that came before their target are not counted');
	is(outcome("UPDATE blog.posts SET likes = 70 WHERE id = 1; $likes"), 70, 'a counter can be written by hand');
	is(outcome('INSERT INTO blog.likes VALUES (1); UPDATE blog.posts SET id = 4 WHERE id = 1; SELECT likes FROM blog.posts WHERE id = 4'),
		1, 'a target that gets another key keeps its count');
	is(outcome(q(CREATE TABLE t (k int PRIMARY KEY, n int NOT NULL DEFAULT 0); CREATE TABLE s (k int REFERENCES t ON UPDATE CASCADE);
			INSERT INTO t VALUES (1); SELECT svc.keep_count('s', 'k', 't', 'k', 'n'); INSERT INTO s VALUES (1), (1);
			UPDATE t SET k = 10; SELECT n FROM t)),
		4, 'rows that follow a key by cascade are counted twice');
	is(outcome(q(CREATE TABLE t (k int PRIMARY KEY, n int NOT NULL DEFAULT 0); CREATE TABLE s (k int);
			INSERT INTO t VALUES (1); SELECT svc.keep_count('s', 'k', 't', 'k', 'n'); INSERT INTO s VALUES (1), (1);
			ALTER TABLE s ALTER k TYPE int USING k + 1; SELECT n FROM t)),
		2, 'keys that ALTER TABLE rewrites stay counted');
	like(failure(q(CREATE TABLE blog.small (id int PRIMARY KEY, n smallint DEFAULT 32767); INSERT INTO blog.small VALUES (1);
			ALTER TABLE blog.small OWNER TO blog_owner; CREATE TABLE blog.s (id int); ALTER TABLE blog.s OWNER TO blog_owner;
			SELECT svc.keep_count('blog.s', 'id', 'blog.small', 'id', 'n'); UPDATE blog.small SET n = 32767; INSERT INTO blog.s VALUES (1))),
		qr/smallint out of range/, 'a counter that is too small stops the source');
	like(failure('ALTER TABLE blog.posts ALTER likes DROP DEFAULT, ALTER likes TYPE text; INSERT INTO blog.likes VALUES (1)'),
		qr/COALESCE types/, 'a counter that is made a text stops the source');
}

# Two sessions, each with the other's statement between its own two
sub concurrency
{
	my @meet = ('SELECT pg_advisory_lock_shared(1)', q(DO $$ BEGIN
WHILE (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1) < 2 LOOP PERFORM pg_sleep(0.01); END LOOP;
END $$));
	my @output = ('', '');
	my @sessions = map {
		my @insert = map { "INSERT INTO blog.likes VALUES ($_)" } $_ + 1, 2 - $_;

		IPC::Run::start [ 'psql', '-X', '-q', '-d', $node->connstr('postgres'),
			map { ('-c', $_) } 'BEGIN', $insert[0], @meet, $insert[1], 'ROLLBACK' ],
		  '>&', \$output[$_], IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	} 0, 1;
	my $command = join ' ', 'psql -X -q -d', q("$SVC_TEST_DATABASE"), q(-c 'INSERT INTO blog.likes VALUES (1)');
	my $errors;

	$_->finish foreach @sessions;
	like("@output", qr/deadlock detected/, 'two transactions that change counters in opposite orders deadlock');

	local $ENV{SVC_TEST_DATABASE} = $node->connstr('postgres');
	$node->psql('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM blog.posts;\n\\! $command\nINSERT INTO blog.likes VALUES (1);",
		stderr => \$errors);
	like($errors, qr/could not serialize access due to concurrent update/, 'a counter that others changed is a serialization failure');
	$node->safe_psql('postgres', 'TRUNCATE blog.likes');
}

sub timestamps
{
	is(outcome(q(CREATE FUNCTION blog.back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at = $$1999-01-01$$; RETURN NEW; END';
			CREATE TRIGGER zz BEFORE UPDATE ON blog.posts FOR EACH ROW EXECUTE FUNCTION blog.back();
			UPDATE blog.posts SET likes = 0 WHERE id = 1; SELECT extract(year FROM updated_at) FROM blog.posts WHERE id = 1)),
		1999, 'a trigger with a later name has the last word');
	is(outcome(q(SET LOCAL session_replication_role = replica; UPDATE blog.posts SET updated_at = '1999-01-01' WHERE id = 1;
			SELECT extract(year FROM updated_at) FROM blog.posts WHERE id = 1)),
		1999, 'rows that replication changes keep their time');
}

sub retention
{
	my $table = q(CREATE TABLE blog.sessions (id int PRIMARY KEY, at date); CREATE INDEX ON blog.sessions (at);
		ALTER TABLE blog.sessions OWNER TO blog_owner; INSERT INTO blog.sessions VALUES (1, '2001-01-01');
		SELECT svc.keep_rows('blog.sessions', 'at', '1 day'););

	is(outcome("$table SELECT count(*) FROM blog.sessions"), 1, 'nothing expires by itself');
	is(outcome("$table SELECT deleted FROM svc.expire_now(); ROLLBACK; BEGIN; SELECT to_regclass('blog.sessions') IS NULL"),
		't', 'what was expired comes back with ROLLBACK');
	like(failure("$table CREATE TABLE blog.carts (session int REFERENCES blog.sessions); INSERT INTO blog.carts VALUES (1);
			ALTER TABLE blog.carts OWNER TO blog_owner; SELECT * FROM svc.expire_now()"),
		qr/^expired rows of blog.sessions were not deleted: .*foreign key/, 'a row that others refer to keeps the rows of its table');
}

sub rights
{
	is(outcome(q(GRANT pg_read_all_data TO shop_user; SELECT count(*) FROM svc.check_grants())),
		0, 'svc.check_grants() does not list predefined roles');
	is(outcome(q(GRANT pg_read_all_data TO shop_user; SET LOCAL ROLE shop_user; SELECT count(*) FROM blog.posts)),
		2, 'whose members read everything');
	is(outcome(q(CREATE FUNCTION blog.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION blog.f() OWNER TO blog_owner;
			SELECT count(*) FROM svc.check_grants())),
		0, 'svc.check_grants() does not list functions that PUBLIC may execute');
	is(outcome(q(CREATE TABLE public.shared (id int); SELECT svc.assign('mono', 'public.shared'); GRANT ALL ON public.shared TO PUBLIC;
			SELECT count(*) FROM svc.check_grants())),
		0, 'svc.check_grants() lists no extra rights on tables of a logical service');
	is(outcome(q(UPDATE svc.service SET team = 'x' WHERE service = 'blog'; SELECT team FROM svc.services WHERE service = 'blog')),
		'x', 'a superuser may write the catalog');
	is(outcome(q(CREATE TABLE shop.items (post_id int REFERENCES blog.posts); INSERT INTO shop.items VALUES (1); SELECT count(*) FROM shop.items)),
		1, 'a foreign key to another service is made if the rights allow it');

	is(outcome(q(CREATE TABLE shop.moved (id int); ALTER TABLE shop.moved SET SCHEMA public;
			SELECT has_table_privilege('shop_writer', 'moved', 'INSERT') || (SELECT count(*) FROM svc.check_grants())::text)),
		'true0', 'a table that leaves the schema of a service keeps the rights of its roles');
	is(outcome(q(CREATE TABLE shop.given (id int); SELECT svc.assign('mono', 'shop.given');
			SELECT has_table_privilege('shop_writer', 'shop.given', 'INSERT') || (SELECT count(*) FROM svc.check_grants())::text)),
		'true0', 'and so does one that is assigned to another service');

	# a login of level owner leaves its owner role with SET ROLE NONE
	$node->safe_psql('postgres', 'SET ROLE NONE; CREATE TABLE blog.mine (id int)', extra_params => [ '-U', 'blog_user' ]);
	is( $node->safe_psql('postgres', q(SELECT object, privilege FROM svc.check_grants() WHERE role = 'blog_user')),
		'blog.mine|OWNER', 'a login that leaves its role owns what it makes');
	$node->safe_psql('postgres', 'DROP TABLE blog.mine');
}

sub contracts
{
	my $publish = q(SELECT svc.publish('blog', 'posts', 'blog.posts', columns => '{id,likes}'); SELECT svc.grant_contract('blog', 'shop'););

	is(outcome("$publish ALTER TABLE blog.posts ENABLE ROW LEVEL SECURITY; SET LOCAL ROLE shop_user; SELECT count(*) FROM blog_api.posts"),
		2, 'readers of a contract see rows that policies hide');
	is(outcome("$publish CREATE TABLE shop.items (post_id int); INSERT INTO shop.items VALUES (99); SELECT count(*) FROM shop.items"),
		1, 'an id that a contract does not have is not refused');
	is(outcome(q(CREATE TYPE blog.mood AS ENUM ('good'); ALTER TABLE blog.posts ADD mood blog.mood; SELECT svc.publish('blog', 'moods', 'blog.posts');
			ALTER TYPE blog.mood RENAME VALUE 'good' TO 'fine'; SELECT count(*) FROM svc.check_contracts())),
		0, 'svc.check_contracts() does not look into types');
	is(outcome("$publish ALTER TABLE blog.posts ADD more int; SELECT count(*) FROM pg_attribute WHERE attrelid = 'blog_api.posts'::regclass AND attnum > 0"),
		2, 'a column that is added to the table is not published');
}

sub ownership
{
	my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);

	is(outcome(q(CREATE FUNCTION blog.n() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM blog.posts'; SELECT count(*) FROM svc.owners_of_query('SELECT blog.n()'))),
		0, 'svc.owners_of_query() does not look into functions');
	is(outcome(q(CREATE VIEW blog.v AS SELECT 1; SELECT svc.owner_of('blog.v') || (SELECT count(*) FROM svc.tables WHERE relation = 'blog.v'::regclass))),
		'blog0', 'svc.tables does not list views of a schema');
	like($dump, qr/^COPY svc\.service /m, 'the catalog is in a dump of a database');
	unlike($dump, qr/^(?:CREATE|ALTER) ROLE/m, 'roles and their settings are in no dump of a database');
	is(outcome(q(DROP EXTENSION svc_ownership CASCADE; SELECT count(*) FROM pg_roles WHERE rolname LIKE 'blog\_%')),
		4, 'DROP EXTENSION leaves roles, schemas and rights');
}

# Event triggers do not fire there
sub single_user
{
	my $input = "SELECT svc.create_service('late')\nDROP TABLE public.dropped\n";
	my $output;

	$node->safe_psql('postgres', q(CREATE TABLE dropped (id int); SELECT svc.assign('mono', 'dropped')));
	$node->stop;
	IPC::Run::run [ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \$input, '>&', \$output;
	like($output, qr/svc.create_service\(\) cannot run in single-user mode/, 'services cannot be changed in single-user mode');
	$node->start;
	is( $node->safe_psql('postgres', q(SELECT count(*) FROM svc.assignment a WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = a.relation))),
		1, 'what is dropped in single-user mode leaves its assignment');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM svc.tables WHERE service = 'mono')), 0, 'which no view shows');
	$node->stop;
}
