-- Counters, where the teams had a PL/pgSQL trigger each.  Tables are named
-- without a schema: the caller's search_path says where they are.

-- Inside a service
SELECT svc.keep_count('follows', 'following_id', 'user_stats', 'user_id', 'followers_count');
SELECT svc.keep_count('follows', 'follower_id', 'user_stats', 'user_id', 'following_count');
SELECT svc.keep_count('invitations', 'inviter_id', 'user_stats', 'user_id', 'invitations_sent');
SELECT svc.keep_count('invitations', 'inviter_id', 'user_stats', 'user_id', 'successful_invites',
                      filter => 'status = ''accepted''');

SELECT svc.keep_count('event_attendees', 'event_id', 'events', 'id', 'attendees_count',
                      filter => 'status = ''confirmed''');
SELECT svc.keep_count('event_qna', 'event_id', 'events', 'id', 'questions_count');
SELECT svc.keep_count('reviews', 'event_id', 'events', 'id', 'reviews_count');

SELECT svc.keep_count('likes', 'likeable_id', 'posts', 'id', 'likes_count',
                      filter => 'likeable_type = ''post''');
SELECT svc.keep_count('likes', 'likeable_id', 'comments', 'id', 'likes_count',
                      filter => 'likeable_type = ''comment''');
SELECT svc.keep_count('comments', 'post_id', 'posts', 'id', 'comments_count');
SELECT svc.keep_count('comments', 'parent_comment_id', 'comments', 'id', 'replies_count');
SELECT svc.keep_count('reposts', 'post_id', 'posts', 'id', 'reposts_count');
SELECT svc.keep_count('bookmarks', 'post_id', 'posts', 'id', 'bookmarks_count');
SELECT svc.keep_count('shares', 'post_id', 'posts', 'id', 'shares_count');

-- Across services: numbers of one that count rows of another.  They work as
-- long as both are in one database, and only a superuser may declare them,
-- since from then on whoever writes a post changes a row of user_stats.
SELECT svc.keep_count('posts', 'author_id', 'user_stats', 'user_id', 'posts_count');
SELECT svc.keep_count('events', 'host_id', 'user_stats', 'user_id', 'events_created');
SELECT svc.keep_count('event_attendees', 'user_id', 'user_stats', 'user_id', 'events_attended',
                      filter => 'status = ''confirmed''');
SELECT svc.keep_count('reviews', 'reviewer_id', 'user_stats', 'user_id', 'reviews_given');
SELECT svc.keep_count('tickets', 'event_id', 'events', 'id', 'tickets_sold',
                      filter => 'status IN (''active'', ''used'')');
