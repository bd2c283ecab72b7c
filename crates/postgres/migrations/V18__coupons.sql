-- Conversions of coupon codes, which customers type instead of clicking a link.

-- What is behind a code: an offer, a link, a contact, or several of them. Codes are in upper case,
-- so that summer10 and SUMMER10 are the same.
CREATE TABLE coupons (
    id              bigint GENERATED ALWAYS AS IDENTITY
                    CONSTRAINT coupons_pkey PRIMARY KEY,
    account_id      bigint NOT NULL
                    CONSTRAINT coupons_account_id_fkey REFERENCES accounts,
    code            text COLLATE "C" NOT NULL
                    CONSTRAINT coupons_code_check CHECK (code = upper(code)),
    offer_id        text
                    CONSTRAINT coupons_offer_id_fkey REFERENCES offers,
    link_key        bigint
                    CONSTRAINT coupons_link_key_fkey REFERENCES links,
    contact_phone   text,
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT coupons_status_check CHECK (status IN ('active', 'paused')),
    valid_from      timestamptz,
    valid_until     timestamptz,
    -- It starts at the time in milliseconds: the record of a code that was deleted and is created
    -- again must be newer than the old one, which a redirector may be reading at that moment.
    version         bigint NOT NULL
                    DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT coupons_code_key UNIQUE (account_id, code)
);
CREATE INDEX coupons_contact_phone_idx ON coupons (account_id, contact_phone)
    WHERE contact_phone IS NOT NULL;

ALTER TABLE conversions ADD COLUMN coupon text;
ALTER TABLE conversions
    DROP CONSTRAINT conversions_source_check,
    ADD CONSTRAINT conversions_source_check
        CHECK (source IN ('conv', 'offer', 'coupon', 'pixel', 'api', 'import')) NOT VALID;
