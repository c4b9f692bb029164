-- Foreign keys that become references, with the data in place: what is kept,
-- what is said, and that all of it is undone with its transaction.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SET client_min_messages = warning;
SELECT svc.create_service('regress_auth', schema => 'regress_auth'),
       svc.create_service('regress_event', schema => 'regress_event');
CREATE TABLE regress_auth.users (id uuid PRIMARY KEY, name text UNIQUE, a int, b int, UNIQUE (a, b));
CREATE TABLE regress_auth.hidden (id int PRIMARY KEY);
ALTER TABLE regress_auth.users OWNER TO regress_auth_owner;
ALTER TABLE regress_auth.hidden OWNER TO regress_auth_owner;
INSERT INTO regress_auth.users SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, 'user ' || i, i, i FROM generate_series(1, 3) i;
SELECT svc.publish('regress_auth', 'users', 'regress_auth.users', columns => '{id,name}'),
       svc.publish('regress_auth', 'names', 'regress_auth.users', key => 'name', columns => '{name}'),
       svc.publish('regress_auth', 'firsts', 'regress_auth.users', filter => 'a = 1');
GRANT REFERENCES ON ALL TABLES IN SCHEMA regress_auth TO regress_event_owner;
GRANT USAGE ON SCHEMA regress_auth TO regress_event_owner;
SET ROLE regress_event_owner;
SET search_path = regress_event;
CREATE TABLE events (id int PRIMARY KEY,
    creator uuid NOT NULL REFERENCES regress_auth.users,
    host uuid REFERENCES regress_auth.users ON DELETE SET NULL ON UPDATE CASCADE,
    strict uuid NOT NULL CONSTRAINT strict_host REFERENCES regress_auth.users ON DELETE SET NULL,
    guest text REFERENCES regress_auth.users (name) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    other uuid DEFAULT '00000000-0000-0000-0000-000000000001' REFERENCES regress_auth.users ON DELETE SET DEFAULT DEFERRABLE,
    hidden int REFERENCES regress_auth.hidden,
    a int, b int, CONSTRAINT both_of_them FOREIGN KEY (a, b) REFERENCES regress_auth.users (a, b),
    parent int CONSTRAINT parent REFERENCES events,
    long uuid CONSTRAINT a_name_of_a_constraint_that_is_longer_than_references_have REFERENCES regress_auth.users ON DELETE RESTRICT,
    CONSTRAINT positive CHECK (id > 0));
RESET ROLE;
INSERT INTO events (id, creator, host, strict, guest) SELECT i, u.id, u.id, u.id, u.name FROM regress_auth.users u, generate_series(1, 100) i WHERE u.a = i % 3 + 1;
SET client_min_messages = notice;
SET search_path = regress_event;

-- the referenced service must have granted its contract
SET ROLE regress_event_owner;
SELECT svc.convert_foreign_key('events', 'events_creator_fkey');
RESET ROLE;
SELECT svc.grant_contract('regress_auth', 'regress_event');
SET ROLE regress_event_owner;

-- what cannot be converted
SELECT svc.convert_foreign_key(NULL, 'events_creator_fkey');
SELECT svc.convert_foreign_key('events', NULL);
SELECT svc.convert_foreign_key('events', 'no_such');
SELECT svc.convert_foreign_key('events', 'positive');
SELECT svc.convert_foreign_key('events', 'events_pkey');
SELECT svc.convert_foreign_key('events', 'both_of_them');
SELECT svc.convert_foreign_key('events', 'events_hidden_fkey');
SELECT svc.convert_foreign_key('events', 'parent');
SELECT svc.convert_foreign_key('events', 'events_creator_fkey', service => 'regress_event');
SELECT svc.convert_foreign_key('events', 'events_creator_fkey', entity => 'names');
SELECT svc.convert_foreign_key('events', 'events_creator_fkey', mode => 'never');
SELECT svc.convert_foreign_key('events', 'events_creator_fkey', on_delete => 'set_null');
SELECT svc.convert_foreign_key('events', 'events_creator_fkey', name => repeat('x', 60)::name);

-- undone with its transaction
BEGIN;
SELECT svc.convert_foreign_key('events', 'events_creator_fkey');
SAVEPOINT a;
INSERT INTO events (id, creator, strict) VALUES (1001, '00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-000000000001');
ROLLBACK TO a;
SELECT count(*) FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'f';
ROLLBACK;
SELECT count(*) FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'f';
SELECT count(*) FROM svc.references_declared;

-- each kind
SELECT svc.convert_foreign_key('events', 'events_creator_fkey');
SELECT svc.convert_foreign_key('events', 'events_host_fkey');
SELECT svc.convert_foreign_key('events', 'strict_host');
SELECT svc.convert_foreign_key('events', 'events_guest_fkey');
SELECT svc.convert_foreign_key('events', 'events_other_fkey');
SELECT svc.convert_foreign_key('events', 'a_name_of_a_constraint_that_is_longer_than_references_have', on_delete => 'keep', mode => 'observe');
SELECT conname FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'f' ORDER BY 1;
SELECT r.reference, r.column_name, r.entity, r.mode, r.on_delete, r.validated, s.trigger, s.needs_sweep
  FROM svc.references_declared r JOIN svc.reference_status s USING (reference) ORDER BY 1;
SELECT count(*) FROM events;
-- the same errors as before
INSERT INTO events (id, creator, strict) VALUES (1001, '00000000-0000-0000-0000-000000000009', '00000000-0000-0000-0000-000000000001');
INSERT INTO events (id, creator, strict) VALUES (1001, '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001');

-- not validated, on a partitioned table, and twice the same name
CREATE TABLE visits (id int, at date, who uuid) PARTITION BY RANGE (at);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
ALTER TABLE visits ADD CONSTRAINT strict_host FOREIGN KEY (who) REFERENCES regress_auth.users;
INSERT INTO visits VALUES (1, '2026-01-01', '00000000-0000-0000-0000-000000000001');
SELECT svc.convert_foreign_key('visits_1', 'strict_host');
SELECT svc.convert_foreign_key('visits', 'strict_host');
SELECT conrelid::regclass, conname FROM pg_constraint WHERE conrelid::regclass::text LIKE 'visits%';
INSERT INTO visits_1 VALUES (1, '2026-01-01', '00000000-0000-0000-0000-000000000009');
CREATE TABLE letters (who uuid);
INSERT INTO letters VALUES ('00000000-0000-0000-0000-000000000009');
ALTER TABLE letters ADD FOREIGN KEY (who) REFERENCES regress_auth.users NOT VALID;
SELECT svc.convert_foreign_key('letters', 'letters_who_fkey');
SELECT reference, validated, needs_sweep FROM svc.references_declared JOIN svc.reference_status USING (reference) WHERE reference LIKE 'letter%';
RESET ROLE;
-- two entities with this key
SELECT svc.publish('regress_auth', 'people', 'regress_auth.users', columns => '{id}');
ALTER TABLE letters ADD COLUMN reader uuid CONSTRAINT read_by REFERENCES regress_auth.users;
SELECT svc.convert_foreign_key('letters', 'read_by');
SELECT svc.convert_foreign_key('letters', 'read_by', entity => 'people');
-- one with a filter only if it is named
ALTER TABLE letters ADD COLUMN first uuid CONSTRAINT first_read REFERENCES regress_auth.users;
SELECT svc.convert_foreign_key('letters', 'first_read', entity => 'firsts');
-- somebody else's table
CREATE ROLE regress_stranger;
GRANT EXECUTE ON FUNCTION svc.convert_foreign_key TO regress_stranger;
GRANT USAGE ON SCHEMA regress_event TO regress_stranger;
SET ROLE regress_stranger;
SELECT svc.convert_foreign_key('events', 'parent');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION svc.convert_foreign_key FROM regress_stranger;
SET client_min_messages = warning;
RESET search_path;
SELECT svc.drop_service('regress_event', drop_objects => true), svc.drop_service('regress_auth', drop_objects => true);
DROP ROLE regress_stranger;
