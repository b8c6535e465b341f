/** Requests on their way into the store, whoever brought them: those that come together share a durable commit. */
import type {
  AcceptCounts,
  AcceptMessage,
  AcceptRequest,
  AcceptResult,
  Endpoint,
  RefusedMessage,
  Repeat,
} from "../store/rows.ts";
import type { Inbox, Topics } from "../store/store.ts";
import { storedTopic } from "../store/topic-name.ts";
import { createGroupCommit } from "./group-commit.ts";
import { summary } from "./problems.ts";
import type { Invalid } from "./request.ts";
import { MOST_ADDRESSES } from "./schema.ts";
import { refusalText } from "./topic-refusal.ts";

export interface MailRequest {
  /** As `readRequest` gives them. */
  messages: readonly AcceptMessage[];
  /** As `repeatOf` gives it; null: a repeat of this request is a new one. */
  repeat: Repeat | null;
  /** What the caller wants to know again of a repeat. Kept together with `repeat`, never read. */
  memo: string;
}

/** A request that came before, and what it came to then. */
type Repeated = { kind: "repeated"; counts: AcceptCounts; memo: string };
/** The key was used for another request. */
type Conflict = { kind: "conflict" };

/** `stored`: durable, and sent when it is due. Of every other kind nothing was stored now. */
export type Taken = { kind: "stored"; counts: AcceptCounts } | Repeated | Conflict | Invalid;

export interface RequestInbox {
  /**
   * What became of a request with this key; null: none has come. To be asked before a body is read: a repeat is known
   * although its times are past by now.
   */
  earlier(repeat: Repeat): Promise<Repeated | Conflict | null>;
  /**
   * Resolves when the request is durably stored, whole, or is not stored at all. Rejects, and stores nothing, when the store
   * cannot (StoppedError: worth another try later).
   */
  take(request: MailRequest): Promise<Taken>;
  /** Resolves when everything taken so far is answered. */
  drain(): Promise<void>;
}

export interface InboxParts {
  store: Pick<Inbox, "accept" | "earlier"> & Pick<Topics, "topic">;
  /** Where mail goes from here: a topic that went elsewhere takes nothing in. */
  endpoint: Endpoint;
  /** Told each time something was stored: there may be mail to send. */
  wake(): void;
}

/** As many addresses as one request may have: one of that size has a commit of its own. */
const COMMIT = { maxItems: MOST_ADDRESSES, waitMs: 0, weigh: addressesOf };

export function createInbox({ store, endpoint, wake }: InboxParts): RequestInbox {
  const commits = createGroupCommit<AcceptRequest, AcceptResult>((requests) => store.accept(requests), COMMIT);
  return {
    earlier: (repeat) => store.earlier(repeat),
    async take({ messages, repeat, memo }) {
      const named = await Promise.all(messages.map((message) => withStoredTopic(message, store)));
      const result = await commits.add({ messages: named, endpoint, repeat, memo });
      if (result.kind === "stored") wake();
      return result.kind === "refused" ? refused(result.problems) : result;
    },
    drain: () => commits.drain(),
  };
}

function addressesOf({ messages }: AcceptRequest): number {
  return messages.reduce((sum, { emails }) => sum + emails.length, 0);
}

async function withStoredTopic(message: AcceptMessage, store: InboxParts["store"]): Promise<AcceptMessage> {
  return message.topic === null ? message : { ...message, topic: await storedTopic(store, message.topic) };
}

function refused(found: readonly RefusedMessage[]): Invalid {
  const problems = found.map((each) => ({ path: `messages[${each.message}]`, message: refusalText(each) }));
  return { kind: "invalid", reason: summary(problems), problems };
}
