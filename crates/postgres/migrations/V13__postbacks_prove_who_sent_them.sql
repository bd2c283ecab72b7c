-- Postbacks can be asked for a secret, and what comes without one is limited.

-- What postbacks must prove that name a link or a click: nothing, a secret as their
-- `token`, or the HMAC-SHA256 of their query by a secret as their `signature`. Several
-- secrets are valid at once, so that they can be changed. `postback_max_amount` is the
-- largest amount that is taken without a secret; null is any.
ALTER TABLE accounts
    ADD COLUMN postbacks text NOT NULL DEFAULT 'open'
        CONSTRAINT accounts_postbacks_check CHECK (postbacks IN ('open', 'token', 'signed')),
    ADD COLUMN postback_secrets text[] NOT NULL DEFAULT '{}',
    ADD COLUMN postback_max_amount numeric
        CONSTRAINT accounts_postback_max_amount_check CHECK (postback_max_amount > 0);

-- Null: as the account says. The secrets of an offer that says it itself are its own:
-- `postback_secret`, and those of before that are still taken.
ALTER TABLE offers
    ADD COLUMN postbacks text
        CONSTRAINT offers_postbacks_check CHECK (postbacks IN ('open', 'token', 'signed')),
    ADD COLUMN previous_postback_secrets text[] NOT NULL DEFAULT '{}';

-- `authenticated`: a secret came with it. Rows of before are taken as they were counted.
-- `counted_amount`: what is subtracted of a reversal that came without a secret
-- (domain::reversal); null for all others, which are counted in full.
-- `address_key`: whose request it was (a keyed hash), while its click is unknown.
ALTER TABLE conversions
    ADD COLUMN authenticated boolean NOT NULL DEFAULT true,
    ADD COLUMN counted_amount numeric,
    ADD COLUMN address_key text COLLATE "C";
