/** Gives messages of a topic the content that the topic has. */
import type { State } from "../../message.ts";
import { prioritySql } from "../common-sql.ts";
import { type NewContent, UNSENT } from "../move.ts";
import type { Connection } from "./connection.ts";
import type { Range } from "./ranges.ts";
import type { Counters } from "./state-counters.ts";
import { mailWith, suppressedSql } from "./suppressed.ts";
import { IS_VARIANT } from "./variants.ts";

const WITH = mailWith("@contentId");
const OTHERS = "m.id between @first and @last and m.topic_id = @topicId and m.content_id <> @contentId";
const UNSENT_OTHERS = `${OTHERS} and m.state in (${UNSENT.map((state) => `'${state}'`).join(", ")})`;
const STOPPED = suppressedSql("lower(m.email)", "(select t.endpoint from topic t where t.id = m.topic_id)", WITH);
const PRIORITY = prioritySql("m.priority", WITH.kind);

/** Gives the messages in some ranges, all of one topic, another content. */
export type ContentPart = (
  content: Pick<NewContent, "id" | "sifts">,
  ranges: readonly Omit<Range, "columns">[],
) => void;

/**
 * Makes what does that, inside a transaction and between `begin` and `write` of `counters`. What waits for addresses that mail with this
 * content may not be sent to is suppressed. What was sent, is being sent or is in doubt keeps its content, and so does what the gateway
 * gave another one.
 */
export function createContentPart(db: Connection, counters: Counters): ContentPart {
  type Where = Omit<Range, "columns"> & { contentId: number };
  const suppress = db.prepare<[Where]>(
    `update message as m set state = 'suppressed' where ${OTHERS} and m.state = 'pending' and ${STOPPED} and not ${IS_VARIANT}`,
  );
  // Apart from the content, because indexes have the priority, and mostly it stays as it is.
  const prioritise = db.prepare<[Where]>(
    `update message as m set priority = ${PRIORITY} where ${UNSENT_OTHERS} and m.priority <> ${PRIORITY} and not ${IS_VARIANT}`,
  );
  const replace = db.prepare<[Where]>(
    `update message as m set content_id = @contentId where ${UNSENT_OTHERS} and not ${IS_VARIANT}`,
  );
  return ({ id: contentId, sifts }, ranges) => {
    for (const { topicId, first, last } of ranges) {
      const where = { topicId, first, last, contentId };
      if (sifts) counters.move(topicId, "pending", "suppressed", suppress.run(where).changes);
      prioritise.run(where);
      replace.run(where);
    }
  };
}

/** A message that has left the state `sending` or `in_doubt`. `contentId` and `ownContentId` are the contents of the message and of its topic. */
export interface Returned {
  id: number;
  topicId: number;
  contentId: number;
  ownContentId: number;
}

/**
 * Makes what gives a message that was not sent after all the content that its topic may have got meanwhile, when it has its new state.
 * It works inside a transaction and between `begin` and `write` of `counters`.
 */
export function createCatchUp(db: Connection, counters: Counters): (message: Returned, state: State) => void {
  const replace = createContentPart(db, counters);
  return ({ id, topicId, contentId, ownContentId }, state) => {
    if (contentId !== ownContentId && UNSENT.includes(state))
      replace({ id: ownContentId, sifts: true }, [{ topicId, first: id, last: id }]);
  };
}
