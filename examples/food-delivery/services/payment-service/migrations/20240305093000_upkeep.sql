-- +goose Up
-- What the service need not do itself any more
ALTER TABLE payments ADD COLUMN refund_count INTEGER NOT NULL DEFAULT 0;

SELECT svc.keep_updated_at('payments');
SELECT svc.keep_updated_at('refunds');
SELECT svc.keep_count('refunds', 'payment_id', 'payments', 'id', 'refund_count', filter => 'status <> ''failed''');

-- +goose Down
SELECT svc.drop_count('payments', 'refund_count');
DROP TRIGGER svc_keep_updated_at ON refunds;
DROP TRIGGER svc_keep_updated_at ON payments;
ALTER TABLE payments DROP COLUMN refund_count;
