-- Every click, once. Partitioned by UTC day, so that retention drops a table
-- instead of deleting rows; click-worker makes the partitions. The day is in
-- the click id (UUIDv7), so the same id always meets the same key.
-- No foreign keys: a click is a fact, whatever becomes of its link.

CREATE TABLE clicks (
    click_id        uuid NOT NULL,
    clicked_at      timestamptz NOT NULL,
    account_id      bigint NOT NULL,
    link_key        bigint NOT NULL,
    link_id         text NOT NULL,
    list_id         bigint,
    offer_id        text,
    creative_id     bigint,
    message_id      text,
    contact_phone   text,
    visitor         text NOT NULL,
    ip              inet NOT NULL,
    user_agent      text,
    referrer        text,
    country         text,
    sub1            text,
    sub2            text,
    sub3            text,
    sub4            text,
    sub5            text,
    source          text,
    creative        text,
    cost            text,
    is_bot          boolean NOT NULL,
    bot_reasons     text[] NOT NULL,
    CONSTRAINT clicks_pkey PRIMARY KEY (clicked_at, click_id)
) PARTITION BY RANGE (clicked_at);
CREATE INDEX clicks_link_key_idx ON clicks (link_key, clicked_at);

-- The earliest click per message and contact that is not a bot's. The keys
-- are those of domain::attribution::MessageContact.
CREATE TABLE message_clicks (
    account_id      bigint NOT NULL,
    message_key     text NOT NULL,
    contact_key     text NOT NULL,
    click_id        uuid NOT NULL,
    clicked_at      timestamptz NOT NULL,
    link_key        bigint NOT NULL,
    link_id         text NOT NULL,
    list_id         bigint,
    offer_id        text,
    creative_id     bigint,
    message_id      text,
    contact_phone   text,
    visitor         text NOT NULL,
    CONSTRAINT message_clicks_pkey PRIMARY KEY (account_id, message_key, contact_key)
);
CREATE INDEX message_clicks_clicked_at_idx ON message_clicks (account_id, clicked_at);
