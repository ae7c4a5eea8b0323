/** Full-text search of mailboxes. See docs/design/decisions for why it is built behind the log, and what its words look like. */
export const version = 3;

export const sql = `
-- Words of messages up to \`through\` (a position) are in the index; \`words\` is the version of how words are made (words.ts).
CREATE TABLE text_state (id INTEGER PRIMARY KEY CHECK (id = 1), through INTEGER NOT NULL, words INTEGER NOT NULL);
INSERT INTO text_state VALUES (1, 0, 0);

-- One row for each message with words (rowid: its position). Each word begins with the mailbox that it is for, in five
-- characters and a dot, so the prefix index is one of the first three letters.
CREATE VIRTUAL TABLE message_text USING fts5(words, content='', detail=none, prefix='9', tokenize="ascii tokenchars '._@'");
`;
