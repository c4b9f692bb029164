-- What was measured, and what the report says of it
\set database :DBNAME
\set superuser :USER
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE EXTENSION IF NOT EXISTS svc_ownership;

CREATE TABLE bench.timing (measure text, variant text, round int, ms float8);

CREATE TABLE bench.figure (
	rank      int GENERATED ALWAYS AS IDENTITY,
	measure   text,
	what      text,
	unit      text,
	units     int,
	ours      text,
	without   text,
	peer      text,
	peer_name text,
	promise   text
);
