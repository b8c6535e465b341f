/** Loads parts of a store late. */
import type {
  DeadLetters,
  Handed,
  Inbox,
  Keys,
  Reader,
  Removal,
  Reports,
  Templates,
  Topics,
  VisitSink,
} from "./store.ts";

type Method = (...args: unknown[]) => Promise<unknown>;

/**
 * Makes the methods `names` of a part of the store that `load` loads when the first of them is called. Commands that only read
 * start faster without it.
 */
export function createLatePart<T extends object>(names: readonly (keyof T & string)[], load: () => Promise<T>): T {
  let part: Promise<T> | null = null;
  const method =
    (name: keyof T & string): Method =>
    async (...args) =>
      ((await (part ??= load()))[name] as Method)(...args);
  return Object.fromEntries(names.map((name) => [name, method(name)])) as T;
}

type Visits = Pick<VisitSink, "applyVisits">;
type Unsubscriptions = Pick<VisitSink, "unsubscribe" | "resubscribe">;
type Afresh = Pick<Topics, "startAfresh" | "staySuppressed" | "senders">;
type Lines = Pick<Reader, "breakdown">;

/** Where a store loads each of its parts from that no command needs to start. */
export interface LateParts {
  inbox: () => Promise<Inbox>;
  visits: () => Promise<Visits>;
  unsubscriptions: () => Promise<Unsubscriptions>;
  afresh: () => Promise<Afresh>;
  breakdown: () => Promise<Lines>;
  removal: () => Promise<Removal>;
  histories: () => Promise<Pick<Reader, "histories">>;
  keys: () => Promise<Keys>;
  templates: () => Promise<Templates>;
  handed: () => Promise<Handed>;
  deadLetters: () => Promise<DeadLetters>;
  reports: () => Promise<Reports>;
}

/** Makes the methods of those parts. Each part is loaded when one of its methods is called for the first time. */
export function createLateParts(load: LateParts) {
  return {
    ...createLatePart<Inbox>(["accept", "earlier", "knownUuids", "accepted", "forgetAnswersOlderThan"], load.inbox),
    ...createLatePart<Visits>(["applyVisits"], load.visits),
    ...createLatePart<Unsubscriptions>(["unsubscribe", "resubscribe"], load.unsubscriptions),
    ...createLatePart<Afresh>(["startAfresh", "staySuppressed", "senders"], load.afresh),
    ...createLatePart<Lines>(["breakdown"], load.breakdown),
    ...createLatePart<Removal>(["forget", "prunable", "prune"], load.removal),
    ...createLatePart<Pick<Reader, "histories">>(["histories"], load.histories),
    ...createLatePart<Keys>(["addKey", "keys", "revokeKey", "signingKeys", "rotateSigningKey"], load.keys),
    ...createLatePart<Handed>(["settleHanded", "doubtHanded", "countHanded"], load.handed),
    ...createLatePart<Templates>(["putTemplate", "template", "templates", "removeTemplate"], load.templates),
    ...createLatePart<DeadLetters>(
      ["keepDead", "deadLetters", "deadLetter", "dropDead", "countDead", "deadBytes"],
      load.deadLetters,
    ),
    ...createLatePart<Reports>(["reports", "told", "countReports"], load.reports),
  };
}
