-- What auth shows: who may act, never how he proves it
SELECT svc.publish('auth', 'users', 'users', columns => '{id,email,name,role,is_active}');
SELECT svc.grant_contract('auth', 'project');
SELECT svc.grant_contract('auth', 'deploy');
