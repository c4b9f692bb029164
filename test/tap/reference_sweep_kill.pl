# A worker that sweeps is cancelled, ended and killed, with the server, in each
# phase: when it begins, before it reads rows, while it asks for their keys,
# when it writes what it found.  The next one goes on, finds what there is, and
# counts it once.  It waits where somebody has locked what it needs, so the
# phase is known.  All sessions of the database are SERIALIZABLE by default,
# and statements and locks have short timeouts: that is no matter to workers.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes);
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_server('main', conf => <<'CONF');
fsync = off
restart_after_crash = on
svc_ownership.worker_interval = '200ms'
svc_ownership.reference_log_sample = 0
CONF
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 100);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (product_id int);
INSERT INTO cart.items SELECT 1 + i % 100 FROM generate_series(1, 1000) i;
INSERT INTO cart.items VALUES (2000), (2000), (3000);
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', name => 'items_ref');
RESET ROLE;
ALTER DATABASE shop SET default_transaction_isolation = 'serializable';
ALTER DATABASE shop SET statement_timeout = '1ms';
ALTER DATABASE shop SET lock_timeout = '1ms';
SQL

# Our own sessions have none of these
$ENV{PGOPTIONS} = '-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_isolation=read\\ committed';

my $WAITING = q(SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND backend_type LIKE 'svc_ownership %' AND wait_event_type = 'Lock' LIMIT 1);

# The worker that waits for a lock
sub waiting_worker
{
	my $pid = '';

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$pid = eval { one($node, 'shop', $WAITING) } // '';
		last if $pid ne '';
		usleep(50_000);
	}
	return $pid;
}

my @phases = (
	[ 'begins', 'LOCK TABLE svc.reference_sweep' ],
	[ 'reads rows', 'LOCK TABLE cart.items' ],
	[ 'asks for keys', 'LOCK TABLE product.products' ],
	[ 'writes what it found', 'LOCK TABLE svc.reference_violation' ]);

becomes($node, 'shop', 'SELECT needs_sweep FROM svc.reference_status', 'f', 'a worker sweeps what was there');
foreach my $phase (@phases)
{
	my ($name, $lock) = @$phase;

	foreach my $signal (qw(INT TERM KILL))
	{
		my $holder = $node->background_psql('shop', on_error_stop => 0);

		$holder->query("BEGIN; DELETE FROM svc.reference_violation; COMMIT; BEGIN; $lock IN ACCESS EXCLUSIVE MODE; SELECT 1");
		$node->safe_psql('shop', 'UPDATE svc.reference_state SET needs_sweep = true');
		my $pid = waiting_worker();
		isnt($pid, '', "a worker waits when it $name");
		kill $signal, $pid;
		if ($signal eq 'KILL')
		{
			eval { $holder->quit };
		}
		else
		{
			becomes($node, 'shop', "SELECT count(*) FROM svc.workers WHERE pid = $pid AND state = 'working'", '0', "it is gone ($signal)") if $signal eq 'TERM';
			$holder->query('COMMIT');
			$holder->quit;
		}
		# what failed is tried again after a minute, which is over
		becomes($node, 'shop', q(WITH u AS (UPDATE svc.reference_sweep SET retry_at = NULL WHERE retry_at IS NOT NULL) SELECT needs_sweep FROM svc.reference_status),
			'f', "the next one ends the sweep ($signal)");
		rows($node, 'shop', 'SELECT key, rows, state FROM svc.reference_violations ORDER BY key', "2000|2|open\n3000|1|open",
			"and finds what there is, when one that $name was sent SIG$signal");
	}
}
$node->stop;
done_testing();
