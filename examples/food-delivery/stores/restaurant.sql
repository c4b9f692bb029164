-- What restaurant keeps outside PostgreSQL
SELECT svc.add_store('restaurant', 'menus', 'redis', 'redis://127.0.0.1:6379/2',
                     'Menus as they are shown, under menu:<id>:<version>');
