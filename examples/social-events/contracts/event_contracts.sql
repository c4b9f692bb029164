-- event: what a post shows of an event, and what a ticket is for
SELECT svc.publish('event', 'events', 'events',
                   columns => '{id,host_id,title,category,status,start_time,end_time,location_name,location,price,currency,is_free,max_attendees,attendees_count}');
SELECT svc.publish('event', 'event_attendees', 'event_attendees', columns => '{id,event_id,user_id,status}');
SELECT svc.grant_contract('event', 'post', 'events');
SELECT svc.grant_contract('event', 'ticket');
