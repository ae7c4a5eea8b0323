/** How far a device has taken the groups of its account; NULL when it takes none. */
export const version = 2;

export const sql = 'ALTER TABLE cursor ADD COLUMN groups INTEGER;';
