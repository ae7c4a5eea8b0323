/** Longest text that is sent or kept, in UTF-16 units; longer received ones are cut. */
export const MAX_TEXT_LENGTH = 65_536;
/** Longest id that is believed, in UTF-16 units. */
export const MAX_ID_LENGTH = 1_024;
/** Longest name or subject that is kept, in UTF-16 units. */
export const MAX_NAME_LENGTH = 500;
/** Longest timer of disappearing messages: a century. */
export const MAX_TIMER_SECONDS = 3_155_760_000;
