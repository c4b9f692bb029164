-- Whose ids the restaurant service holds: every restaurant belongs to a user.  Run
-- by its own login, when it is connected to auth.
SELECT svc.create_reference('restaurants', 'owner_user_id', 'auth', 'users');
