-- The order in which clicks and conversions were stored. A writer draws the number while it holds
-- the lock of the account, so the rows of an account become visible in the order of their numbers.
-- Rows from before have no number: a default for them would rewrite the tables.
CREATE SEQUENCE storage_order;
ALTER TABLE clicks ADD COLUMN storage_order bigint;
ALTER TABLE clicks ALTER COLUMN storage_order SET DEFAULT nextval('storage_order');
ALTER TABLE conversions ADD COLUMN storage_order bigint;
ALTER TABLE conversions ALTER COLUMN storage_order SET DEFAULT nextval('storage_order');
