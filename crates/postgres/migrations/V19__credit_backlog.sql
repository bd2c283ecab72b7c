-- Links and messages whose conversions may have an outdated credit: a change of their message
-- clicks concerned more conversions than one transaction changes. The others are credited again
-- in chunks, in the order of the index conversions_own_contact_idx. No foreign keys: like the facts
-- from which it follows, a row must not fail because of another table.
CREATE TABLE credit_backlog (
    account_id          bigint NOT NULL,
    message_key         text COLLATE "C" NOT NULL,
    -- The last conversion that was credited again; null before the first.
    contact_key         text COLLATE "C",
    converted_at        timestamptz,
    conversion_id       uuid,
    -- Whether something has changed since the first was: then all are credited again once more.
    is_outdated         boolean NOT NULL DEFAULT false,
    added_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credit_backlog_pkey PRIMARY KEY (account_id, message_key)
);
