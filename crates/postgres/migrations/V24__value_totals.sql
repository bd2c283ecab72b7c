-- Sums of a day (UTC) by each value of a dimension that only clicks have, such as sub1: for reports
-- over many days. They are computed from clicks and conversions once the day is over. What
-- strangers send makes no more than a thousand values of a day: the others are one row.
CREATE TABLE value_totals (
    account_id          bigint NOT NULL,
    day                 timestamptz NOT NULL,
    dimension           text COLLATE "C" NOT NULL,
    -- The computation that the row is of. Only those of the version of its day count.
    version             integer NOT NULL,
    -- The empty text is what has no value, and '(other)' the values beyond the thousand.
    value               text COLLATE "C" NOT NULL,
    currency            text COLLATE "C" NOT NULL,
    clicks              bigint NOT NULL,
    unique_clicks       bigint NOT NULL,
    bot_clicks          bigint NOT NULL,
    confirmed_clicks    bigint NOT NULL,
    click_cost          numeric NOT NULL,
    conversions         bigint NOT NULL,
    pending_conversions bigint NOT NULL,
    revenue             numeric NOT NULL,
    pending_revenue     numeric NOT NULL
);
CREATE INDEX value_totals_idx ON value_totals (account_id, dimension, day);

-- The days with clicks or conversions. A transaction that changes what is counted of a day makes
-- the day outdated; its clicks and conversions are read one by one then, until its sums are
-- computed again.
CREATE TABLE value_total_days (
    account_id          bigint NOT NULL,
    day                 timestamptz NOT NULL,
    state               text COLLATE "C" NOT NULL
                        CONSTRAINT value_total_days_state_check
                        CHECK (state IN ('outdated', 'computing', 'current')),
    version             integer NOT NULL DEFAULT 0,
    -- When the last computation began.
    computed_at         timestamptz,
    CONSTRAINT value_total_days_pkey PRIMARY KEY (account_id, day)
);
CREATE INDEX value_total_days_due_idx ON value_total_days (day) WHERE state <> 'current';

INSERT INTO value_total_days (account_id, day, state)
SELECT DISTINCT account_id, bucket, 'outdated'
FROM totals
WHERE span = 'day' AND dimension = 'all';
