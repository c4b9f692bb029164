-- What the promotion service shows to others: the codes that a customer can use
-- today.

SELECT svc.publish('promotion', 'promo_codes', 'promo_codes',
                   columns => '{id,code,description,discount_type,discount_value,max_discount_amount,min_order_amount,product_ids,category_ids,expires_at}',
                   filter => 'is_active AND starts_at <= now() AND (expires_at IS NULL OR expires_at > now())
                              AND (usage_limit IS NULL OR usage_count < usage_limit)');
SELECT svc.grant_contract('promotion', 'cart');
