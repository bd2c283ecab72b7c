-- What the verdict on a click is made of, and what it was made with.

-- Countries, ISO 3166-1 alpha-2: with any allowed, all others are bad.
ALTER TABLE accounts
    ADD COLUMN allowed_countries text[] NOT NULL DEFAULT '{}',
    ADD COLUMN blocked_countries text[] NOT NULL DEFAULT '{}';

-- `bot_rules` names the rules that hit. `confirmed` is the click of somebody
-- who pressed Continue on the preview page. Device, system and browser are
-- read from the user agent by the worker.
ALTER TABLE clicks
    ADD COLUMN asn bigint,
    ADD COLUMN device text,
    ADD COLUMN os text,
    ADD COLUMN browser text,
    ADD COLUMN bot_rules text[] NOT NULL DEFAULT '{}',
    ADD COLUMN confirmed boolean NOT NULL DEFAULT false;
