-- The account corrects, deletes and imports conversions.

ALTER TABLE conversion_updates
    -- The event that a correction gives the conversion.
    ADD COLUMN event text,
    -- Who corrected or imported it. The time is that of the update's id.
    ADD COLUMN api_key_id bigint;

-- Identities that later postbacks and redeliveries may name although no conversion has them any
-- more.
CREATE TABLE former_identities (
    account_id      bigint NOT NULL,
    dedupe_key      text COLLATE "C" NOT NULL,
    -- The key that the conversion has had since its event was corrected; null if the conversion
    -- was deleted.
    current_key     text COLLATE "C",
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT former_identities_pkey PRIMARY KEY (account_id, dedupe_key)
);
CREATE INDEX former_identities_current_key_idx ON former_identities (account_id, current_key);

-- The ids of deleted conversions and of their updates, which RabbitMQ may deliver again, and who
-- deleted them. An identity alone is not enough: it changes with the mapping of the account.
CREATE TABLE deleted_conversions (
    conversion_id   uuid
                    CONSTRAINT deleted_conversions_pkey PRIMARY KEY,
    account_id      bigint NOT NULL,
    deleted_at      timestamptz NOT NULL DEFAULT now(),
    api_key_id      bigint NOT NULL
);
CREATE INDEX deleted_conversions_account_id_idx ON deleted_conversions (account_id, deleted_at);
