-- What each service shows to the others, and to whom.  Tables are named
-- without a schema: the caller's search_path says where they are.

-- user: who somebody is, never how he proves it; and who follows whom, since
-- a post may be for followers only
SELECT svc.publish('user', 'users', 'users',
                   columns => '{id,username,name,avatar_url,is_verified}', filter => 'deleted_at IS NULL');
SELECT svc.publish('user', 'follows', 'follows', columns => '{id,follower_id,following_id}');
SELECT svc.grant_contract('user', 'event', 'users');
SELECT svc.grant_contract('user', 'post');
SELECT svc.grant_contract('user', 'ticket', 'users');

-- event: what a post shows of an event, and what a ticket is for
SELECT svc.publish('event', 'events', 'events',
                   columns => '{id,host_id,title,category,status,start_time,end_time,location_name,location,price,currency,is_free,max_attendees,attendees_count}');
SELECT svc.publish('event', 'event_attendees', 'event_attendees', columns => '{id,event_id,user_id,status}');
SELECT svc.grant_contract('event', 'post', 'events');
SELECT svc.grant_contract('event', 'ticket');

-- post: what an event's page shows, if everybody may see it
SELECT svc.publish('post', 'posts', 'posts',
                   columns => '{id,author_id,content,type,event_id,attached_event_id,likes_count,comments_count,created_at}',
                   filter => 'visibility = ''public''');
SELECT svc.grant_contract('post', 'event');

-- ticket: who has one, without the code that opens the door
SELECT svc.publish('ticket', 'tickets', 'tickets', columns => '{id,user_id,event_id,status,is_checked_in}');
SELECT svc.grant_contract('ticket', 'event');
