/** Who is written to in these tests, and how long a process may be silent. */
export const PEOPLE = ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"];

/** A process that was silent for so long is taken for dead. */
export const LEASE_OVER_MS = 61_000;
