-- What the API manages of accounts, keys, lists and offers. `version` counts
-- the changes of a row that redirectors cache: a record in Redis is replaced
-- by a newer one only.

ALTER TABLE accounts
    ADD COLUMN bot_filter_mode text NOT NULL DEFAULT 'no_filter'
        CONSTRAINT accounts_bot_filter_mode_check CHECK (bot_filter_mode IN ('no_filter', 'filter')),
    ADD COLUMN version bigint NOT NULL DEFAULT 0,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

-- Without a limit of its own, a key has the installation's.
ALTER TABLE api_keys
    ADD COLUMN rate_limit_per_minute integer
        CONSTRAINT api_keys_rate_limit_check CHECK (rate_limit_per_minute > 0);

ALTER TABLE lists
    ADD COLUMN interstitial jsonb,
    ADD COLUMN prepend_text text,
    ADD COLUMN append_text text,
    ADD COLUMN version bigint NOT NULL DEFAULT 0,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

-- A deleted list stays for its links, and gives its number free.
ALTER TABLE lists DROP CONSTRAINT lists_phone_number_key;
CREATE UNIQUE INDEX lists_phone_number_key ON lists (account_id, phone_number) WHERE status <> 'deleted';

ALTER TABLE offers
    ADD COLUMN slug text,
    ADD COLUMN external_platform text
        CONSTRAINT offers_external_platform_check CHECK (external_platform IN ('tune', 'everflow')),
    ADD COLUMN advertiser_id text,
    ADD COLUMN payout numeric(13, 4)
        CONSTRAINT offers_payout_check CHECK (payout >= 0),
    ADD COLUMN payout_type text
        CONSTRAINT offers_payout_type_check CHECK (payout_type IN ('cpa', 'cpc')),
    ADD COLUMN filter_bots boolean,
    ADD COLUMN interstitial jsonb,
    ADD COLUMN postback_secret text,
    ADD COLUMN click_window_days integer NOT NULL DEFAULT 90
        CONSTRAINT offers_click_window_days_check CHECK (click_window_days BETWEEN 1 AND 3650),
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN version bigint NOT NULL DEFAULT 0;
-- An offer from before slugs is named by its id.
UPDATE offers SET slug = id;
CREATE UNIQUE INDEX offers_slug_key ON offers (account_id, kind, slug);
CREATE INDEX offers_account_id_idx ON offers (account_id, kind, created_at, id);
-- An external id that several offers have means the newest of them.
DROP INDEX offers_external_id_idx;
CREATE INDEX offers_external_id_idx ON offers (account_id, kind, external_id, created_at, id)
    WHERE external_id IS NOT NULL;
