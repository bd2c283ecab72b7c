-- Messages that a platform composes and sends by itself, and what networks say about deliveries.

-- `text`, `sender` and `link_keys` are of recorded messages; `link_keys` is null for a message
-- that was rendered: its links have its id and a placeholder. Each link of the message is counted
-- as sent, but only those with the id of the message belong to it.
-- `status`, `status_at` and `status_reason` are the prevailing report
-- (domain::delivery::DeliveryReport).
ALTER TABLE messages
    ALTER COLUMN creative_id DROP NOT NULL,
    ADD COLUMN text text,
    ADD COLUMN sender text,
    ADD COLUMN link_keys bigint[],
    ADD COLUMN status text COLLATE "C" NOT NULL DEFAULT 'sent',
    ADD COLUMN status_at timestamptz,
    ADD COLUMN status_reason text;
ALTER TABLE messages
    ADD CONSTRAINT messages_status_check
        CHECK (status IN ('sent', 'delivered', 'failed', 'undelivered')) NOT VALID;

-- What networks say about the messages that `sends` and `messages` count: in the quarter of an
-- hour of the send, once for each row and once for each message.
ALTER TABLE totals
    ADD COLUMN delivered_sends integer NOT NULL DEFAULT 0,
    ADD COLUMN delivered_messages integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_sends integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_messages integer NOT NULL DEFAULT 0;
ALTER TABLE link_totals
    ADD COLUMN delivered_sends integer NOT NULL DEFAULT 0,
    ADD COLUMN delivered_messages integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_sends integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_messages integer NOT NULL DEFAULT 0;
