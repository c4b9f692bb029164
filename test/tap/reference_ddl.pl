# A worker that is at work on a reference holds locks, and waits for others.  Nobody's
# command fails because of that: before the server calls it a deadlock the
# worker has given way.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

# It has given way after half a second; on a busy machine that may be late
my $node = new_server('node', conf => "deadlock_timeout = 10s\n");

# A contract whose condition holds the worker up, with a lock on the table, until
# somebody waits for that
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
CREATE FUNCTION product.is_shown(id int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('application_name') = 'svc_ownership worker' THEN
        FOR i IN 1 .. 6000 LOOP
            EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted);
            PERFORM pg_sleep(0.01);
        END LOOP;
    END IF;
    RETURN true;
END $$;
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 10);
SELECT svc.publish('product', 'products', 'product.products', filter => 'product.is_shown(id)'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (product_id int);
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', name => 'items');
SQL

$node->safe_psql('shop', 'BEGIN; DELETE FROM product.products WHERE id <= 2; INSERT INTO product.products VALUES (2); COMMIT');
$node->poll_query_until('shop', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND wait_event = 'PgSleep')) or die 'no worker is at work';
my ($out, $err);
$node->psql('shop', q(SELECT svc.drop_reference('items')), stdout => \$out, stderr => \$err);
is($err, '', 'a reference is dropped while a worker is at work on it');
rows($node, 'shop', 'SELECT count(*) FROM svc.reference', '0', 'it is gone');

done_testing();
