/** Questions about messages. What asks about a topic along other lines is in breakdown.ts. */
import { expect, it } from "vitest";
import { InterruptedError } from "../../../src/errors.ts";
import type { State } from "../../../src/message.ts";
import {
  addList,
  CONTENT,
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { counts, type Prepare } from "../bench.ts";
import { PEOPLE } from "./people.ts";

export function reader(prepare: Prepare): void {
  it("streams more messages than fit into a page, in order and by state", async () => {
    const { open } = await prepare();
    const store = await open();
    const many = Array.from({ length: 2500 }, (_, index) => `p${index}@x.example`);
    await ingest(store, many);
    expect(Object.keys(await states(store))).toEqual(many);
    const [claim] = (await turn(store, 1)).claims;
    await settle(store, sent(claim));
    const pending = await messagesOf(store, "june", ["pending"]);
    expect(pending.map(({ email }) => email)).toEqual(many.slice(1));
    expect((await messagesOf(store, "june", ["sent", "failed"])).map(({ email }) => email)).toEqual(many.slice(0, 1));
    expect(await messagesOf(store, "june", [])).toEqual([]);
  });

  it("streams to who stops early, and to two at once, while others write", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    const many = Array.from({ length: 1500 }, (_, index) => `p${index}@x.example`);
    await ingest(store, many);
    for await (const [first] of store.messages("june", null)) {
      expect(first?.email).toBe("p0@x.example");
      break;
    }
    const [one, two] = [store.messages("june", null), store.messages("june", ["pending"])];
    const emailsOf = (page: { email: string }[]) => page.map(({ email }) => email);
    const found: [string[], string[]] = [[], []];
    let steps = 0;
    for (let step = await one.next(); step.done !== true; step = await one.next()) {
      const beside = await two.next();
      found[0].push(...emailsOf(step.value));
      found[1].push(...(beside.done === true ? [] : emailsOf(beside.value)));
      if (++steps === 1) await ingest(other, ["z@x.example"], { topic: "july" });
    }
    expect(steps).toBeGreaterThan(1);
    expect(found).toEqual([many, many]);
  });

  it("streams those whose list says something else in some columns than their address, and few others", async () => {
    const { open } = await prepare();
    const store = await open();
    // Some texts are escaped in JSON, and no database has to understand those.
    const texts = ["", "Ada", "o'clock", 'Ada "Byron"', "a\\b", "\u0000", "\u0007", "\ud800", "Zoë 😀", "1", "null"];
    const cells = (email: string) => [email, email.toUpperCase(), ` ${email}`, ...texts];
    const lists = [["email"], ["name", "email"], ["email", "name", "EMail"], ["name"], ["email", "email"], []];
    const names = ["email", "EMail"];
    const differ: string[] = [];
    const escaped: string[] = [];
    for (const [at, columns] of lists.entries()) {
      const rows = cells("").flatMap((_one, row) =>
        cells("").map((_other, other) => {
          const email = `p${at}.${row}.${other}@x.example`;
          const both = [cells(email)[row] ?? "", cells(email)[other] ?? "", email];
          const fields = columns.map((_column, place) => both[place] ?? "");
          if (columns.some((name, place) => names.includes(name) && fields[place] !== email)) differ.push(email);
          else if (JSON.stringify(fields).includes("\\")) escaped.push(email);
          return { email, fields: JSON.stringify(columns.length === 0 ? { email: "Ada" } : fields), notBefore: 0 };
        }),
      );
      await addList(store, rows, { columns });
    }
    const unlike = async (states: State[] | null, columns = names) => {
      const found: string[] = [];
      for await (const page of store.messagesUnlike("june", states, columns, new AbortController().signal))
        found.push(...page.map(({ email }) => email));
      return found;
    };
    const found = new Set(await unlike(null));
    expect(differ.length).toBeGreaterThan(500);
    expect(differ.filter((email) => !found.has(email))).toEqual([]);
    expect([...found].filter((email) => !differ.includes(email) && !escaped.includes(email))).toEqual([]);
    expect(await unlike(["sent"])).toEqual([]);
    expect(await unlike(null, ["city"])).toEqual([]);
    const stopped = store.messagesUnlike("june", ["sent"], names, AbortSignal.abort()).next();
    await expect(stopped).rejects.toThrow(InterruptedError);
  });

  it("shows what is known of a message, and null for all that is not", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["Ann@x.example"]);
    expect(await messagesOf(store)).toEqual([
      {
        email: "Ann@x.example",
        state: "pending",
        attempts: 0,
        sesMessageId: null,
        error: null,
        sentAt: null,
        deliveredAt: null,
        bouncedAt: null,
        bounceType: null,
        bounceSubtype: null,
        complainedAt: null,
        openedAt: null,
        readerOpenedAt: null,
        clickedAt: null,
        unsubscribedAt: null,
        fields: { email: "Ann@x.example" },
      },
    ]);
  });

  it("counts what was sent within so long, by topic", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await ingest(store, ["never@x.example"], { topic: "july" });
    const [a, b] = (await turn(store, 2)).claims;
    const start = clock.now();
    await settle(store, sent(a));
    clock.pass(1000);
    await settle(store, sent(b));
    const within = (ms: number) => store.sentWithin(ms);
    expect((await within(1000)).get("june")).toMatchObject({ sent: 2, first: start, last: start + 1000 });
    // Time that was measured has fractions.
    expect((await within(999.5)).get("june")).toMatchObject({ sent: 1, first: start + 1000, last: start + 1000 });
    expect([...(await within(1000)).keys()]).toEqual(["june"]);
    clock.pass(1000);
    expect((await within(999)).size).toBe(0);
    expect((await store.topics())[0]).toMatchObject({ firstSentAt: start, lastSentAt: start + 1000 });
  });

  it("counts all that was sent within so long, the instant included", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    expect(await store.countSentWithin(0)).toBe(0);
    await counts(store, ["a@x.example", "b@x.example", "c@x.example"]);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, sent(a));
    clock.pass(10);
    await settle(store, sent(b));
    const within = (ms: number) => store.countSentWithin(ms);
    expect(await Promise.all([within(11), within(10.5), within(9.5)])).toEqual([2, 2, 1]);
    clock.pass(1);
    expect(await within(0)).toBe(0);
  });

  it("shows what went wrong, newest first, of one topic or of all, and whom a message went to", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.failedMessages(null, 9)).toEqual([]);
    await counts(store, ["a@x.example", "b@x.example", "fine@x.example"]);
    await counts(store, ["c@x.example", "d@x.example"], { topic: "july" });
    const [a, b, fine, c, d] = (await turn(store, 5)).claims;
    await settle(store, failed(a, "no such user"), inDoubt(b, "lost"));
    await settle(store, sent(fine), failed(c, "refused"), putBack(d));
    const all = await store.failedMessages(null, 9);
    expect(all.map(({ email, topic, state, error, attempts }) => [email, topic, state, error, attempts])).toEqual([
      ["c@x.example", "july", "failed", "refused", 1],
      ["b@x.example", "june", "in_doubt", "lost", 1],
      ["a@x.example", "june", "failed", "no such user", 1],
    ]);
    expect((await store.failedMessages(null, 1)).map(({ id }) => id)).toEqual([c?.id]);
    expect((await store.failedMessages("june", 9)).map(({ id }) => id)).toEqual([b?.id, a?.id]);
    expect(await store.failedMessages("june", 0)).toEqual([]);
    await expect(store.failedMessages("none", 9)).rejects.toThrow("none");
    expect(await store.addressee(c?.id ?? 0)).toEqual({
      email: "c@x.example",
      topic: "july",
      list: null,
      kind: "bulk",
      from: CONTENT.from,
    });
    for (const id of [0, -1, 999_999_999, 2 ** 53]) expect(await store.addressee(id)).toBeNull();
  });
}
