-- What the cart service shows to others: whose cart it is, for the promotion
-- service.

SELECT svc.publish('cart', 'carts', 'carts', columns => '{id,user_id,status,item_count}');
SELECT svc.grant_contract('cart', 'promotion');
