-- The log of postbacks: what redirectors say of each that arrived, also of those that were
-- refused. Entries are kept for 7 days; click-worker deletes them in batches. It is no part of
-- the ledger: nothing follows from it, and it is written without the lock of an account.
-- domain::postback::log has the meaning of the columns. No column has a secret.

CREATE TABLE postback_log (
    -- UUIDv7: `received_at` is its time.
    postback_id         uuid CONSTRAINT postback_log_pkey PRIMARY KEY,
    received_at         timestamptz NOT NULL,
    verdict             text NOT NULL,
    -- The account of the link, offer or click, else the one that the postback names, else that
    -- of the host. Only operators see an entry without one.
    account_id          bigint,
    -- When the click of the postback is looked for again, which has the last word on the
    -- account; null if it is stored or there is none.
    check_at            timestamptz,
    path                text,
    host                text,
    conversion_id       uuid,
    first_conversion_id uuid,
    event               text,
    status              text,
    amount              numeric,
    currency            text,
    txn_id              text,
    refund_id           text,
    click_id            text,
    link_key            bigint,
    link_id             text,
    offer_id            text,
    -- The names of the secrets that the postback had.
    credentials         text[] NOT NULL,
    authenticated       boolean NOT NULL,
    flags               text[] NOT NULL,
    ignored             text[] NOT NULL,
    -- As much of it as the account wants to keep.
    address             inet,
    -- How many postbacks have no entry of their own, where the verdict is 'suppressed'.
    n_suppressed        integer
);
CREATE INDEX postback_log_account_id_idx ON postback_log (account_id, received_at, postback_id);
CREATE INDEX postback_log_txn_id_idx ON postback_log (account_id, txn_id, received_at)
    WHERE txn_id IS NOT NULL;
CREATE INDEX postback_log_check_at_idx ON postback_log (check_at) WHERE check_at IS NOT NULL;
