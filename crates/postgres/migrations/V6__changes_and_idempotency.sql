-- The outbox: a row per changed record, written in the transaction of the
-- change. links-api's relay brings the record to Redis and tells redirectors,
-- and then gives the row its place in the order of deliveries. Rows are kept
-- for as long as a record may stay in Redis: a Redis that comes back with an
-- old copy of its data is behind in that order, and gets them again.
CREATE TABLE changes (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT changes_pkey PRIMARY KEY,
    record_key      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivery        bigint
);
CREATE INDEX changes_undelivered_idx ON changes (id) WHERE delivery IS NULL;
CREATE INDEX changes_delivery_idx ON changes (delivery) WHERE delivery IS NOT NULL;
CREATE SEQUENCE change_deliveries;

-- The first answer to each Idempotency-Key, written in the transaction of the
-- request. It has no answer only while that transaction runs.
CREATE TABLE idempotency_keys (
    account_id      bigint NOT NULL CONSTRAINT idempotency_keys_account_id_fkey REFERENCES accounts (id),
    key             text NOT NULL,
    request_digest  bytea NOT NULL,
    status          smallint,
    body            bytea,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
