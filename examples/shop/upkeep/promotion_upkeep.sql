-- What the promotion service need not do itself.  usage_count stands under a
-- CHECK, so counting it also keeps the limit.

SELECT svc.keep_count('promo_usage', 'promo_code_id', 'promo_codes', 'id', 'usage_count');
SELECT svc.keep_count('campaign_promo_codes', 'campaign_id', 'promotion_campaigns', 'id', 'code_count');
SELECT svc.keep_rows('promo_suggestions', 'expires_at', keep => '0');
