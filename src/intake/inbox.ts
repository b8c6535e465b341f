/**
 * Takes requests for mail into the store, without knowing who brought them. Requests that arrive together share a
 * durable commit.
 */
import type {
  AcceptCounts,
  AcceptedIds,
  AcceptMessage,
  AcceptRequest,
  AcceptResult,
  Endpoint,
  RefusedMessage,
  Repeat,
  SetAside,
} from "../store/rows.ts";
import type { Inbox, Topics } from "../store/store.ts";
import { storedTopic } from "../store/topic-name.ts";
import { createGroupCommit } from "./group-commit.ts";
import { summary } from "./problems.ts";
import type { Invalid } from "./request.ts";
import { MOST_ADDRESSES } from "./schema.ts";
import { refusalText } from "./refusal-text.ts";

/** A request for mail that was read and found valid. */
export interface MailRequest {
  /** From `readRequest`. */
  messages: readonly AcceptMessage[];
  /** From `repeatOf`. Null: a repeat of this request counts as a new request. */
  repeat: Repeat | null;
  /** What the caller needs to answer a repeat. It is stored together with `repeat` and never read here. */
  memo: string;
}

/** The same request came before, with this result. */
type Repeated = Extract<AcceptResult, { kind: "repeated" }>;
/** The key was used before, for a different request. */
type Conflict = { kind: "conflict" };

/** `stored`: the request is durable, and is sent when it is due. With every other kind nothing was stored now. */
export type Taken = { kind: "stored"; counts: AcceptCounts; ids: AcceptedIds } | Repeated | Conflict | Invalid;

/** Takes in requests, each as a whole or not at all. */
export interface RequestInbox {
  /**
   * What became of a request with this key; null: none has come. Ask before reading a body: a repeat must be recognised
   * even when its times have passed since.
   */
  earlier(repeat: Repeat): Promise<Repeated | Conflict | null>;
  /**
   * Resolves when the request is durably stored, whole, or is not stored at all. Rejects, and stores nothing, when the
   * store fails; after a StoppedError the same request may be tried again later.
   */
  take(request: MailRequest): Promise<Taken>;
  /** Resolves when every request taken so far is answered. */
  drain(): Promise<void>;
}

/** What an inbox works with. */
export interface InboxParts {
  store: Pick<Inbox, "accept" | "earlier"> & Pick<Topics, "topic">;
  /** Where mail goes from here. A topic that was sent to the other endpoint takes nothing in. */
  endpoint: Endpoint;
  /** Called after each stored request: there may be mail to send. */
  wake(): void;
  /** Called for each rehearsal that made room for a real topic of its name. Not set: nobody is told. */
  onSetAside?(setAside: SetAside): void;
}

/** The most addresses that one request may have. A request of that size fills a commit. */
const COMMIT = { maxItems: MOST_ADDRESSES, waitMs: 0, weigh: addressesOf };

/**
 * Creates an inbox. One commit takes requests with up to 10,000 addresses together. A topic is stored under the name
 * that `storedTopic` gives.
 */
export function createRequestInbox({ store, endpoint, wake, onSetAside }: InboxParts): RequestInbox {
  // A key that was used in a rehearsal must not keep the real mail back.
  const ours = (repeat: Repeat): Repeat =>
    endpoint === "sandbox" ? { ...repeat, caller: `rehearsal of ${repeat.caller}` } : repeat;
  const commits = createGroupCommit<AcceptRequest, AcceptResult>((requests) => store.accept(requests), COMMIT);
  return {
    earlier: (repeat) => store.earlier(ours(repeat)),
    async take({ messages, repeat, memo }) {
      const named = messages.every(hasOneForm)
        ? messages
        : await Promise.all(messages.map((message) => withStoredTopic(message, store)));
      const result = await commits.add({ messages: named, endpoint, repeat: repeat && ours(repeat), memo });
      if (result.kind === "refused") return refused(result.problems);
      if (result.kind !== "stored") return result;
      const { kind, counts, ids, setAside } = result;
      for (const each of setAside ?? []) onSetAside?.(each);
      wake();
      return { kind, counts, ids };
    },
    drain: () => commits.drain(),
  };
}

function addressesOf({ messages }: AcceptRequest): number {
  return messages.reduce((sum, { emails }) => sum + emails.length, 0);
}

/** Whether its topic is written the same in every form of Unicode, so that nobody has to be asked how the store has it. */
function hasOneForm({ topic }: AcceptMessage): boolean {
  return topic === null || /^[ -~]*$/.test(topic);
}

async function withStoredTopic(message: AcceptMessage, store: InboxParts["store"]): Promise<AcceptMessage> {
  return message.topic === null ? message : { ...message, topic: await storedTopic(store, message.topic) };
}

function refused(found: readonly RefusedMessage[]): Invalid {
  const problems = found.map((each) => ({ path: `messages[${each.message}]`, message: refusalText(each) }));
  return { kind: "invalid", reason: summary(problems), problems };
}
