-- user: who somebody is, never how he proves it; and who follows whom, since
-- a post may be for followers only
SELECT svc.publish('user', 'users', 'users',
                   columns => '{id,username,name,avatar_url,is_verified}', filter => 'deleted_at IS NULL');
SELECT svc.publish('user', 'follows', 'follows', columns => '{id,follower_id,following_id}');
SELECT svc.grant_contract('user', 'event', 'users');
SELECT svc.grant_contract('user', 'post');
SELECT svc.grant_contract('user', 'ticket', 'users');
