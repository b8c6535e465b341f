/** What people at the command line read when a topic refuses. */
import { expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { type RefusedTopic, type TopicRefusal, TopicRefusedError } from "../../src/store/rules/admit.ts";
import type { Context } from "../../src/work/context.ts";
import { refusedTopic, tellingRefusals } from "../../src/work/refused-topic.ts";

const refused = (refusal: TopicRefusal, endpoint: RefusedTopic["endpoint"] = null): RefusedTopic => ({
  topic: 'my "june"',
  refusal,
  endpoint,
});

/** Whose commands are suggested: somebody in /mail with this job file. */
const where = (db: string) => ({ io: { cwd: "/mail", env: {} }, globals: { db } }) as unknown as Context;

test("the commands it suggests are for the job file that was used", () => {
  for (const refusal of ["cancelled", "rehearsed"] as const)
    expect(refusedTopic(where("/mail/other.db"), refused(refusal)).hint).toContain("--db other.db");
});

test.each([
  [
    refused("cancelled"),
    'topic "my "june"" is cancelled and takes no further recipients',
    "reopen it with: ses-mail retry 'my \"june\"' --state cancelled, or name a new one with --topic",
  ],
  [
    refused("rehearsed", "ses"),
    'topic "my "june"" was only rehearsed',
    "send it for real with: ses-mail send --topic 'my \"june\"'",
  ],
  [
    refused("rehearsed", "sandbox"),
    'the rehearsal of topic "my "june"" is being removed, so that it can be sent for real',
    "send it for real with: ses-mail send --topic 'my \"june\"'",
  ],
  [refused("rehearsing", "ses"), 'topic "my "june"" is being rehearsed now', "wait until that has ended, or stop it"],
  [
    refused("sent-for-real", "sandbox"),
    'topic "my "june"" went to Amazon SES, it cannot be rehearsed any more',
    "rehearse under another name, such as --topic 'my \"june\"-test', or with another --db",
  ],
  [
    refused("other-content"),
    'topic "my "june"" already has a different content',
    "use --topic for a new topic, or --replace-content to change what has not been sent yet",
  ],
  [
    refused("sent-as-variant"),
    'some of topic "my "june"" were sent this content through the gateway already, others would get it twice',
    "use --topic for a new topic",
  ],
])("the command line is told %j", (given, message, hint) => {
  expect(refusedTopic(where("/mail/ses-mail.db"), given)).toMatchObject({ name: "UserError", message, hint });
});

test("the refusal of a store is told as a UserError; everything else stays what it is", async () => {
  const error = new TopicRefusedError(refused("other-content"));
  await expect(tellingRefusals(where("/mail/ses-mail.db"), Promise.reject(error))).rejects.toThrow(UserError);
  const bug = new Error("a bug");
  await expect(tellingRefusals(where("/mail/ses-mail.db"), Promise.reject(bug))).rejects.toBe(bug);
  expect(await tellingRefusals(where("/mail/ses-mail.db"), Promise.resolve(7))).toBe(7);
});
