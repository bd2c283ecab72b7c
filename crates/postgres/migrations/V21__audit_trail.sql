-- The audit trail: one row for each request or command that changes something, written in the
-- transaction of the change. `postgres::audit` writes it, links-api shows it, and click-worker
-- deletes what is older than AUDIT_RETENTION_DAYS. Nothing follows from it.

CREATE TABLE audit_log (
    -- UUIDv7: `occurred_at` is its time.
    audit_id            uuid CONSTRAINT audit_log_pkey PRIMARY KEY,
    occurred_at         timestamptz NOT NULL,
    -- The account that was changed; null if the whole installation was. There is no foreign
    -- key: what was done to an account outlives it.
    account_id          bigint,
    -- Who did it: an API key, whose account may be another one (an operator's), or a command of
    -- a user of the operating system.
    actor_account_id    bigint,
    api_key_id          bigint,
    api_key_name        text,
    os_user             text,
    host                text,
    -- The id of the operation, or the command.
    operation           text NOT NULL,
    object_kind         text NOT NULL,
    object_id           text,
    -- Secrets are digests, and contacts' numbers are masked. The type is `json` and not `jsonb`,
    -- which refuses U+0000: the trail must not make a change fail.
    before              json,
    after               json,
    request_id          text,
    CONSTRAINT audit_log_actor_check CHECK (num_nonnulls(api_key_id, os_user) = 1)
);
CREATE INDEX audit_log_account_idx ON audit_log (account_id, audit_id);
CREATE INDEX audit_log_object_idx ON audit_log (account_id, object_kind, object_id, audit_id);
-- What an operator's keys did to other accounts.
CREATE INDEX audit_log_actor_idx ON audit_log (actor_account_id, audit_id)
    WHERE actor_account_id IS DISTINCT FROM account_id;
