-- Names of the roles, from the variable prefix
\set auth_owner :prefix auth_owner
\set product_owner :prefix product_owner
\set cart_owner :prefix cart_owner
\set promotion_owner :prefix promotion_owner
\set auth_user :prefix auth_user
\set product_user :prefix product_user
\set cart_user :prefix cart_user
\set promotion_user :prefix promotion_user
