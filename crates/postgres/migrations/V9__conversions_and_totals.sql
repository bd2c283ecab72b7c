-- Conversions, their credit, and the totals that reports are made of.

ALTER TABLE clicks
    ADD COLUMN campaign_id text,
    -- The API has judged this click: bursts leave it alone.
    ADD COLUMN judged boolean NOT NULL DEFAULT false,
    -- An account may keep no addresses.
    ALTER COLUMN ip DROP NOT NULL;
-- An account's clicks in their order, for exports.
CREATE INDEX clicks_account_id_idx ON clicks (account_id, clicked_at);

-- What the totals need to know of a message click.
ALTER TABLE message_clicks
    ADD COLUMN campaign_id text,
    ADD COLUMN country text,
    ADD COLUMN device text,
    -- Not written any more: it is in the key where it matters.
    ALTER COLUMN visitor DROP NOT NULL,
    -- Keys are compared byte by byte, whatever language the database speaks.
    ALTER COLUMN message_key TYPE text COLLATE "C",
    ALTER COLUMN contact_key TYPE text COLLATE "C";
-- The earliest of a link that anybody may click; a message has few contacts.
DROP INDEX message_clicks_clicked_at_idx;
CREATE INDEX message_clicks_of_links_idx ON message_clicks (account_id, message_key, clicked_at, click_id)
    WHERE message_key LIKE 'l:%';

-- What is there already. Its totals are counted by `click-worker recount --repair`.
UPDATE clicks c
SET campaign_id = l.campaign_id
FROM links l
WHERE l.id = c.link_key AND l.campaign_id IS NOT NULL;
UPDATE message_clicks m
SET campaign_id = c.campaign_id, country = c.country, device = c.device
FROM clicks c
WHERE c.clicked_at = m.clicked_at AND c.click_id = m.click_id;

-- Every conversion, once. `account_id` is unknown while nothing but a click id
-- was sent and that click has not arrived; nobody is shown such a row.
CREATE TABLE conversions (
    conversion_id       uuid CONSTRAINT conversions_pkey PRIMARY KEY,
    converted_at        timestamptz NOT NULL,
    account_id          bigint,
    source              text NOT NULL
                        CONSTRAINT conversions_source_check CHECK (source IN ('conv', 'offer', 'pixel', 'api')),
    event               text NOT NULL,
    txn_id              text,
    -- domain::conversion::Identity: once in an account.
    dedupe_key          text COLLATE "C" NOT NULL,
    visitor             text NOT NULL,
    -- What it was said to be of.
    click_id            uuid,
    link_key            bigint,
    link_id             text,
    offer_id            text,
    campaign_id         text,
    message_id          text,
    contact_phone       text,
    -- Where its message click is to be looked for: the keys of
    -- domain::attribution::MessageContact. Any contact of the message where
    -- `contact_key` is null; nowhere where `message_key` is.
    message_key         text COLLATE "C",
    contact_key         text COLLATE "C",
    revenue             numeric,
    currency            text NOT NULL,
    -- The offer's, and its window, as they were when the conversion was stored.
    payout              numeric,
    click_window_days   integer NOT NULL,
    customer_email_hash text,
    metadata            jsonb,
    -- The credit. 'click': the message click in the columns after it; 'offer':
    -- no click is needed; 'none': unattributed.
    attribution         text NOT NULL DEFAULT 'none'
                        CONSTRAINT conversions_attribution_check CHECK (attribution IN ('click', 'offer', 'none')),
    credited_click_id       uuid,
    credited_clicked_at     timestamptz,
    credited_link_key       bigint,
    credited_link_id        text,
    credited_list_id        bigint,
    credited_offer_id       text,
    credited_creative_id    bigint,
    credited_campaign_id    text,
    credited_message_id     text,
    credited_contact_phone  text,
    credited_country        text,
    credited_device         text
);
CREATE UNIQUE INDEX conversions_dedupe_key ON conversions (account_id, dedupe_key) WHERE account_id IS NOT NULL;
CREATE INDEX conversions_account_id_idx ON conversions (account_id, converted_at, conversion_id);
CREATE INDEX conversions_message_key_idx ON conversions (account_id, message_key) WHERE message_key IS NOT NULL;
-- Those that wait for their click.
CREATE INDEX conversions_waiting_idx ON conversions (click_id) WHERE message_key IS NULL;

-- Totals by quarter of an hour, since a day in Kolkata begins at half past an
-- hour, and by day (UTC), since a quarter's report should not add up thousands of
-- quarters of an hour: one row per value of each dimension, one per combination of
-- offer, list, creative and campaign ('content') and of country and device
-- ('audience'), and one per combination of all ('cell'). Written in the transactions
-- of what they count; they name no person. What is read most stands first.
-- `messages` counts a message once, `sends` once for each row it belongs to.
CREATE TABLE totals (
    account_id          bigint NOT NULL,
    bucket              timestamptz NOT NULL,
    sends               integer NOT NULL,
    messages            integer NOT NULL,
    clicks              integer NOT NULL,
    unique_clicks       integer NOT NULL,
    bot_clicks          integer NOT NULL,
    confirmed_clicks    integer NOT NULL,
    conversions         integer NOT NULL,
    revenue             numeric NOT NULL,
    -- Of the revenue; the empty text for what is not money.
    currency            text COLLATE "C" NOT NULL,
    list_id             bigint,
    creative_id         bigint,
    country             text,
    device              text,
    offer_id            text,
    campaign_id         text,
    span                text COLLATE "C" NOT NULL
                        CONSTRAINT totals_span_check CHECK (span IN ('quarter', 'day')),
    dimension           text COLLATE "C" NOT NULL
                        CONSTRAINT totals_dimension_check
                        CHECK (dimension IN ('all', 'offer', 'list', 'creative', 'campaign', 'content',
                                             'country', 'device', 'audience', 'cell')),
    -- The values of the dimensions, the empty text for none.
    key                 text COLLATE "C" NOT NULL,
    CONSTRAINT totals_pkey PRIMARY KEY (account_id, span, dimension, bucket, key, currency)
) PARTITION BY LIST (dimension);
-- The combinations are many: those who read one dimension do not pass by them.
CREATE TABLE totals_of_dimensions PARTITION OF totals
    FOR VALUES IN ('all', 'offer', 'list', 'creative', 'campaign', 'content', 'country', 'device', 'audience')
    WITH (fillfactor = 80);
CREATE TABLE totals_of_cells PARTITION OF totals FOR VALUES IN ('cell') WITH (fillfactor = 80);

-- The same per link. Its message, offer, list, creative and campaign are those of
-- its row in `links`.
CREATE TABLE link_totals (
    account_id          bigint NOT NULL,
    link_key            bigint NOT NULL,
    bucket              timestamptz NOT NULL,
    country             text COLLATE "C" NOT NULL,
    device              text COLLATE "C" NOT NULL,
    currency            text COLLATE "C" NOT NULL,
    sends               integer NOT NULL,
    messages            integer NOT NULL,
    clicks              integer NOT NULL,
    unique_clicks       integer NOT NULL,
    bot_clicks          integer NOT NULL,
    confirmed_clicks    integer NOT NULL,
    conversions         integer NOT NULL,
    revenue             numeric NOT NULL,
    CONSTRAINT link_totals_pkey PRIMARY KEY (account_id, link_key, bucket, country, device, currency)
);
CREATE INDEX link_totals_bucket_idx ON link_totals USING brin (bucket);

-- Minutes whose clicks are to be looked at for bursts, marked by the
-- transactions that store clicks in them.
CREATE TABLE burst_marks (
    minute              timestamptz NOT NULL,
    marked_at           timestamptz NOT NULL DEFAULT now()
);

-- `retention_days`: clicks, message clicks, conversions and messages are removed
-- after this; kept for ever without it. `raw_since`: all of them that are newer
-- are there. `ip_storage` is about clicks to come.
ALTER TABLE accounts
    ADD COLUMN retention_days integer
        CONSTRAINT accounts_retention_days_check CHECK (retention_days BETWEEN 1 AND 3650),
    ADD COLUMN raw_since timestamptz,
    ADD COLUMN ip_storage text NOT NULL DEFAULT 'full'
        CONSTRAINT accounts_ip_storage_check CHECK (ip_storage IN ('full', 'truncated', 'none'));

-- A contact's links, for its journey and its erasure.
CREATE INDEX links_contact_phone_idx ON links (account_id, contact_phone) WHERE contact_phone IS NOT NULL;
CREATE INDEX messages_sent_at_idx ON messages (account_id, sent_at);
