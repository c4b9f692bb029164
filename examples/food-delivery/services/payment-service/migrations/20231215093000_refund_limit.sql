-- +goose Up
-- Nobody gets back more than was paid, also when two refunds come at once
-- +goose StatementBegin
CREATE FUNCTION check_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid payments;
    others bigint;
BEGIN
    SELECT * INTO paid FROM payments WHERE id = NEW.payment_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount), 0) INTO others
      FROM refunds
     WHERE payment_id = NEW.payment_id AND id <> NEW.id AND status <> 'failed';
    IF paid.status <> 'succeeded' OR others + NEW.amount > paid.amount THEN
        RAISE EXCEPTION 'a refund of % is more than what is left of the payment', NEW.amount
            USING ERRCODE = 'check_violation', TABLE = 'refunds', COLUMN = 'amount',
                  DETAIL = format('Payment %s is %s: %s, refunded %s.', paid.id, paid.status, paid.amount, others);
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER refunds_check
    BEFORE INSERT OR UPDATE OF payment_id, amount, status ON refunds
    FOR EACH ROW WHEN (NEW.status <> 'failed')
    EXECUTE FUNCTION check_refund();

-- +goose Down
DROP TRIGGER refunds_check ON refunds;
DROP FUNCTION check_refund();
