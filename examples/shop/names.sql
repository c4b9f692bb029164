-- Names that belong to the whole cluster, from the variable prefix: roles, and
-- the databases of databases.sql
\set auth_owner :prefix auth_owner
\set product_owner :prefix product_owner
\set cart_owner :prefix cart_owner
\set promotion_owner :prefix promotion_owner
\set auth_user :prefix auth_user
\set product_user :prefix product_user
\set cart_user :prefix cart_user
\set promotion_user :prefix promotion_user
\set poc_user :prefix poc_user
\set auth_db :prefix auth_db
\set product_db :prefix product_db
\set cart_db :prefix cart_db
\set promotion_db :prefix promotion_db
\set poc :prefix poc
