/** The domains that are served here, each with the number that owns its rows in key_value; 0 is the first one's, also what was there before. */
export const version = 5;

export const sql = 'CREATE TABLE host (owner INTEGER PRIMARY KEY, domain TEXT NOT NULL UNIQUE);';
