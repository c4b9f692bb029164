-- Types of the columns that the post service shows to others; see event_types.sql

CREATE TYPE post_type AS ENUM ('text', 'text_with_images', 'text_with_event', 'poll');
