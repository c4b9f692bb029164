-- What auth keeps outside PostgreSQL.  It is recorded here, nothing connects to it.
SELECT svc.add_store('auth', 'sessions', 'redis', 'redis://127.0.0.1:6379/0',
                     'Sessions of logged-in users; gone when they expire');
SELECT svc.add_store('auth', 'tokens', 'redis', 'redis://127.0.0.1:6379/1',
                     'Refresh tokens and revoked JWTs, filled from refresh_tokens and revoked_tokens');
