/** Keeps who is in which topic with which content (`recipient` in schema.ts), so that nobody gets a mail twice. */
import type { Connection } from "./connection.ts";
import { OWN_VARIANT, type Standing, standingOf, variantOf } from "../rules/variant.ts";

/** The recipients of one content in one topic. */
export interface Audience {
  /** Adds an address, inside a transaction. False: the address has this content in this topic already. */
  take(address: string, messageId: number): boolean;
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
  const hadAsOwn = db.prepare<[string, number, number]>(
    `select 1 from recipient r join message m on m.id = r.message_id
     where r.address = ? and r.topic_id = ? and r.variant = ${OWN_VARIANT} and m.content_id = ?`,
  );

  /** Makes a test for repeats that the key of the table does not exclude. */
  const createRepeatTest = (standing: Standing, topicId: number, contentId: number): ((address: string) => boolean) => {
    if (standing === "own") return () => false;
    // The content may have been the topic's own before it was replaced.
    if (standing === "beside") return (address) => hadAsOwn.get(address, topicId, contentId) !== undefined;
    const named = new Set<string>();
    return (address) => named.size === named.add(address).size;
  };

  return {
    /** The audience of one message of a request. Without a topic, only an address that the message names twice is a repeat. */
    audienceOf(topic: Topic, contentId: number): Audience {
      const standing = standingOf(topic, contentId);
      const isRepeat = createRepeatTest(standing, topic.id, contentId);
      return {
        take: (address, messageId) =>
          !isRepeat(address) &&
          insert.run(address, topic.id, variantOf(standing, contentId, messageId), messageId).changes > 0,
      };
    },
  };
}
