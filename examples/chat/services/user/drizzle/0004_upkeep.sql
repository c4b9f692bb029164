-- Custom SQL migration file, put your code below! --
SELECT svc.keep_updated_at('users.profiles');
--> statement-breakpoint
SELECT svc.keep_updated_at('users.relationships');
--> statement-breakpoint
SELECT svc.keep_updated_at('users.settings');
--> statement-breakpoint
SELECT svc.keep_count('users.relationships', 'user_id', 'users.profiles', 'user_id', 'friends_count', filter => 'kind = ''friends''');
