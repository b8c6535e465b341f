/** A store as a whole: several handles on it, its name, its end. */
import { expect, it } from "vitest";
import { ingest, sent, settle, states, turn } from "../../support/store-actions.ts";
import { counts, message, type Prepare, request } from "../bench.ts";
import { everything } from "../sound.ts";
import { PEOPLE } from "./people.ts";

export function whole(prepare: Prepare): void {
  it("answers nothing when it is closed, while others go on", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    await ingest(store, PEOPLE);
    await store.close();
    for (const ask of [
      () => store.totals("june"),
      () => turn(store, 1),
      () => store.accept([request([message(["a@x.example"])])]),
      () => store.suppress([{ address: "a@x.example", reason: "bounce", source: "test" }]),
      () => store.messages("june", null).next(),
    ])
      await expect(ask()).rejects.toThrow(Error);
    expect((await turn(other, 9)).claims).toHaveLength(5);
  });

  it("says that it can be written to, also while others write; and not when it is closed", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    await store.ping();
    await Promise.all([ingest(other, PEOPLE), store.ping(), counts(other, ["z@x.example"]), store.ping()]);
    await store.close();
    await expect(store.ping()).rejects.toThrow(Error);
    await other.ping();
  });

  it("has a name that people know it by, without a secret, and hints at what others add where it can", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    expect(store.name).toMatch(/^the [a-z ]+ \S+$/);
    expect(store.name).not.toMatch(/:[^/@]*@|password/);
    expect(other.name).toBe(store.name);
    // A hint may get lost, behind a pooler all of them.
    const end = store.onChange?.(() => undefined);
    await turn(store, 0);
    await counts(other, ["z@x.example"]);
    end?.();
    expect((await turn(store, 1)).claims).toHaveLength(1);
  });

  it("shows each handle what the others wrote, at once", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    expect(Object.keys(await states(two))).toEqual(PEOPLE);
    const [claim] = (await turn(two, 1)).claims;
    expect(await one.totals("june")).toMatchObject({ sending: 1 });
    await settle(two, sent(claim));
    expect(await one.totals("june")).toMatchObject({ sent: 1 });
    await one.cancel("june");
    expect(await everything(two)).toEqual(await everything(one));
  });

  it("comes back the same after everything was closed and opened again", async () => {
    const { open } = await prepare();
    const first = await open();
    await ingest(first, PEOPLE);
    const [claim] = (await turn(first, 1)).claims;
    await settle(first, sent(claim));
    const [totals, all] = [await first.totals("june"), await everything(first)];
    const { jobId } = first;
    await first.close();
    const second = await open();
    expect(await second.totals("june")).toEqual(totals);
    expect(await everything(second)).toEqual(all);
    expect(second.jobId).toBe(jobId);
    expect(jobId).toMatch(/^[A-Za-z0-9_-]{1,256}$/);
  });

  it("has a name of its own, the same for every handle", async () => {
    const [one, other] = [await prepare(), await prepare()];
    const [first, second, foreign] = [await one.open(), await one.open(), await other.open()];
    expect(second.jobId).toBe(first.jobId);
    expect(foreign.jobId).not.toBe(first.jobId);
  });
}
