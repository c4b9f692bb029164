-- Names of the roles, from the variable prefix
\set user_owner :prefix user_owner
\set event_owner :prefix event_owner
\set post_owner :prefix post_owner
\set ticket_owner :prefix ticket_owner
\set user_login :prefix user_service
\set event_login :prefix event_service
\set post_login :prefix post_service
\set ticket_login :prefix ticket_service
\set app :prefix app
