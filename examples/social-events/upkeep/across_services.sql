-- Counters across services: numbers of one that count rows of another.  They work
-- as long as both are in one database, and only a superuser may declare them,
-- since from then on whoever writes a post changes a row of user_stats.

SELECT svc.keep_count('posts', 'author_id', 'user_stats', 'user_id', 'posts_count');
SELECT svc.keep_count('events', 'host_id', 'user_stats', 'user_id', 'events_created');
SELECT svc.keep_count('event_attendees', 'user_id', 'user_stats', 'user_id', 'events_attended',
                      filter => 'status = ''confirmed''');
SELECT svc.keep_count('reviews', 'reviewer_id', 'user_stats', 'user_id', 'reviews_given');
SELECT svc.keep_count('tickets', 'event_id', 'events', 'id', 'tickets_sold',
                      filter => 'status IN (''active'', ''used'')');
