-- The way out of the foreign keys that cross services: each becomes a reference,
-- with the data in place.  Run by a superuser, in a database that schemas.sql or
-- monolith.sql made:
--
--   psql -d anigmaa -f references.sql
--
-- All or nothing, and both tables of each are locked until it is done.  From then
-- on a service's tables can go to a database of their own without a word to those
-- that refer to them.  A NOTICE says what each loses: nothing keeps a user who has
-- tickets from being deleted any more.

\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SELECT svc.convert_foreign_key(k.conrelid, k.conname, service => svc.owner_of(k.confrelid), entity => t.relname)
  FROM pg_constraint k
  JOIN pg_class t ON t.oid = k.confrelid
 WHERE k.contype = 'f' AND svc.owner_of(k.conrelid) <> svc.owner_of(k.confrelid)
 ORDER BY k.conrelid, k.conkey;
\o
\unset QUIET
