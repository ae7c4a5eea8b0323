/** Flags of Node for the server on this many cores (default: those it may use). */
export declare function serverFlags(cores?: number): string[];
