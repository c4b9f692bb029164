-- The 15 references that cross services, as foreign keys: what the four
-- services have between them as long as they share one database.  They come
-- after the services' files, each of which must load alone, and go when a
-- service gets a database of its own.  In the monolith its own migrations
-- make them, under the same names.
--
-- Run with all four services in the search_path, by a superuser: whoever adds
-- a foreign key needs REFERENCES on a table of another service, and the
-- services have no such right.

ALTER TABLE events ADD FOREIGN KEY (host_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE event_attendees ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE event_qna ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE event_qna ADD FOREIGN KEY (answered_by) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE reviews ADD FOREIGN KEY (reviewer_id) REFERENCES users (id) ON DELETE CASCADE;

ALTER TABLE posts ADD FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE posts ADD FOREIGN KEY (event_id) REFERENCES events (id) ON DELETE SET NULL;
ALTER TABLE posts ADD FOREIGN KEY (attached_event_id) REFERENCES events (id) ON DELETE SET NULL;
ALTER TABLE comments ADD FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE likes ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE reposts ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE bookmarks ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE shares ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;

-- Tickets are accounts: nobody they name is deleted
ALTER TABLE tickets ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT;
ALTER TABLE tickets ADD FOREIGN KEY (event_id) REFERENCES events (id) ON DELETE RESTRICT;
