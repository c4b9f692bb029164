-- What the auth service shows to others, and to whom: who somebody is, never
-- how he proves it.  Run as the service: an owner needs nobody's help for its
-- contract.

SELECT svc.publish('auth', 'users', 'users',
                   columns => '{id,username,email,role,is_active,is_verified}');
SELECT svc.grant_contract('auth', 'cart');
SELECT svc.grant_contract('auth', 'promotion');
