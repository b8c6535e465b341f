/** Whether a topic may take what is wanted of it. Each store asks it inside the transaction that writes. */

/** Why a topic refuses what is wanted of it. Words for people are made where it is told (`intake/refusal-text.ts`). */
export type TopicRefusal =
  /** It is cancelled, and takes no further recipients until it is reopened. */
  | "cancelled"
  /** It was sent to the sandbox and is to go to SES, or the other way round: a rehearsal must not use up a campaign. */
  | "other-endpoint"
  /** It has another content, and nobody asked to replace it. */
  | "other-content"
  /** The content that is to become its own went to some as a second one: they would get it twice. */
  | "sent-as-variant";

export type Admission = "fine" | TopicRefusal;

/** What has to be known of a topic that there is. */
export interface AdmittingTopic {
  cancelledAt: number | null;
  /** Where its mail went; null: nothing was sent yet. */
  endpoint: string | null;
}

export interface Wanted {
  /** Recipients are to be added, or mail for them; false: only what the topic has is to go out. */
  adds: boolean;
  /** Where it is to go; null: that is not decided yet. */
  endpoint: string | null;
  /** The content the topic is to have as its own; null: any, as one beside it. */
  content: OwnContent | null;
}

export interface OwnContent {
  /** The topic has this content already. */
  isOwn: boolean;
  /** Another one is to be replaced by it. */
  mayReplace: boolean;
  /** Whether the topic has messages with this content beside its own. Asked only when everything else is fine: it may take long. */
  isVariant(): boolean;
}

/** `topic` undefined: there is none of this name yet, and nothing is in the way. */
export function admit(topic: AdmittingTopic | undefined, { adds, endpoint, content }: Wanted): Admission {
  if (topic === undefined) return "fine";
  if (adds && topic.cancelledAt !== null) return "cancelled";
  if (endpoint !== null && topic.endpoint !== null && topic.endpoint !== endpoint) return "other-endpoint";
  if (content === null || content.isOwn) return "fine";
  if (!content.mayReplace) return "other-content";
  return content.isVariant() ? "sent-as-variant" : "fine";
}

/** A refusal, and what it takes to tell people of it. */
export interface RefusedTopic {
  topic: string;
  refusal: TopicRefusal;
  /** Where it was to go; null: that was not decided yet, so it is not the reason. */
  endpoint: "ses" | "sandbox" | null;
}

/** Thrown by a store out of the transaction that was to change the topic; nothing is changed then. */
export class TopicRefusedError extends Error {
  override name = "TopicRefusedError";
  readonly refused: RefusedTopic;

  constructor(refused: RefusedTopic) {
    super(`the topic "${refused.topic}" refuses this: ${refused.refusal}`);
    this.refused = refused;
  }
}
