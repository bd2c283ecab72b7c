-- Users: people who sign in, each with a role in any number of accounts. Passwords are argon2id
-- digests; sessions and the tokens of one-time links are random, and stored as SHA-256 digests.

CREATE TABLE users (
    id                  bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    email               text NOT NULL CONSTRAINT users_email_key UNIQUE
                        CONSTRAINT users_email_check CHECK (email = lower(email)),
    name                text NOT NULL,
    -- Null while the user signs in by single sign-on only.
    password_hash       text,
    -- When the user has shown to receive mail at the address: by a link that was mailed, or by
    -- single sign-on.
    email_verified_at   timestamptz,
    -- The second factor asks for codes once it is confirmed. A code is accepted once: its step
    -- of time must be later than the last one.
    totp_secret         bytea,
    totp_confirmed_at   timestamptz,
    totp_last_step      bigint NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    user_id             bigint NOT NULL CONSTRAINT memberships_user_id_fkey
                        REFERENCES users (id) ON DELETE CASCADE,
    account_id          bigint NOT NULL CONSTRAINT memberships_account_id_fkey REFERENCES accounts (id),
    role                text NOT NULL
                        CONSTRAINT memberships_role_check
                        CHECK (role IN ('owner', 'manager', 'analyst', 'read_only')),
    created_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT memberships_pkey PRIMARY KEY (user_id, account_id)
);
CREATE INDEX memberships_account_id_idx ON memberships (account_id, user_id);

CREATE TABLE sessions (
    id                  bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT sessions_pkey PRIMARY KEY,
    digest              bytea NOT NULL CONSTRAINT sessions_digest_key UNIQUE,
    user_id             bigint NOT NULL CONSTRAINT sessions_user_id_fkey
                        REFERENCES users (id) ON DELETE CASCADE,
    created_at          timestamptz NOT NULL DEFAULT now(),
    last_used_at        timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz NOT NULL,
    ip                  inet NOT NULL,
    user_agent          text NOT NULL
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE recovery_codes (
    user_id             bigint NOT NULL CONSTRAINT recovery_codes_user_id_fkey
                        REFERENCES users (id) ON DELETE CASCADE,
    digest              bytea NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, digest)
);

-- A person who may become a user of an account. It is deleted when it is accepted.
CREATE TABLE invitations (
    id                  bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT invitations_pkey PRIMARY KEY,
    account_id          bigint NOT NULL CONSTRAINT invitations_account_id_fkey REFERENCES accounts (id),
    email               text NOT NULL
                        CONSTRAINT invitations_email_check CHECK (email = lower(email)),
    role                text NOT NULL
                        CONSTRAINT invitations_role_check
                        CHECK (role IN ('owner', 'manager', 'analyst', 'read_only')),
    created_at          timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz NOT NULL,
    CONSTRAINT invitations_email_key UNIQUE (account_id, email)
);
CREATE INDEX invitations_email_idx ON invitations (email);

-- The tokens of links that work once: to accept an invitation, or to set a password.
CREATE TABLE one_time_tokens (
    digest              bytea CONSTRAINT one_time_tokens_pkey PRIMARY KEY,
    invitation_id       bigint CONSTRAINT one_time_tokens_invitation_id_fkey
                        REFERENCES invitations (id) ON DELETE CASCADE,
    user_id             bigint CONSTRAINT one_time_tokens_user_id_fkey
                        REFERENCES users (id) ON DELETE CASCADE,
    -- Whether using it proves that the user receives mail at the address: it was mailed, or
    -- an operator vouches for it. Links that another user was shown prove nothing.
    proves_email           boolean NOT NULL,
    expires_at          timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_object_check CHECK (num_nonnulls(invitation_id, user_id) = 1)
);
CREATE INDEX one_time_tokens_invitation_id_idx ON one_time_tokens (invitation_id);
CREATE INDEX one_time_tokens_user_id_idx ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_expires_at_idx ON one_time_tokens (expires_at);

-- Mails that links-api has to send. The token of the link is made when the mail is sent, so that
-- no row has one.
CREATE TABLE mail_outbox (
    id                  bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT mail_outbox_pkey PRIMARY KEY,
    -- The invitation that the mail is about; null if it is about a new password.
    invitation_id       bigint CONSTRAINT mail_outbox_invitation_id_fkey
                        REFERENCES invitations (id) ON DELETE CASCADE,
    -- There may be no user with this address: then nothing is sent.
    email               text NOT NULL,
    n_attempts          integer NOT NULL DEFAULT 0,
    next_attempt_at     timestamptz NOT NULL DEFAULT now(),
    created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mail_outbox_next_attempt_at_idx ON mail_outbox (next_attempt_at);

-- Who made a change, if it was a user.
ALTER TABLE audit_log ADD COLUMN user_id bigint;
ALTER TABLE audit_log ADD COLUMN user_email text;
ALTER TABLE audit_log DROP CONSTRAINT audit_log_actor_check;
ALTER TABLE audit_log ADD CONSTRAINT audit_log_actor_check
    CHECK (num_nonnulls(api_key_id, user_id, os_user) = 1) NOT VALID;
ALTER TABLE conversion_updates ADD COLUMN user_id bigint;
ALTER TABLE deleted_conversions ADD COLUMN user_id bigint;
ALTER TABLE deleted_conversions ALTER COLUMN api_key_id DROP NOT NULL;
