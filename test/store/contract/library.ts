/** What mails are made of, as it was given. */
import { expect, it } from "vitest";
import type { Content } from "../../../src/message.ts";
import { CONTENT, ingest, turn } from "../../support/store-actions.ts";
import { content, counts, type Prepare } from "../bench.ts";

const FULL: Content = {
  from: 'Žofie "Z" <news@example.com>',
  replyTo: ["a@example.com", "b@example.com"],
  subject: "{{ name }} — 안녕 🎉 \\ ' \" \n",
  html: `<p>${"é".repeat(20_000)}</p>`,
  format: "html",
  preheader: "first",
  text: "",
  headers: [{ name: "X-Campaign", value: "{{ a }}" }],
  tags: [{ name: "campaign", value: "june" }],
  attachments: [{ fileName: "a.pdf", contentType: "application/pdf", data: "AAEC", contentId: "logo" }],
  files: { folder: "/srv/mail", attachments: ["{{ file }}"], inlineImages: true },
  configurationSet: "set",
  unsubscribeUrl: "https://x.example/u?{{ id }}",
  unsubscribeMailto: "u@x.example",
  allowEmpty: true,
  tracking: { baseUrl: "https://mail.example.com", opens: true, clicks: false, unsubscribe: true },
};

export function library(prepare: Prepare): void {
  it("has nothing under an id it never gave", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await expect(store.content(999_999_999)).rejects.toThrow(Error);
    expect(await store.listColumns(999_999_999)).toEqual([]);
  });

  it("gives a content back as it was, to every process", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"], { content: FULL });
    const [claim] = (await turn(store, 1)).claims;
    expect(await store.content(claim?.contentId ?? 0)).toEqual(FULL);
    expect(await (await open()).content(claim?.contentId ?? 0)).toEqual(FULL);
  });

  it("keeps a content once, whatever brings it how often", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"], { topic: "a" });
    await ingest(store, ["b@x.example"], { topic: "b" });
    await counts(store, ["c@x.example"], { topic: "c" });
    await counts(store, ["d@x.example"], { topic: null });
    await counts(store, ["e@x.example"], { topic: "c", content: content("Other") });
    const { claims } = await turn(store, 9);
    expect(claims).toHaveLength(5);
    const hello = claims.filter(({ email }) => email !== "e@x.example").map(({ contentId }) => contentId);
    expect(new Set(hello).size).toBe(1);
    expect(await store.content(hello[0] ?? 0)).toEqual(CONTENT);
    const other = claims.find(({ email }) => email === "e@x.example");
    expect(await store.content(other?.contentId ?? 0)).toEqual(content("Other"));
  });

  it("gives the columns of the list a message came with, in order; of a request there are none", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"], { columns: ["email", "Stadt, Land", "이름"] });
    await counts(store, ["b@x.example"], { topic: null });
    const { claims } = await turn(store, 2);
    const columns = await Promise.all(claims.map((claim) => store.listColumns(claim.ingestId)));
    expect(columns).toEqual([["email", "Stadt, Land", "이름"], []]);
  });
}
