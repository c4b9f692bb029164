-- Custom SQL migration file, put your code below! --
SELECT svc.keep_updated_at('auth.users');
--> statement-breakpoint
SELECT svc.keep_count('auth.refresh_tokens', 'user_id', 'auth.users', 'id', 'token_count', filter => 'revoked_at IS NULL');
--> statement-breakpoint
SELECT svc.keep_rows('auth.refresh_tokens', 'expires_at', keep => '0');
