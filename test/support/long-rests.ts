/** The environment of a program that rests for a second between two parts of long work (long-rests.js). */
export const LONG_RESTS = { NODE_OPTIONS: `--import ${new URL("long-rests.js", import.meta.url).pathname}` };

/** The same, only where the store is left to others (src/store/parts.ts): what is done before goes as fast as ever. */
export const RESTS_IN_STORE = { ...LONG_RESTS, REST_IN: "/store/parts." };
