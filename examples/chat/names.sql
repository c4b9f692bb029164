-- Names of databases, roles and logins, from the variables that install.sql
-- describes; as_auth and as_user are how a service's own login connects.
\if :{?prefix}
\else
  \set prefix ''
\endif
\if :{?host}
\else
  \set host 127.0.0.1
\endif
\if :{?password}
\else
  \set password demo
\endif

\set auth_db :prefix auth_db
\set user_db :prefix user_db
\set auth_login :prefix auth_service
\set user_login :prefix user_service
\set auth_password :password -auth
\set user_password :password -user

\set as_auth 'host=' :host ' dbname=' :auth_db ' user=' :auth_login ' password=' :auth_password
\set as_user 'host=' :host ' dbname=' :user_db ' user=' :user_login ' password=' :user_password

-- Who runs this, and where: \connect comes back with these
\set super :USER
\set super_host :HOST
\set super_port :PORT
