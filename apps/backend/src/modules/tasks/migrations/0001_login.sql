CREATE SCHEMA tasks;

-- E-mails are written in lower case: one that differs in case alone is the same.
CREATE TABLE tasks.account (
  id uuid PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  password_hash text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT millrace.now()
);

-- A login on one device, until it logs out: the hash of the one refresh token that is good now.
CREATE TABLE tasks.session (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES tasks.account ON DELETE CASCADE,
  token_hash text NOT NULL,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT millrace.now()
);
CREATE INDEX session_account ON tasks.session (account_id, created_at);
CREATE INDEX session_expiry ON tasks.session (expires_at);
