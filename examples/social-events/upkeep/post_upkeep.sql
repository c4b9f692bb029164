-- Counters of the post service: likes, comments and answers, reposts, bookmarks, shares.
-- Its team had a PL/pgSQL trigger for each.

SELECT svc.keep_count('likes', 'likeable_id', 'posts', 'id', 'likes_count',
                      filter => 'likeable_type = ''post''');
SELECT svc.keep_count('likes', 'likeable_id', 'comments', 'id', 'likes_count',
                      filter => 'likeable_type = ''comment''');
SELECT svc.keep_count('comments', 'post_id', 'posts', 'id', 'comments_count');
SELECT svc.keep_count('comments', 'parent_comment_id', 'comments', 'id', 'replies_count');
SELECT svc.keep_count('reposts', 'post_id', 'posts', 'id', 'reposts_count');
SELECT svc.keep_count('bookmarks', 'post_id', 'posts', 'id', 'bookmarks_count');
SELECT svc.keep_count('shares', 'post_id', 'posts', 'id', 'shares_count');
