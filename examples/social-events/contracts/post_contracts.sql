-- post: what an event's page shows, if everybody may see it
SELECT svc.publish('post', 'posts', 'posts',
                   columns => '{id,author_id,content,type,event_id,attached_event_id,likes_count,comments_count,created_at}',
                   filter => 'visibility = ''public''');
SELECT svc.grant_contract('post', 'event');
