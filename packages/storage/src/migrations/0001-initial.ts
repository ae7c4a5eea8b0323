/** The first schema. See docs/design/decisions/0002-mailbox-storage.md for why the mailbox looks like this. */
export const version = 1;

export const sql = `
CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  domain TEXT NOT NULL,
  localpart TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  credentials TEXT NOT NULL,
  UNIQUE (domain, localpart)
);

CREATE TABLE key_value (
  owner INTEGER NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, kind, key)
) WITHOUT ROWID;
CREATE INDEX key_value_by_key ON key_value (kind, key);

-- One row: the position up to which the log is in the indexes below.
CREATE TABLE mailbox_state (id INTEGER PRIMARY KEY CHECK (id = 1), watermark INTEGER NOT NULL);
INSERT INTO mailbox_state VALUES (1, 0);

-- The log: every message once, however many mailboxes hold it. copies is JSON (see tail.ts);
-- kept counts the mailboxes that still hold the message and is exact up to the watermark.
CREATE TABLE message (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  copies TEXT NOT NULL,
  stanza BLOB NOT NULL
);

CREATE TABLE conversation (
  id INTEGER PRIMARY KEY,
  mailbox INTEGER NOT NULL,
  peer TEXT NOT NULL,
  UNIQUE (mailbox, peer)
);

CREATE TABLE entry (
  mailbox INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  outgoing INTEGER NOT NULL,
  conversation INTEGER NOT NULL,
  PRIMARY KEY (mailbox, seq)
) WITHOUT ROWID;
CREATE INDEX entry_by_conversation ON entry (conversation, seq, at, outgoing);

CREATE TABLE origin (
  mailbox INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (mailbox, hash, seq)
) WITHOUT ROWID;

-- Ranges of the log with the times in them: expiry and search by time look here first.
CREATE TABLE segment (
  first_seq INTEGER PRIMARY KEY,
  last_seq INTEGER NOT NULL,
  min_at INTEGER NOT NULL,
  max_at INTEGER NOT NULL
);

-- What was trimmed beyond the watermark, where there are no index rows to delete yet; up to removed, the account of the mailbox was removed.
CREATE TABLE trim (
  mailbox INTEGER PRIMARY KEY,
  through INTEGER NOT NULL,
  removed INTEGER NOT NULL
);

CREATE TABLE cursor (
  mailbox INTEGER NOT NULL,
  device TEXT NOT NULL,
  seq INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (mailbox, device)
) WITHOUT ROWID;
`;
