-- Where the services of MongoDB keep their data.  It is recorded here, nothing
-- connects to it.
SELECT svc.add_store('chat', 'chat_db', 'mongodb', 'mongodb://127.0.0.1:27017/chat_db',
                     'Collections conversations and messages');
SELECT svc.add_store('notification', 'notification_db', 'mongodb', 'mongodb://127.0.0.1:27017/notification_db',
                     'Collections notifications and notification_preferences');
