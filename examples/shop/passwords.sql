-- Passwords of the logins, from the environment: AUTH_DB_PASSWORD and so on.  For
-- one that is not there, a new one is made; :made_passwords says whether any was.
\set made_passwords false
\getenv auth_password AUTH_DB_PASSWORD
\getenv product_password PRODUCT_DB_PASSWORD
\getenv cart_password CART_DB_PASSWORD
\getenv promotion_password PROMOTION_DB_PASSWORD
\getenv poc_password POC_PASSWORD
\if :{?auth_password}
\else
  SELECT replace(gen_random_uuid()::text, '-', '') AS auth_password, true AS made_passwords \gset
\endif
\if :{?product_password}
\else
  SELECT replace(gen_random_uuid()::text, '-', '') AS product_password, true AS made_passwords \gset
\endif
\if :{?cart_password}
\else
  SELECT replace(gen_random_uuid()::text, '-', '') AS cart_password, true AS made_passwords \gset
\endif
\if :{?promotion_password}
\else
  SELECT replace(gen_random_uuid()::text, '-', '') AS promotion_password, true AS made_passwords \gset
\endif
\if :{?poc_password}
\else
  SELECT replace(gen_random_uuid()::text, '-', '') AS poc_password, true AS made_passwords \gset
\endif
