-- Message templates, and the messages that were rendered of them.

CREATE TABLE creatives (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT creatives_pkey PRIMARY KEY,
    account_id      bigint NOT NULL CONSTRAINT creatives_account_id_fkey REFERENCES accounts (id),
    name            text NOT NULL,
    message         text NOT NULL,
    -- Objects of key, offer_id, url and url_params, as they were sent.
    offer_links     jsonb NOT NULL,
    status          text NOT NULL DEFAULT 'active'
                    CONSTRAINT creatives_status_check CHECK (status IN ('active', 'paused', 'archived')),
    creative_type   text NOT NULL DEFAULT 'automated'
                    CONSTRAINT creatives_type_check CHECK (creative_type IN ('automated', 'one_time', 'welcome')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX creatives_account_id_idx ON creatives (account_id, id);

-- Put around every message, unless its list has texts of its own.
ALTER TABLE accounts
    ADD COLUMN prepend_text text,
    ADD COLUMN append_text text;

-- A link of a message knows its creative, and by its placeholder it is found
-- again when the message is rendered again.
ALTER TABLE links
    ADD COLUMN creative_id bigint CONSTRAINT links_creative_id_fkey REFERENCES creatives (id),
    ADD COLUMN placeholder text;

-- A message is sent once: the first render of its id counts as the send.
CREATE TABLE messages (
    account_id      bigint NOT NULL CONSTRAINT messages_account_id_fkey REFERENCES accounts (id),
    message_id      text NOT NULL,
    creative_id     bigint NOT NULL CONSTRAINT messages_creative_id_fkey REFERENCES creatives (id),
    list_id         bigint NOT NULL CONSTRAINT messages_list_id_fkey REFERENCES lists (id),
    contact_phone   text NOT NULL,
    sent_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT messages_pkey PRIMARY KEY (account_id, message_id)
);
CREATE INDEX messages_contact_phone_idx ON messages (account_id, contact_phone);
