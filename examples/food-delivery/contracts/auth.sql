-- What auth shows: who somebody is and where he lives, never how he proves it.
-- Run by the service's own login, in its database.
SELECT svc.publish('auth', 'users', 'users', columns => '{id,full_name,phone,role,is_active}');
SELECT svc.publish('auth', 'addresses', 'addresses',
                   columns => '{id,user_id,label,street,city,postcode,country,latitude,longitude,instructions}');
SELECT svc.grant_contract('auth', 'order');
SELECT svc.grant_contract('auth', 'restaurant', 'users');
