-- Conversions can be pending, rejected or reversed, have events of the sender's own, and are
-- read by mappings of accounts and offers.

-- Rows of before count as they did.
ALTER TABLE conversions
    ADD COLUMN status text NOT NULL DEFAULT 'approved',
    ADD COLUMN without_payout boolean NOT NULL DEFAULT false,
    ADD COLUMN refund_id text,
    ADD COLUMN request_digest text,
    ADD COLUMN flags text[] NOT NULL DEFAULT '{}',
    -- The parameters of a postback whose account is not known yet, to be read again by its
    -- mapping.
    ADD COLUMN parameters jsonb;
ALTER TABLE conversions
    ADD CONSTRAINT conversions_status_check
        CHECK (status IN ('pending', 'approved', 'rejected', 'reversed')) NOT VALID,
    DROP CONSTRAINT conversions_source_check,
    ADD CONSTRAINT conversions_source_check
        CHECK (source IN ('conv', 'offer', 'pixel', 'api', 'import')) NOT VALID;

-- What requests and corrections said about a conversion, if there was more than one:
-- domain::conversion::effective_conversion computes its state from them. The first has the id
-- of the conversion.
CREATE TABLE conversion_updates (
    conversion_id   uuid NOT NULL
                    CONSTRAINT conversion_updates_conversion_fkey
                    REFERENCES conversions ON DELETE CASCADE,
    update_id       uuid NOT NULL,
    status          text
                    CONSTRAINT conversion_updates_status_check
                    CHECK (status IN ('pending', 'approved', 'rejected', 'reversed')),
    revenue         numeric,
    currency        text,
    is_correction   boolean NOT NULL DEFAULT false,
    CONSTRAINT conversion_updates_pkey PRIMARY KEY (conversion_id, update_id)
);

-- What is counted of pending conversions, beside those that are approved.
ALTER TABLE totals
    ADD COLUMN pending_conversions integer NOT NULL DEFAULT 0,
    ADD COLUMN pending_revenue numeric NOT NULL DEFAULT 0;
ALTER TABLE link_totals
    ADD COLUMN pending_conversions integer NOT NULL DEFAULT 0,
    ADD COLUMN pending_revenue numeric NOT NULL DEFAULT 0;

-- How the postbacks of an account or offer are read: domain::postback::PostbackMapping.
ALTER TABLE accounts ADD COLUMN postback_mapping jsonb;
ALTER TABLE offers ADD COLUMN postback_mapping jsonb;

-- Which changes of rows are finished that are made in many small transactions.
CREATE TABLE backfills (
    name            text CONSTRAINT backfills_pkey PRIMARY KEY,
    finished_at     timestamptz NOT NULL DEFAULT now()
);
