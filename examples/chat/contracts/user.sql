-- What user shows.  A message is delivered unless there is a block; an
-- invitation that is not answered is nobody's business.
SELECT svc.publish('user', 'profiles', 'users.profiles', key => 'user_id',
                   columns => '{user_id,username,display_name,avatar_url,presence}');
SELECT svc.publish('user', 'blocks', 'users.relationships', columns => '{id,user_id,other_user_id}',
                   filter => 'kind = ''blocked''');
SELECT svc.grant_contract('user', 'chat');
SELECT svc.grant_contract('user', 'notification', 'profiles');
