-- Links. A short id is unique per short domain; a click tracker token is
-- unique everywhere. Both lookups are what the redirector's misses do.

CREATE TABLE links (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT links_pkey PRIMARY KEY,
    account_id      bigint NOT NULL CONSTRAINT links_account_id_fkey REFERENCES accounts (id),
    domain_id       bigint NOT NULL CONSTRAINT links_domain_id_fkey REFERENCES domains (id),
    short_id        text NOT NULL,
    tracker_host    text,
    tracker_token   uuid CONSTRAINT links_tracker_token_key UNIQUE,
    list_id         bigint CONSTRAINT links_list_id_fkey REFERENCES lists (id),
    offer_id        text CONSTRAINT links_offer_id_fkey REFERENCES offers (id),
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT links_status_check CHECK (status IN ('active', 'deactivated')),
    expires_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT links_short_id_key UNIQUE (domain_id, short_id),
    CONSTRAINT links_tracker_check CHECK ((tracker_host IS NULL) = (tracker_token IS NULL))
);
CREATE INDEX links_account_id_idx ON links (account_id, id);
