import { describe, expect, it } from "vitest";
import { locate } from "../../src/work/location.ts";

const SERVER = "postgres://mail:secret@db/mail";
const at = (env: Record<string, string>, asked: Partial<Parameters<typeof locate>[1]> = {}) =>
  locate({ cwd: "/home/me", env }, { db: "ses-mail.db", source: "default", readsDatabaseUrl: false, ...asked });

describe("where the store is", () => {
  it("is a path from the working directory, or an address as it was given", () => {
    expect(at({})).toBe("/home/me/ses-mail.db");
    expect(at({}, { db: "../a.db", source: "cli" })).toBe("/home/a.db");
    expect(at({}, { db: "postgres.db", source: "env" })).toBe("/home/me/postgres.db");
    expect(at({}, { db: ` ${SERVER}\n`, source: "env" })).toBe(SERVER);
  });

  it("is in DATABASE_URL for services only, only when nobody says another, and only for PostgreSQL", () => {
    const env = { DATABASE_URL: SERVER };
    expect(at(env)).toBe("/home/me/ses-mail.db");
    expect(at(env, { readsDatabaseUrl: true })).toBe(SERVER);
    expect(at(env, { readsDatabaseUrl: true, db: "a.db", source: "cli" })).toBe("/home/me/a.db");
    expect(at(env, { readsDatabaseUrl: true, db: "a.db", source: "env" })).toBe("/home/me/a.db");
    for (const other of ["", "mysql://root:secret@db/shop", "job.db"])
      expect(at({ DATABASE_URL: other }, { readsDatabaseUrl: true })).toBe("/home/me/ses-mail.db");
  });

  it.each([
    ["cli", "--db"],
    ["env", "SES_MAIL_DB"],
    ["default", "DATABASE_URL"],
  ] as const)("an address from %s that cannot be read is refused in the name of %s", (source, name) => {
    const bad = "postgres://mail:sec@ret@db/mail";
    const asked = { db: bad, source, readsDatabaseUrl: true };
    expect(() => at({ DATABASE_URL: bad }, asked)).toThrow(new RegExp(`^${name} expects a server.*cannot be read$`));
  });
});
