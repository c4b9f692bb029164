CREATE TYPE "users"."relationship_kind" AS ENUM('pending', 'friends', 'blocked');--> statement-breakpoint
CREATE TABLE "users"."relationships" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"other_user_id" uuid NOT NULL,
	"kind" "users"."relationship_kind" DEFAULT 'pending' NOT NULL,
	"conversation_id" char(24),
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "relationships_pair_key" UNIQUE("user_id","other_user_id"),
	CONSTRAINT "relationships_self_check" CHECK ("users"."relationships"."user_id" <> "users"."relationships"."other_user_id"),
	CONSTRAINT "relationships_conversation_id_check" CHECK ("users"."relationships"."conversation_id" ~ '^[0-9a-f]{24}$')
);
--> statement-breakpoint
ALTER TABLE "users"."relationships" ADD CONSTRAINT "relationships_user_id_profiles_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "users"."profiles"("user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users"."relationships" ADD CONSTRAINT "relationships_other_user_id_profiles_user_id_fk" FOREIGN KEY ("other_user_id") REFERENCES "users"."profiles"("user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "relationships_other_user_id_idx" ON "users"."relationships" USING btree ("other_user_id");--> statement-breakpoint
CREATE INDEX "relationships_conversation_id_idx" ON "users"."relationships" USING btree ("conversation_id");