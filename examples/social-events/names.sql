-- Names that belong to the whole cluster, from the variable prefix: roles, and
-- the databases of databases.sql
\set user_owner :prefix user_owner
\set event_owner :prefix event_owner
\set post_owner :prefix post_owner
\set ticket_owner :prefix ticket_owner
\set user_login :prefix user_service
\set event_login :prefix event_service
\set post_login :prefix post_service
\set ticket_login :prefix ticket_service
\set app :prefix app
\set user_db :prefix user_service
\set event_db :prefix event_service
\set post_db :prefix post_service
\set ticket_db :prefix ticket_service
