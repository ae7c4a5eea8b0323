/** Messages that go from every mailbox at a time of their own (XEP-0466), by that time. */
export const version = 4;

export const sql = `
CREATE TABLE due (
  at INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  sender INTEGER NOT NULL,
  PRIMARY KEY (at, seq)
) WITHOUT ROWID;
`;
