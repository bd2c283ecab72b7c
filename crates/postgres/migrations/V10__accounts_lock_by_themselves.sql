-- The ledger has a lock per account (store::ledger), and what that needs.
--
-- Workers of the version before lock otherwise: they must not store beside workers of
-- this one. They mark minutes in `burst_marks`, which goes, so that their transactions
-- fail and their events wait in the queue, from where new workers take them.
-- Indexes are created after this migration, without blocking writers (store::indexes).

DROP TABLE burst_marks;

-- Minutes of an account whose clicks are to be looked at for bursts, marked by the
-- transactions that store clicks in them.
CREATE TABLE burst_minutes (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT burst_minutes_pkey PRIMARY KEY,
    account_id      bigint NOT NULL,
    minute          timestamptz NOT NULL,
    marked_at       timestamptz NOT NULL DEFAULT now()
);

-- Whether the credit is the message click of the conversion's own contact or visitor;
-- else it is the earliest of its link or message, which an earlier click may replace.
-- `false` is safe for rows from before: they are looked at once too often.
-- `stored_at` is about rows from here on. `check_at`: when the click of a conversion of
-- no account is looked for again.
ALTER TABLE conversions
    ADD COLUMN credited_to_own_contact boolean NOT NULL DEFAULT false,
    ADD COLUMN stored_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN check_at timestamptz DEFAULT now();

-- What one process does at a time: consuming a queue, a periodic task, or being there
-- (names that begin with 'worker:'). A lease that is not renewed in time is anybody's.
-- Leases are for speed: what may only be done once is protected by locks.
CREATE TABLE leases (
    name            text COLLATE "C" CONSTRAINT leases_pkey PRIMARY KEY,
    holder          uuid NOT NULL,
    expires_at      timestamptz NOT NULL
);

-- Events that fail by themselves, apart from the others: by a timeout or a deadlock.
-- They are tried again at `retry_at`, each alone. `line` is the event as it came.
CREATE TABLE parked_events (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT parked_events_pkey PRIMARY KEY,
    event_id        uuid NOT NULL CONSTRAINT parked_events_event_id_key UNIQUE,
    account_id      bigint,
    line            bytea NOT NULL,
    reason          text NOT NULL,
    detail          text NOT NULL,
    tries           integer NOT NULL DEFAULT 0,
    parked_at       timestamptz NOT NULL DEFAULT now(),
    retry_at        timestamptz NOT NULL
);
CREATE INDEX parked_events_retry_at_idx ON parked_events (retry_at);
