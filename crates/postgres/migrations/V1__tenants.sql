-- Accounts (tenants), their API keys, domains, sending lists and offers.

CREATE TABLE accounts (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT accounts_pkey PRIMARY KEY,
    name            text NOT NULL,
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT accounts_status_check CHECK (status IN ('active', 'suspended')),
    products        text[] NOT NULL DEFAULT '{}'
                    CONSTRAINT accounts_products_check CHECK (products <@ ARRAY['sms', 'offer_management']),
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- A key is shown once and stored as its SHA-256 digest. The visible prefix
-- tells people which key is which.
CREATE TABLE api_keys (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT api_keys_pkey PRIMARY KEY,
    account_id      bigint NOT NULL CONSTRAINT api_keys_account_id_fkey REFERENCES accounts (id),
    name            text NOT NULL,
    digest          bytea NOT NULL CONSTRAINT api_keys_digest_key UNIQUE,
    prefix          text NOT NULL,
    scopes          text[] NOT NULL,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    last_used_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_keys_account_id_idx ON api_keys (account_id);

-- A host belongs to one account. It is stored normalised: lower case, without
-- port and trailing dot.
CREATE TABLE domains (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT domains_pkey PRIMARY KEY,
    account_id      bigint NOT NULL CONSTRAINT domains_account_id_fkey REFERENCES accounts (id),
    host            text NOT NULL CONSTRAINT domains_host_key UNIQUE,
    kind            text NOT NULL CONSTRAINT domains_kind_check CHECK (kind IN ('short', 'click')),
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT domains_status_check CHECK (status IN ('active', 'disabled')),
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX domains_account_id_idx ON domains (account_id);

CREATE TABLE lists (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT lists_pkey PRIMARY KEY,
    account_id      bigint NOT NULL CONSTRAINT lists_account_id_fkey REFERENCES accounts (id),
    phone_number    text NOT NULL,
    list_name       text NOT NULL,
    brand_name      text,
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT lists_status_check CHECK (status IN ('active', 'paused', 'suspended', 'deleted')),
    short_domain_id bigint CONSTRAINT lists_short_domain_id_fkey REFERENCES domains (id),
    click_domain_id bigint CONSTRAINT lists_click_domain_id_fkey REFERENCES domains (id),
    collapse_hops   boolean NOT NULL DEFAULT false,
    fallback_url    text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lists_phone_number_key UNIQUE (account_id, phone_number)
);

-- Both kinds of offer. `url_template` is an SMS offer's tracking URL or a
-- partnership offer's destination URL template.
CREATE TABLE offers (
    id              text CONSTRAINT offers_pkey PRIMARY KEY
                    CONSTRAINT offers_id_check CHECK (id ~ '^[0-9a-f]{24}$'),
    account_id      bigint NOT NULL CONSTRAINT offers_account_id_fkey REFERENCES accounts (id),
    kind            text NOT NULL CONSTRAINT offers_kind_check CHECK (kind IN ('sms', 'partnership')),
    name            text NOT NULL CONSTRAINT offers_name_check CHECK (char_length(name) <= 255),
    url_template    text NOT NULL,
    external_id     text,
    affiliate_id    text,
    fallback_url    text,
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT offers_status_check CHECK (status IN ('active', 'paused', 'archived')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX offers_external_id_idx ON offers (account_id, kind, external_id);
