-- What auth shows: that an account is there, and under which name
SELECT svc.publish('auth', 'users', 'auth.users', columns => '{id,username,is_active,is_verified}');
SELECT svc.grant_contract('auth', 'user');
