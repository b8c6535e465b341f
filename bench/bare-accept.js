// The least that storing addresses can cost: the same tables, indexes and durability, one transaction, nothing looked at.
// A process that stays, as the gateway does: told a round, its addresses and their fields, it answers with seconds, and those of the processor.
import process from "node:process";
import { openConnection } from "../dist/store/sqlite/connection.js";
import { systemClock } from "../dist/time/clock.js";

const db = await openConnection(process.argv[2], systemClock);
db.exec("insert into content (id, hash, body, created_at) values (1, 'bench', '{}', 0)");
const addTopic = db.prepare("insert into topic (name, content_id, created_at) values (?, 1, 0)");
const addMessage = db.prepare(
  "insert into message (topic_id, content_id, ingest_id, email, fields, not_before) values (?, 1, 1, ?, ?, ?)",
);
const addRecipient = db.prepare("insert into recipient (address, topic_id, variant, message_id) values (?, ?, 0, ?)");

process.on("message", ({ topic, emails, notBefore, fields = "[]" }) => {
  const started = performance.now();
  const used = process.cpuUsage();
  db.exec("begin immediate");
  const { lastInsertRowid: topicId } = addTopic.run(topic);
  for (let i = 0; i < emails.length; i++) {
    const email = emails[i];
    const own = typeof fields === "string" ? fields : fields[i];
    const { lastInsertRowid } = addMessage.run(topicId, email, own, notBefore);
    addRecipient.run(email, topicId, lastInsertRowid);
  }
  db.exec("commit");
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(used);
  process.send({ seconds, cpuSeconds: (user + system) / 1e6 });
});
process.on("disconnect", () => process.exit());
