-- Counters of the user service: who follows whom, and invitations that led to somebody.
-- Its team had a PL/pgSQL trigger for each.

SELECT svc.keep_count('follows', 'following_id', 'user_stats', 'user_id', 'followers_count');
SELECT svc.keep_count('follows', 'follower_id', 'user_stats', 'user_id', 'following_count');
SELECT svc.keep_count('invitations', 'inviter_id', 'user_stats', 'user_id', 'invitations_sent');
SELECT svc.keep_count('invitations', 'inviter_id', 'user_stats', 'user_id', 'successful_invites',
                      filter => 'status = ''accepted''');
