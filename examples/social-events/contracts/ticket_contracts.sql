-- ticket: who has one, without the code that opens the door
SELECT svc.publish('ticket', 'tickets', 'tickets', columns => '{id,user_id,event_id,status,is_checked_in}');
SELECT svc.grant_contract('ticket', 'event');
