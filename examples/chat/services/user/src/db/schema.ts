import { sql } from 'drizzle-orm';
import { boolean, char, check, index, integer, pgSchema, text, timestamp, unique, uuid, varchar } from 'drizzle-orm/pg-core';

// Not exported: the schema is there before the first migration runs
const schema = pgSchema('users');

export const presence = schema.enum('presence', ['online', 'away', 'busy', 'offline']);

export const profiles = schema.table('profiles', {
  userId: uuid('user_id').primaryKey(), // a user of the auth service
  username: varchar('username', { length: 32 }).notNull().unique(), // copied from there
  displayName: varchar('display_name', { length: 100 }).notNull(),
  bio: text('bio'),
  avatarUrl: text('avatar_url'),
  presence: presence('presence').notNull().default('offline'),
  friendsCount: integer('friends_count').notNull().default(0),
  lastSeenAt: timestamp('last_seen_at', { withTimezone: true }),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

export const relationshipKind = schema.enum('relationship_kind', ['pending', 'friends', 'blocked']);

// One row a direction: friends are two rows, a block is one
export const relationships = schema.table(
  'relationships',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    userId: uuid('user_id')
      .notNull()
      .references(() => profiles.userId, { onDelete: 'cascade' }),
    otherUserId: uuid('other_user_id')
      .notNull()
      .references(() => profiles.userId, { onDelete: 'cascade' }),
    kind: relationshipKind('kind').notNull().default('pending'),
    conversationId: char('conversation_id', { length: 24 }), // a conversation of the chat service
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [
    unique('relationships_pair_key').on(t.userId, t.otherUserId),
    index('relationships_other_user_id_idx').on(t.otherUserId),
    index('relationships_conversation_id_idx').on(t.conversationId),
    check('relationships_self_check', sql`${t.userId} <> ${t.otherUserId}`),
    check('relationships_conversation_id_check', sql`${t.conversationId} ~ '^[0-9a-f]{24}$'`),
  ],
);

export const settings = schema.table(
  'settings',
  {
    userId: uuid('user_id')
      .primaryKey()
      .references(() => profiles.userId, { onDelete: 'cascade' }),
    theme: varchar('theme', { length: 10 }).notNull().default('system'),
    language: char('language', { length: 2 }).notNull().default('en'),
    showLastSeen: boolean('show_last_seen').notNull().default(true),
    readReceipts: boolean('read_receipts').notNull().default(true),
    // documents of the notification and the chat service
    notificationPreferencesId: char('notification_preferences_id', { length: 24 }).unique(),
    mutedConversationIds: text('muted_conversation_ids').array().notNull().default(sql`'{}'`),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [
    check('settings_theme_check', sql`${t.theme} IN ('light', 'dark', 'system')`),
    check('settings_notification_preferences_id_check', sql`${t.notificationPreferencesId} ~ '^[0-9a-f]{24}$'`),
  ],
);
