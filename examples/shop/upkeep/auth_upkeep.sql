-- What the auth service need not do itself any more: sessions go when they
-- expire, and show when they were last used.  Run as the service.

SELECT svc.keep_updated_at('user_sessions', 'last_activity_at');
SELECT svc.keep_rows('user_sessions', 'expires_at', keep => '0');
