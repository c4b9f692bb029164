-- Types of the columns that the event service shows to others, for those who read it
-- in another database: a contract brings columns, and types must be there already.

CREATE TYPE event_category AS ENUM ('music', 'sports', 'food', 'art', 'technology', 'outdoor', 'social', 'learning');
CREATE TYPE event_status AS ENUM ('draft', 'upcoming', 'ongoing', 'completed', 'cancelled');
CREATE TYPE attendee_status AS ENUM ('pending', 'confirmed', 'waitlisted', 'cancelled');
