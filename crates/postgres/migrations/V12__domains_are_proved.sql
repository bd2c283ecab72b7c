-- Whose a host is must be proved (links_api::domains). Until then a domain is pending, and
-- several accounts may claim the same host.

-- Those from before stay as they are: an operator has let them in. `ownership` is checked,
-- or decided by an operator.
ALTER TABLE domains
    ADD COLUMN ownership text NOT NULL DEFAULT 'approved'
        CONSTRAINT domains_ownership_check CHECK (ownership IN ('checked', 'approved', 'refused')),
    -- Not secret: it says nothing but that whoever put it there speaks for the account.
    ADD COLUMN proof_token text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
    ADD COLUMN proved_at timestamptz,
    ADD COLUMN proved_by text CONSTRAINT domains_proved_by_check CHECK (proved_by IN ('dns', 'http')),
    ADD COLUMN checked_at timestamptz,
    ADD COLUMN check_error text,
    ADD COLUMN n_failed_checks integer NOT NULL DEFAULT 0,
    -- When the proof is looked for next; null is never.
    ADD COLUMN check_at timestamptz,
    DROP CONSTRAINT domains_status_check,
    ADD CONSTRAINT domains_status_check CHECK (status IN ('pending', 'active', 'disabled')),
    DROP CONSTRAINT domains_host_key;

-- One account holds a host; any may claim it, once.
CREATE UNIQUE INDEX domains_host_key ON domains (host) WHERE status <> 'pending';
CREATE UNIQUE INDEX domains_account_id_host_key ON domains (account_id, host);
CREATE INDEX domains_host_idx ON domains (host);
CREATE INDEX domains_check_at_idx ON domains (check_at);
