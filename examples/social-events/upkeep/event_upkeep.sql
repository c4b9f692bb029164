-- Counters of the event service: who comes, who asks, who reviews.
-- Its team had a PL/pgSQL trigger for each.

SELECT svc.keep_count('event_attendees', 'event_id', 'events', 'id', 'attendees_count',
                      filter => 'status = ''confirmed''');
SELECT svc.keep_count('event_qna', 'event_id', 'events', 'id', 'questions_count');
SELECT svc.keep_count('reviews', 'event_id', 'events', 'id', 'reviews_count');
