-- What order shows: what is to be paid, not where it goes.
SELECT svc.publish('order', 'orders', 'orders',
                   columns => '{id,user_id,restaurant_id,status,currency,total,placed_at}');
SELECT svc.grant_contract('order', 'payment', 'orders');
