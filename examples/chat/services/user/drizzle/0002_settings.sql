CREATE TABLE "users"."settings" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"theme" varchar(10) DEFAULT 'system' NOT NULL,
	"language" char(2) DEFAULT 'en' NOT NULL,
	"show_last_seen" boolean DEFAULT true NOT NULL,
	"read_receipts" boolean DEFAULT true NOT NULL,
	"notification_preferences_id" char(24),
	"muted_conversation_ids" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "settings_notification_preferences_id_unique" UNIQUE("notification_preferences_id"),
	CONSTRAINT "settings_theme_check" CHECK ("users"."settings"."theme" IN ('light', 'dark', 'system')),
	CONSTRAINT "settings_notification_preferences_id_check" CHECK ("users"."settings"."notification_preferences_id" ~ '^[0-9a-f]{24}$')
);
--> statement-breakpoint
ALTER TABLE "users"."settings" ADD CONSTRAINT "settings_user_id_profiles_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "users"."profiles"("user_id") ON DELETE cascade ON UPDATE no action;