# pg_upgrade with the extension in use: the check passes where nothing is
# preloaded, and afterwards everything is as it was and works on.  The old server
# is the one whose installation SVC_OLD_SERVER names (scripts/upgrade), or one of
# the same version.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $old_install = $ENV{SVC_OLD_SERVER};
my $old = PostgreSQL::Test::Cluster->new('old', $old_install ? (install_path => $old_install) : ());
my $new = PostgreSQL::Test::Cluster->new('new');
my $old_bin = $old->config_data('--bindir');
my $new_bin = $new->config_data('--bindir');
my ($old_major) = $old->config_data('--version') =~ /PostgreSQL (\d+)/;
my ($new_major) = $new->config_data('--version') =~ /PostgreSQL (\d+)/;
my @options = ('--encoding=UTF8', '--locale=C');
note("from $old_major to $new_major");

# Neither preloads the library
$old->init(extra => \@options);
$old->append_conf('postgresql.conf', "max_worker_processes = 16\n");
$old->start;

# Services of all forms, with all that can be declared
$old->safe_psql('postgres', 'CREATE EXTENSION svc_ownership; CREATE DATABASE shop');
$old->safe_psql('postgres', "SELECT svc.create_service('auth', database => 'auth_db', login => 'auth_user', login_level => 'owner', extensions => '{uuid-ossp}', migrator => 'auth_mig')");
$old->safe_psql('auth_db', <<'SQL', extra_params => [ '-U', 'auth_user' ]);
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), name text, sessions int NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT '2001-01-01');
CREATE TABLE sessions (id int PRIMARY KEY, user_id uuid, expires_at timestamptz);
CREATE INDEX ON sessions (expires_at);
SELECT svc.keep_updated_at('users');
SELECT svc.keep_count('sessions', 'user_id', 'users', 'id', 'sessions');
SELECT svc.keep_rows('sessions', 'expires_at', '0');
SELECT svc.publish('auth', 'users', 'users', columns => '{id,name}');
SELECT svc.grant_contract('auth', 'posts');
INSERT INTO users (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'ann');
INSERT INTO sessions VALUES (1, '00000000-0000-0000-0000-000000000001', '2001-01-01'), (2, '00000000-0000-0000-0000-000000000001', 'infinity');
SQL
$old->safe_psql('shop', <<'SQL');
CREATE EXTENSION svc_ownership;
CREATE ROLE old_owner;
CREATE ROLE reporting LOGIN;
CREATE ROLE maker CREATEROLE;
CREATE SCHEMA old AUTHORIZATION old_owner;
GRANT CREATE ON DATABASE shop TO maker;
GRANT EXECUTE ON FUNCTION svc.create_service TO maker;
SELECT svc.create_service('people', schema => 'people', login => 'people_user', login_level => 'owner', team => 'identity');
SELECT svc.create_service('Größe "x"', schema => 'My "Schema"', login => 'User''s "own"', login_level => 'owner');
SELECT svc.create_service('ledger', login => 'ledger_user');
SELECT svc.create_service('old', schema => 'old', owner => 'old_owner', adopt => true);
SELECT svc.grant_role('people', 'reporting', 'reader');
SET ROLE maker;
SELECT svc.create_service('made', schema => 'made', login => 'made_user');
RESET ROLE;
SET ROLE people_owner;
CREATE TYPE people.mood AS ENUM ('good', 'bad');
CREATE TABLE people.users (id int PRIMARY KEY, name text, mood people.mood, posts int NOT NULL DEFAULT 0, at timestamptz DEFAULT '2001-01-01', updated_at timestamptz DEFAULT '2001-01-01');
CREATE TABLE people.posts (id int, user_id int, deleted boolean NOT NULL DEFAULT false) PARTITION BY RANGE (id);
CREATE TABLE people.posts_low PARTITION OF people.posts FOR VALUES FROM (0) TO (100);
SELECT svc.keep_updated_at('people.users');
SELECT svc.keep_count('people.posts', 'user_id', 'people.users', 'id', 'posts', filter => 'NOT deleted');
SELECT svc.publish('people', 'users', 'people.users', columns => '{id,name,mood}', filter => $$mood = 'good'$$);
SELECT svc.grant_contract('people', 'ledger');
SELECT svc.add_store('people', 's', 'redis');
SELECT svc.load_migrations('people', jsonb_build_object('001_users.sql', repeat('SELECT ''ä'';', 100000)));
CREATE FUNCTION people.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON people.users FOR EACH ROW EXECUTE FUNCTION people.touch();
SELECT * FROM svc.adopt_updated_at();
INSERT INTO people.users (id, name, mood) VALUES (1, 'ann', 'good'), (2, 'bob', 'bad');
INSERT INTO people.posts VALUES (1, 1, false), (2, 1, true), (3, 2, false);
SET ROLE "Größe ""x""_owner";
CREATE TABLE "My ""Schema"""."Order 'Lines'" ("the ""id""" int PRIMARY KEY, "ändert" date);
CREATE INDEX ON "My ""Schema"""."Order 'Lines'" ("ändert");
SELECT svc.keep_rows('"My ""Schema"""."Order ''Lines''"', 'ändert', '1 mon');
RESET ROLE;
CREATE TABLE public.accounts (id int PRIMARY KEY);
SELECT svc.assign('ledger', 'public.accounts');
SELECT svc.journal_append('i', 'public.accounts', 'id', ARRAY[1]);
CREATE TABLE public.entries (user_id int);
ALTER TABLE public.entries OWNER TO ledger_owner;
SELECT svc.assign('ledger', 'public.entries');
INSERT INTO public.entries VALUES (1), (7);
SELECT svc.create_reference('public.entries', 'user_id', 'people', 'users', name => 'entries_ref');
SET client_min_messages = error;
CALL svc.check_references('entries_ref');
SQL
# The journal holds something that was read and something that was not
$old->safe_psql('shop', 'CALL svc.run_pending()');
$old->safe_psql('shop', "SELECT svc.journal_append('i', 'public.accounts', 'id', ARRAY[2, 3])");
# One that came by a restore of its own user, and rows that wait for a service
$old->safe_psql('postgres', 'CREATE DATABASE restored OWNER auth_owner');
$old->safe_psql('restored', 'CREATE EXTENSION svc_ownership');
$old->safe_psql('restored', <<'SQL', extra_params => [ '-U', 'auth_user' ]);
INSERT INTO svc.member VALUES ('auth', 'auth_user', 'login', 'owner');
INSERT INTO svc.service (service, form, owner, writer, reader) VALUES ('auth', 'logical', 'auth_owner', 'auth_writer', 'auth_reader');
INSERT INTO svc.store VALUES ('later', 's', 'redis');
SQL

my $more = <<'SQL';
SELECT 'missing', role, privilege, problem FROM svc.check_grants() WHERE privilege ~ '^SET ' ORDER BY 2, 3;
SELECT 'place', service, database FROM svc.services ORDER BY 2, 3;
SELECT 'confirmed', service, confirmed FROM svc.service ORDER BY 2;
SELECT 'journal', number, xid, kind, relation, subject, added_at, bytes, keys, xid < pg_snapshot_xmin(pg_current_snapshot()) FROM svc.journal_entries() ORDER BY 2;
SELECT 'violation', reference, key, rows, state, first_seen FROM svc.reference_violations;
SELECT 'log', at, reference, key, state, source FROM svc.reference_validation_log WHERE state <> 'valid';
SELECT 'sweep', reference, state, rows, finished FROM svc.reference_sweeps;
SELECT 'partition', i.inhrelid::regclass, d.deptype, (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgenabled = 'A')
  FROM pg_inherits i JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.inhrelid AND d.refclassid = 'pg_extension'::regclass
 WHERE i.inhparent = 'svc.reference_log'::regclass ORDER BY 2;
SELECT 'cursor', * FROM svc.journal_cursor ORDER BY 2, 3;
SELECT 'service', item, state, detail FROM svc.status() WHERE item ~ '^service ' ORDER BY 2, 4;
SELECT 'init', g.object, a.grantee::regrole::text, a.privilege_type
  FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) a
 CROSS JOIN LATERAL pg_describe_object(i.classoid, i.objoid, 0) g (object) WHERE g.object ~ ' svc\.' AND a.grantee NOT IN (0, 10) ORDER BY 2, 3, 4;
SELECT 'setting', setrole::regrole, ARRAY(SELECT x FROM unnest(s.setconfig) x ORDER BY x)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database() ORDER BY setrole::regrole::text;
SQL
my @databases = qw(auth_db shop restored postgres);
my %before = map { $_ => catalog_facts($old, $_, $more) } @databases;
note(sprintf '%s says %d lines', $_, 1 + (() = $before{$_} =~ /\n/g)) foreach @databases;
unlike($before{$_}, qr/^(grants|missing|contract)\|/m, "$_ is well") foreach qw(auth_db postgres);

# The new server must be like the old one: since 18 checksums are on by default
$new->init(extra => [ @options, $new_major >= 18 && $old_major < 18 ? ('--no-data-checksums') : () ]);
# Nothing is to happen by itself
$new->append_conf('postgresql.conf', "max_worker_processes = 16\nsvc_ownership.max_workers = 0\n");
$old->stop;

sub upgrade
{
	my ($name, @arguments) = @_;
	my ($out, $err) = ('', '');
	chdir ${PostgreSQL::Test::Utils::tmp_check};
	my $ok = IPC::Run::run([ "$new_bin/pg_upgrade", '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_bin, '-B', $new_bin,
			'-s', $new->host, '-p', $old->port, '-P', $new->port, @arguments ], '<', \'', '>', \$out, '2>', \$err);

	ok($ok, $name);
	diag("$out\n$err") unless $ok;
	return $out;
}
like(upgrade('pg_upgrade --check, without preloading', '--check'), qr/Clusters are compatible/, 'finds nothing');
my $printed = upgrade('pg_upgrade');
$new->start;
like($printed, qr/Upgrade Complete/, 'goes through');
rows($new, 'postgres', "SELECT current_setting('server_version_num')::int / 10000", $new_major, "on $new_major now");

foreach my $dbname (@databases)
{
	same_text(catalog_facts($new, $dbname, $more), $before{$dbname}, "$dbname says what it said");
	rows($new, $dbname, "SELECT library = sql, server ~ '^$new_major' FROM svc.version()", 't|t', 'with the library of the new server');
	allowed($new, $dbname, ['ALTER EXTENSION svc_ownership UPDATE'], 'there is nothing to update') if $dbname eq 'shop';
}

# The journal goes on where it was: transactions are numbered on, and what comes now comes last
$new->safe_psql('shop', "SELECT svc.journal_append('i', 'public.accounts', 'id', ARRAY[4])");
rows($new, 'shop', "SELECT keys FROM svc.journal_entries() WHERE cardinality(keys) > 1 OR keys = '{4}' ORDER BY xid, number", "{2,3}\n{4}", 'the journal goes on');
$new->safe_psql('shop', 'CALL svc.run_pending()');

# Everything works on
allowed($new, 'auth_db', [ "INSERT INTO users (name) VALUES ('bob')", "INSERT INTO sessions SELECT 3, id, 'infinity' FROM users WHERE name = 'bob'",
		"UPDATE users SET name = name", "CREATE TABLE tokens (id int PRIMARY KEY)", "SELECT svc.publish('auth', 'tokens', 'tokens')", "TABLE auth_api.users" ],
	'auth_user works', user => 'auth_user', commit => 1);
rows($new, 'auth_db', "SELECT string_agg(concat_ws('|', name, sessions, updated_at > '2020-01-01'), ' ' ORDER BY name) FROM users", 'ann|2|t bob|1|t', 'counters and timestamps are kept');
rows($new, 'auth_db', 'SELECT deleted FROM svc.expire_now()', '1', 'rows expire');
allowed($new, 'shop', [ "INSERT INTO people.posts VALUES (10, 2, false), (11, 2, true)", "UPDATE people.users SET name = name", "CREATE TABLE people.newer (id int)" ],
	'people_user works', user => 'people_user', commit => 1);
rows($new, 'shop', "SELECT string_agg(concat_ws('|', id, posts, updated_at > '2020-01-01', at > '2020-01-01'), ' ' ORDER BY id) FROM people.users", '1|1|t|t 2|2|t|t', 'there, too');
allowed($new, 'shop', ['TABLE people_api.users'], 'a contract is read', user => 'ledger_user');
refused($new, 'shop', ['TABLE people.users'], 'a table is not', user => 'ledger_user');
is(outcome($new, 'shop', 'DROP VIEW people_api.users'), '2BP01', 'contracts are protected');
rows($new, 'shop', "SELECT count(*) FROM svc.restore_updated_at()", '1', 'an adopted trigger is given back');
$new->safe_psql('shop', "UPDATE people.users SET mood = 'good'; INSERT INTO people.users (id, mood) VALUES (7, 'good')");
$new->safe_psql('shop', "CALL svc.validate_reference('entries_ref')");
rows($new, 'shop', 'SELECT key, state FROM svc.reference_violations', '7|resolved', 'references are swept');
$new->safe_psql('shop', 'ALTER SCHEMA people RENAME TO folk; DROP TABLE public.accounts, public.entries');
rows($new, 'shop', "SELECT schema FROM svc.services WHERE service = 'people'", 'folk', 'a renamed schema is followed');
rows($new, 'shop', "SELECT count(*) FROM svc.tables WHERE service = 'ledger'", '0', 'so is what is dropped');
rows($new, 'shop', "SELECT * FROM svc.check_grants()", '', 'and rights are right');
$new->safe_psql('shop', "SELECT svc.create_service('fresh', schema => 'fresh', login => 'fresh_user')");
$new->safe_psql('shop', "SELECT svc.drop_service('made', drop_objects => true)");
$new->safe_psql('postgres', "SELECT svc.create_service('mail', database => 'mail_db', login => 'mail_user')");
rows($new, 'postgres', 'SELECT service, database FROM svc.services ORDER BY 1', "auth|auth_db\nmail|mail_db", 'new services are made');
$new->safe_psql('auth_db', "CALL svc.run('{CREATE TABLE by_runner (id int)}', 'auth')");
rows($new, 'auth_db', "SELECT tableowner FROM pg_tables WHERE tablename = 'by_runner'", 'auth_owner', 'statements run as an owner role that the old server made');
rows($new, 'restored', 'SELECT svc.repair_settings() > 0', 't', 'a restored service is confirmed after it, too');
rows($new, 'restored', 'SELECT confirmed, (SELECT count(*) FROM svc.pending) FROM svc.service', 't|1', 'and what waits goes on waiting');

# A dump of the new one shows nothing of what the extension grants by itself
my ($dump) = run_command([ 'pg_dump', '--schema-only', $new->connstr('shop') ]);
is(join("\n", grep { /^(GRANT|REVOKE) .* svc\./ && !/ TO maker;$/ } split /\n/, $dump), '', 'initial privileges went along');
like($dump, qr/^GRANT ALL ON FUNCTION svc\.create_service\(.* TO maker;$/m, 'and so did what a DBA granted');

$new->stop;
done_testing();
