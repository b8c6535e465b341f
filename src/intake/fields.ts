/** A parsed JSON object. Nothing is known of its fields yet. */
export type Fields = Record<string, unknown>;
