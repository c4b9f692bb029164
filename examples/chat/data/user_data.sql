-- A profile for every account that is verified: ids and names come from the
-- contract of auth.  Ids of conversations and of notification preferences are
-- those of services/chat/data and services/notification/data.

INSERT INTO users.profiles (user_id, username, display_name, bio, presence, last_seen_at)
SELECT a.id, a.username, v.display_name, v.bio, v.presence::users.presence, now() - v.seen
  FROM (VALUES
        ('aiko',   'Aiko Tanaka',    'Tea, trains, type systems', 'online',  interval '1 minute'),
        ('bilal',  'Bilal Rahimi',   NULL,                        'away',    interval '40 minutes'),
        ('carmen', 'Carmen Ortega',  'Mostly on a bicycle',       'online',  interval '2 minutes'),
        ('dana',   'Dana Novak',     NULL,                        'offline', interval '2 days'),
        ('eero',   'Eero Laine',     'Do not disturb before ten', 'busy',    interval '3 hours'),
        ('femi',   'Femi Adeyemi',   NULL,                        'offline', interval '60 days'),
        ('hasan',  'Hasan Demir',    NULL,                        'offline', interval '1 day')
       ) v (username, display_name, bio, presence, seen)
  JOIN auth_api.users a USING (username)
 WHERE a.is_verified
 ORDER BY a.username;

-- Friends are two rows
INSERT INTO users.relationships (user_id, other_user_id, kind, conversation_id)
SELECT p.user_id, o.user_id, v.kind::users.relationship_kind, v.conversation
  FROM (VALUES
        ('aiko',   'bilal',  'friends', '66a1f0c2e4b0a1d2c3e4f501'), ('bilal',  'aiko', 'friends', '66a1f0c2e4b0a1d2c3e4f501'),
        ('aiko',   'carmen', 'friends', '66a1f0c2e4b0a1d2c3e4f502'), ('carmen', 'aiko', 'friends', '66a1f0c2e4b0a1d2c3e4f502'),
        ('carmen', 'eero',   'friends', NULL),                       ('eero', 'carmen', 'friends', NULL),
        ('dana',   'aiko',   'pending', NULL),
        ('hasan',  'eero',   'pending', NULL),
        ('eero',   'femi',   'blocked', NULL),
        ('carmen', 'hasan',  'blocked', NULL)
       ) v (username, other, kind, conversation)
  JOIN users.profiles p ON p.username = v.username
  JOIN users.profiles o ON o.username = v.other;

INSERT INTO users.settings (user_id, theme, language, show_last_seen, notification_preferences_id, muted_conversation_ids)
SELECT p.user_id, v.theme, v.language, v.show_last_seen, v.preferences, v.muted::text[]
  FROM (VALUES
        ('aiko',   'dark',   'ja', true,  '66a1f0c2e4b0a1d2c3e4fa01', '{}'),
        ('bilal',  'system', 'en', true,  '66a1f0c2e4b0a1d2c3e4fa02', '{66a1f0c2e4b0a1d2c3e4f503}'),
        ('carmen', 'light',  'es', true,  '66a1f0c2e4b0a1d2c3e4fa03', '{}'),
        ('dana',   'system', 'cs', true,  NULL,                       '{}'),
        ('eero',   'dark',   'fi', false, '66a1f0c2e4b0a1d2c3e4fa04', '{}'),
        ('femi',   'system', 'en', true,  NULL,                       '{}'),
        ('hasan',  'system', 'tr', true,  NULL,                       '{}')
       ) v (username, theme, language, show_last_seen, preferences, muted)
  JOIN users.profiles p USING (username);
