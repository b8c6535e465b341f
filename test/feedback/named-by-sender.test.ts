/** What an event says of mail that another program sent for us. */
import { expect, it } from "vitest";
import { readEvent, type SesEvent } from "../../src/feedback/ses-event.ts";
import { delivery, type Json } from "./events.ts";

const UUID = "01234567-89ab-8cde-8000-000000000001";

function read(mail: Json, options: { job?: string } = {}): SesEvent {
  const event = delivery(options);
  const found = readEvent({ ...event, mail: { ...(event["mail"] as Json), ...mail } });
  if ("malformed" in found) throw new Error(found.malformed);
  return found;
}

it("has the uuid of the tag, else that of the header, and the subject", () => {
  const header = { headers: [{ name: "X-Request-ID", value: UUID }] };
  expect(read({ tags: { request_id: [UUID] } })).toMatchObject({ requestId: UUID, subject: "March news" });
  expect(read({ tags: {}, ...header })).toMatchObject({ requestId: UUID });
  expect(read({ tags: { request_id: ["42"] }, ...header })).toMatchObject({ requestId: UUID });
});

it.each([
  { tags: { request_id: ["42"] } },
  { tags: { request_id: 42 } },
  { headers: [{ name: "X-Request-ID", value: "01234567-89ab-4cde-8000-000000000001" }] },
  { headers: [null, { name: "X-Request-ID" }] },
  { headers: "X-Request-ID" },
  { headers: Array.from({ length: 101 }, () => ({ name: "X-Request-ID", value: "x" })) },
])("has no uuid when there is none that an outlet makes: %j", (mail) => {
  expect(read({ tags: {}, ...mail })).not.toHaveProperty("requestId");
});

it("has a subject of at most 1,000 characters, or none", () => {
  expect(read({ commonHeaders: { subject: "x".repeat(5_000) } }).subject).toHaveLength(1_000);
  expect(read({ commonHeaders: { subject: 7 } })).not.toHaveProperty("subject");
  expect(read({ commonHeaders: undefined, headers: undefined })).not.toHaveProperty("subject");
});

it("of mail that is tagged by ses-mail has neither", () => {
  const event = read({}, { job: "0123456789abcdef" });
  expect(event).not.toHaveProperty("subject");
  expect(event).not.toHaveProperty("requestId");
});
