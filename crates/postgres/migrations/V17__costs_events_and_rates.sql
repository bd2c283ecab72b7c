-- What traffic costs, what is counted of each event of conversions, and exchange rates.

-- Costs of links, offers, lists and campaigns, as their accounts import them. No click reads or
-- writes this table: reports multiply it with the totals.
CREATE TABLE costs (
    cost_id         bigint GENERATED ALWAYS AS IDENTITY
                    CONSTRAINT costs_pkey PRIMARY KEY,
    account_id      bigint NOT NULL
                    CONSTRAINT costs_account_fkey REFERENCES accounts,
    target_kind     text COLLATE "C" NOT NULL
                    CONSTRAINT costs_target_kind_check
                    CHECK (target_kind IN ('link', 'offer', 'list', 'campaign')),
    -- The number of the link's row, or the id of the offer, list or campaign.
    target          text COLLATE "C" NOT NULL,
    model           text COLLATE "C" NOT NULL
                    CONSTRAINT costs_model_check CHECK (model IN ('cpc', 'cpa', 'per_day')),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    -- The days of a 'per_day'. A day may have 23 or 25 hours.
    days            integer NOT NULL,
    -- For a click, a conversion or a day.
    amount          numeric NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT costs_range_check CHECK (starts_at < ends_at),
    -- A file that is imported again replaces what it has stored before.
    CONSTRAINT costs_identity_key
        UNIQUE (account_id, starts_at, target_kind, target, model, ends_at, currency)
);

-- The conversions and the revenue of each event by quarter of an hour and all dimensions: what
-- `totals` has of conversions, divided by event. A custom event that is not among the account's
-- in `account_events` counts as 'other'.
CREATE TABLE event_totals (
    account_id          bigint NOT NULL,
    bucket              timestamptz NOT NULL,
    -- The event and the values of the dimensions, the empty text for none.
    key                 text COLLATE "C" NOT NULL,
    currency            text COLLATE "C" NOT NULL,
    event               text COLLATE "C" NOT NULL,
    link_key            bigint,
    offer_id            text,
    list_id             bigint,
    creative_id         bigint,
    campaign_id         text,
    country             text,
    device              text,
    conversions         integer NOT NULL,
    revenue             numeric NOT NULL,
    pending_conversions integer NOT NULL,
    pending_revenue     numeric NOT NULL,
    CONSTRAINT event_totals_pkey PRIMARY KEY (account_id, bucket, key, currency)
);

-- The custom events that an account's reports tell apart, of which there is a limit, since
-- anybody who can send a postback can name an event.
CREATE TABLE account_events (
    account_id      bigint NOT NULL,
    event           text COLLATE "C" NOT NULL,
    first_counted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_events_pkey PRIMARY KEY (account_id, event)
);

-- The units of a currency that one euro buys on a day, as the operator loads them.
CREATE TABLE exchange_rates (
    currency        text COLLATE "C" NOT NULL,
    day             date NOT NULL,
    per_euro        numeric NOT NULL
                    CONSTRAINT exchange_rates_per_euro_check CHECK (per_euro > 0),
    CONSTRAINT exchange_rates_pkey PRIMARY KEY (currency, day)
);
