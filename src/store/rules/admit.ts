/** Decides whether a topic may take recipients or be sent. A store asks inside the transaction that writes. */

/** Why a topic refuses. `intake/refusal-text.ts` and `work/refused-topic.ts` put it in words. */
export type TopicRefusal =
  /** The topic is cancelled, and takes no further recipients until it is reopened. */
  | "cancelled"
  /** Its messages were removed because they were old, so nobody knows any more who had it. */
  | "pruned"
  /** It was only rehearsed, and would go to SES now. `Topics.startAfresh` removes the rehearsal; then the topic is fine. */
  | "rehearsed"
  /** It is being rehearsed now: calls to the sandbox are under way. */
  | "rehearsing"
  /** Something of it went to SES, and it would be rehearsed now. */
  | "sent-for-real"
  /** It has another content, and nobody asked to replace that. */
  | "other-content"
  /** Some addresses got the new content already, as one beside the topic's own. They would get it twice. */
  | "sent-as-variant";

/** What a topic answers. */
export type Admission = "fine" | TopicRefusal;

/** What decides, of a topic that exists. */
export interface AdmittingTopic {
  /** When it was cancelled (ms since the epoch); null: it is not. */
  cancelledAt: number | null;
  /** Where its mail went; null: nothing of it was claimed yet. */
  endpoint: string | null;
  /** When the first call about it may have left (ms since the epoch); null: none did. */
  calledAt: number | null;
  /** When somebody began to remove its rehearsal (ms since the epoch); null: nobody does now. */
  afreshAt: number | null;
  /** When its messages were removed (ms since the epoch); null: they were not. */
  prunedAt: number | null;
  /** How many of its messages are `sending`. */
  sending: number;
}

/** A topic to which nothing has happened yet. */
export const NEW_TOPIC: AdmittingTopic = {
  cancelledAt: null,
  endpoint: null,
  calledAt: null,
  afreshAt: null,
  prunedAt: null,
  sending: 0,
};

/** What somebody wants of a topic. */
export interface Wanted {
  /** True: recipients or mail are to be added. False: only what the topic has is to be sent. */
  adds: boolean;
  /** Where it is to be sent; null: that is not decided yet. */
  endpoint: string | null;
  /** The content that the topic is to have as its own; null: any content, beside the topic's own. */
  content: OwnContent | null;
}

/** A content that a topic is to have as its own. */
export interface OwnContent {
  /** True: the topic has this content already. */
  isOwn: boolean;
  /** True: it may replace another content. */
  mayReplace: boolean;
  /** True when the topic has messages with this content beside its own. It may take long, so it is asked last. */
  isVariant(): boolean;
}

/** Says "fine" or why the topic refuses. `topic` undefined: there is none of this name yet, so nothing is in the way. */
export function admit(topic: AdmittingTopic | undefined, { adds, endpoint, content }: Wanted): Admission {
  if (topic === undefined) return "fine";
  const turned = turn(topic, endpoint);
  // A rehearsal in the way of the real thing is set aside as a whole, whether its messages are there or not.
  if (adds && topic.prunedAt !== null && turned !== "rehearsed") return "pruned";
  if (adds && topic.cancelledAt !== null) return "cancelled";
  if (turned !== "fine") return turned;
  if (content === null || content.isOwn) return "fine";
  if (!content.mayReplace) return "other-content";
  return content.isVariant() ? "sent-as-variant" : "fine";
}

/**
 * Whether mail of the topic may go to `wanted`. What is sent cannot be rehearsed any more. A topic that was only tried for real, so
 * that no call left, can. A rehearsal has to be removed before the real thing, and as a whole: a topic whose removal has begun
 * takes nothing until it has ended.
 */
function turn({ endpoint, calledAt, afreshAt, sending }: AdmittingTopic, wanted: string | null): Admission {
  if (endpoint === null || wanted === null) return "fine";
  if (endpoint === "sandbox" && (afreshAt !== null || wanted !== "sandbox"))
    return sending > 0 ? "rehearsing" : "rehearsed";
  return wanted === "sandbox" && endpoint !== "sandbox" && (calledAt !== null || sending > 0)
    ? "sent-for-real"
    : "fine";
}

/** A refusal, with what a message about it needs. */
export interface RefusedTopic {
  topic: string;
  refusal: TopicRefusal;
  /** Where it was to be sent; null: that was not decided yet, so it is not the reason. */
  endpoint: "ses" | "sandbox" | null;
}

/** A topic refused. A store throws it inside its transaction, so nothing is changed. */
export class TopicRefusedError extends Error {
  override name = "TopicRefusedError";
  readonly refused: RefusedTopic;

  constructor(refused: RefusedTopic) {
    super(`the topic "${refused.topic}" refuses this: ${refused.refusal}`);
    this.refused = refused;
  }
}
