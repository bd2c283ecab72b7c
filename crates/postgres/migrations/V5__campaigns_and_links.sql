-- Affiliate programs, and what links of every kind can carry.

CREATE TABLE campaigns (
    id                  text CONSTRAINT campaigns_pkey PRIMARY KEY
                        CONSTRAINT campaigns_id_check CHECK (id ~ '^camp_[0-9A-Za-z]{1,32}$'),
    account_id          bigint NOT NULL CONSTRAINT campaigns_account_id_fkey REFERENCES accounts (id),
    name                text NOT NULL CONSTRAINT campaigns_name_check CHECK (char_length(name) <= 255),
    description         text,
    landing_page_url    text NOT NULL,
    status              text NOT NULL DEFAULT 'active'
                        CONSTRAINT campaigns_status_check CHECK (status IN ('draft', 'active', 'paused')),
    click_id_param      text NOT NULL DEFAULT 'afk_cid',
    cookie_window_days  integer NOT NULL DEFAULT 30
                        CONSTRAINT campaigns_cookie_window_days_check CHECK (cookie_window_days BETWEEN 1 AND 3650),
    version             bigint NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX campaigns_account_id_idx ON campaigns (account_id, created_at);

-- `destination` is the template of a link without an offer, or a campaign
-- link's own landing page. `code` and `code_host` are the second name of a
-- campaign link: https://<code_host>/c/<code>. `bound` holds the defaults of
-- its click parameters, in the form of domain::record::Bound.
ALTER TABLE links
    ADD COLUMN destination text,
    ADD COLUMN campaign_id text CONSTRAINT links_campaign_id_fkey REFERENCES campaigns (id),
    ADD COLUMN code text CONSTRAINT links_code_key UNIQUE,
    ADD COLUMN code_host text,
    ADD COLUMN message_id text,
    ADD COLUMN contact_phone text,
    ADD COLUMN bound jsonb,
    ADD COLUMN metadata jsonb,
    ADD COLUMN forward_query boolean NOT NULL DEFAULT false,
    ADD COLUMN version bigint NOT NULL DEFAULT 0,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT links_code_check CHECK ((code IS NULL) = (code_host IS NULL)),
    ADD CONSTRAINT links_campaign_check CHECK ((code IS NULL) = (campaign_id IS NULL));
CREATE INDEX links_campaign_id_idx ON links (campaign_id, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX links_message_id_idx ON links (account_id, message_id) WHERE message_id IS NOT NULL;
