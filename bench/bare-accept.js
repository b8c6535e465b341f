// The least that storing addresses can cost: the same tables, indexes and durability, one transaction, nothing looked at.
// A process that stays, as the gateway does: told a round and its addresses, it answers with seconds.
import process from "node:process";
import { openConnection } from "../dist/store/sqlite/connection.js";
import { systemClock } from "../dist/time/clock.js";

const db = await openConnection(process.argv[2], systemClock);
db.exec("insert into content (id, hash, body, created_at) values (1, 'bench', '{}', 0)");
const addTopic = db.prepare("insert into topic (name, content_id, created_at) values (?, 1, 0)");
const addMessage = db.prepare(
  "insert into message (topic_id, content_id, ingest_id, email, fields, not_before) values (?, 1, 1, ?, '[]', ?)",
);
const addRecipient = db.prepare("insert into recipient (address, topic_id, variant, message_id) values (?, ?, 0, ?)");

process.on("message", ({ topic, emails, notBefore }) => {
  const started = performance.now();
  db.exec("begin immediate");
  const { lastInsertRowid: topicId } = addTopic.run(topic);
  for (const email of emails) {
    const { lastInsertRowid } = addMessage.run(topicId, email, notBefore);
    addRecipient.run(email, topicId, lastInsertRowid);
  }
  db.exec("commit");
  process.send((performance.now() - started) / 1000);
});
process.on("disconnect", () => process.exit());
