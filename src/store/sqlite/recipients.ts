/** Keeps who is in which topic with which content (`recipient` in schema.ts), so that nobody gets a mail twice. */
import type { Connection } from "./connection.ts";
import { dataVariants, mailKey, OWN_VARIANT, standingOf, variantOf } from "../rules/variant.ts";

/** The recipients of one content in one topic. */
export interface Audience {
  /**
   * Adds an address with this message, inside a transaction. `data`: its values as the text of a JSON object; null: it has none. Returns
   * the id of the message; another one, when the address has this content with these data in this topic already.
   */
  take(address: string, messageId: number, data: string | null): number;
}

interface Topic {
  id: number;
  name: string;
  contentId: number;
}

/** Makes the table of recipients of a job file. */
export function createRecipientTable(db: Connection) {
  const insert = db.prepare<[string, number, number, number]>(
    "insert into recipient (address, topic_id, variant, message_id) values (?, ?, ?, ?) on conflict do nothing",
  );
  const find = db
    .prepare<[string, number, number], number>(
      "select message_id from recipient where address = ? and topic_id = ? and variant = ?",
    )
    .pluck();
  const hadAsOwn = db
    .prepare<[string, number, number], number>(
      `select r.message_id from recipient r join message m on m.id = r.message_id
       where r.address = ? and r.topic_id = ? and r.variant = ${OWN_VARIANT} and m.content_id = ?`,
    )
    .pluck();

  return {
    /** The audience of one message of a request. Without a topic, only an address that the message names twice is a repeat. */
    audienceOf(topic: Topic, content: { id: number; hash: string }): Audience {
      const standing = standingOf(topic, content.id);
      const variantWith = dataVariants(content.hash);
      const named = new Map<string, number>();
      /** The message that makes this one a repeat although the key of the table does not exclude it. */
      const earlier = (address: string, data: number | null): number | undefined => {
        if (standing === "apart") return named.get(mailKey(address, data));
        // The content may have been the topic's own before it was replaced.
        return standing === "beside" && data === null ? hadAsOwn.get(address, topic.id, content.id) : undefined;
      };
      return {
        take(address, messageId, data) {
          const withData = data === null ? null : variantWith(data);
          const had = earlier(address, withData);
          if (had !== undefined) return had;
          if (standing === "apart") named.set(mailKey(address, withData), messageId);
          const isHashed = withData !== null && standing !== "apart";
          const variant = isHashed ? withData : variantOf(standing, content.id, messageId);
          if (insert.run(address, topic.id, variant, messageId).changes > 0) return messageId;
          return find.get(address, topic.id, variant) ?? messageId;
        },
      };
    },
  };
}
