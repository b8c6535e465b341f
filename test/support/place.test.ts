/** On a server, each job file that a test names is a schema, and nothing else of a call changes. */
import { describe, expect, it, onTestFinished, vi } from "vitest";

const SERVER = "postgres://mail@127.0.0.1:1/mail";

describe("where tests keep their jobs", () => {
  async function fresh() {
    vi.resetModules();
    onTestFinished(() => void vi.resetModules());
    return import("./place.ts");
  }

  it("is what they say, unless they are run on a server", async () => {
    const { placed, jobServer } = await fresh();
    const given = { args: ["send", "--db", "x.db"], env: { A: "1" } };
    expect(placed("/f", given)).toEqual(given);
    expect(jobServer()).toBeNull();
  });

  it("is a schema for each file on a server, however the file is named", async () => {
    const { placed, useServer, schemaOf, namedSchemas } = await fresh();
    useServer(SERVER);
    const at = (folder: string, args: string[], env: Record<string, string> = {}) => placed(folder, { args, env });
    const usual = schemaOf("/f/ses-mail.db");
    const other = schemaOf("/f/x.db");
    expect(usual).toMatch(/^t_[0-9a-f]{24}$/);
    expect(usual).not.toBe(other);
    const env = (schema: string) => ({ SES_MAIL_DB: SERVER, SES_MAIL_DB_SCHEMA: schema });
    expect(at("/f", ["stats"])).toEqual({ args: ["stats"], env: env(usual) });
    for (const args of [
      ["stats", "--db", "x.db", "--json"],
      ["--db=/f/x.db", "stats", "--json"],
      ["-d", "./x.db", "stats", "--json"],
    ])
      expect(at("/f", args)).toEqual({ args: ["stats", "--json"], env: env(other) });
    expect(at("/f", ["stats"], { SES_MAIL_DB: "x.db", A: "1" }).env).toEqual({ ...env(other), A: "1" });
    expect(at("/f/g", ["stats", "--db", "../x.db"]).env).toEqual(env(other));
    expect(at("/f", ["stats", "--", "--db"])).toEqual({ args: ["stats", "--", "--db"], env: env(usual) });
    expect(namedSchemas().toSorted()).toEqual([usual, other].toSorted());
  });

  it("is the server that a test names itself", async () => {
    const { placed, useServer } = await fresh();
    useServer(SERVER);
    const given = { args: ["stats", "--db", "postgresql://elsewhere/mail"], env: {} };
    expect(placed("/f", given)).toEqual(given);
  });
});
