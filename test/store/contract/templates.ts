/** Templates: contents under names, each in versions. */
import { expect, it } from "vitest";
import { CONTENT, turn } from "../../support/store-actions.ts";
import { content, counts, type Prepare } from "../bench.ts";

export function templates(prepare: Prepare): void {
  it("there are none at first, and none to remove", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.templates()).toEqual([]);
    expect(await store.template("code")).toBeNull();
    expect(await store.removeTemplate("code")).toBe(false);
    expect(await store.templates()).toEqual([]);
  });

  it("of other names and cases are not found, changed or removed", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.putTemplate("code", CONTENT);
    for (const other of ["Code", "code ", "cod", "code%", "", "c\0ode", "half \ud83d"]) {
      expect(await store.template(other)).toBeNull();
      expect(await store.removeTemplate(other)).toBe(false);
    }
    expect(await store.putTemplate("Code", content("other"))).toEqual({ version: 1, isNew: true });
    expect(await store.template("code")).toMatchObject({ version: 1, content: CONTENT });
  });

  it("taken by two processes at once have each their version, and no content is lost", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open()];
    const puts = Array.from({ length: 20 }, (_, n) =>
      stores.map((store, of) => store.putTemplate("code", content(`${n} of ${of}`))),
    );
    const versions = (await Promise.all(puts.flat())).map(({ version, isNew }) => [version, isNew]);
    expect(versions.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 40 }, (_, n) => [n + 1, true]),
    );
    const same = await Promise.all(stores.map((store) => store.putTemplate("same", CONTENT)));
    expect(same.map(({ version }) => version)).toEqual([1, 1]);
    expect(same.filter(({ isNew }) => isNew)).toHaveLength(1);
  });

  it("have a new version for each new content, also for one that they had before", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const at = clock.now();
    expect(await store.putTemplate("code", content("one"))).toEqual({ version: 1, isNew: true });
    clock.pass(5);
    expect(await (await open()).putTemplate("code", content("one"))).toEqual({ version: 1, isNew: false });
    expect(await store.template("code")).toEqual({ name: "code", version: 1, createdAt: at, content: content("one") });
    expect(await store.putTemplate("code", content("two"))).toEqual({ version: 2, isNew: true });
    expect(await store.putTemplate("code", content("one"))).toEqual({ version: 3, isNew: true });
    expect(await (await open()).template("code")).toEqual({
      name: "code",
      version: 3,
      createdAt: at + 5,
      content: content("one"),
    });
    expect(await store.templates()).toEqual([{ name: "code", version: 3, createdAt: at + 5, subject: "one" }]);
  });

  it("that were removed are gone for everybody, and go on with the next version", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    await store.putTemplate("code", content("one"));
    await store.putTemplate("code", content("two"));
    await store.putTemplate("kept", CONTENT);
    expect(await store.removeTemplate("code")).toBe(true);
    expect(await other.removeTemplate("code")).toBe(false);
    expect(await other.template("code")).toBeNull();
    expect((await other.templates()).map(({ name }) => name)).toEqual(["kept"]);
    expect(await other.putTemplate("code", content("two"))).toEqual({ version: 3, isNew: true });
    expect(await store.template("code")).toMatchObject({ version: 3, content: content("two") });
    expect((await store.templates()).map(({ name, version }) => [name, version])).toEqual([
      ["code", 3],
      ["kept", 1],
    ]);
    expect(await store.removeTemplate("code")).toBe(true);
    expect(await store.template("code")).toBeNull();
  });

  it("are told in order of name, however many they are", async () => {
    const { open } = await prepare();
    const store = await open();
    const names = ["a'b", "Z", "z", "é", "한국어", "🎉", ...Array.from({ length: 110 }, (_, n) => `t${n}`)];
    for (const name of names.toReversed()) await store.putTemplate(name, content(`about ${name}`));
    await store.putTemplate("z", content("about z again"));
    const told = await store.templates();
    // By bytes of UTF-8, whatever the language of the server.
    const inOrder = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(told.map(({ name }) => name)).toEqual(inOrder);
    expect(told.find(({ name }) => name === "z")).toMatchObject({ version: 2, subject: "about z again" });
    expect(told.find(({ name }) => name === "한국어")).toMatchObject({ version: 1, subject: "about 한국어" });
  });

  it("leave mail alone that was accepted before", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.putTemplate("code", content("one"));
    const accepted = async () => (await store.template("code"))?.content ?? CONTENT;
    await counts(store, ["a@x.example"], { content: await accepted() });
    await store.putTemplate("code", content("two"));
    await counts(store, ["a@x.example"], { content: await accepted() });
    await store.removeTemplate("code");
    const { claims } = await turn(store, 9);
    const subjects = claims.map(async ({ contentId }) => (await store.content(contentId)).subject);
    expect(await Promise.all(subjects)).toEqual(["one", "two"]);
  });
}
