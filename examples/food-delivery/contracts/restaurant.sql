-- What restaurant shows: what can be ordered, not what it costs to make, nor
-- what the restaurant pays.
SELECT svc.publish('restaurant', 'restaurants', 'restaurants',
                   columns => '{id,name,slug,city,currency,is_open,delivery_fee,min_order}');
SELECT svc.publish('restaurant', 'menus', 'menus', columns => '{id,restaurant_id,name,version,served_from,served_to}',
                   filter => 'is_active');
SELECT svc.publish('restaurant', 'items', 'items', columns => '{id,menu_id,name,price,is_available}');
SELECT svc.grant_contract('restaurant', 'order');
