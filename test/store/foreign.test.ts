/** The databases of other programs are only read, as they were at one moment, whatever is written meanwhile. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Foreign, ForeignRow } from "../../src/store/foreign.ts";
import { openForeign } from "../../src/store/open.ts";
import { Database } from "../../src/store/sqlite/driver.ts";
import { gatewayDatabase, goDatabase, type OldRow, rustDatabase, STATUS } from "../support/ancestors.ts";
import { workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";

const NO_POSTGRES = requireServers("postgres");

const rows = (length: number): OldRow[] => Array.from({ length }, () => ({ status: STATUS.created }));

async function all(foreign: Foreign): Promise<ForeignRow[]> {
  const read: ForeignRow[] = [];
  for await (const page of foreign.rows("created")) read.push(...page);
  return read;
}

/** Each gives the address of a database with so many rows, and a way to write to it as its program does. */
const KINDS: [string, (folder: string, requests: OldRow[]) => Promise<{ at: string; sent: () => Promise<void> }>][] = [
  [
    "aws-ses-sender",
    async (folder, requests) => {
      const at = join(folder, "sqlite3.db");
      rustDatabase(at, { requests });
      return { at, sent: async () => sentIn(at) };
    },
  ],
  [
    "aws-ses-sender-go",
    async (folder, requests) => {
      const at = join(folder, "app.db");
      goDatabase(at, { requests });
      return { at, sent: async () => sentIn(at) };
    },
  ],
  [
    "messages-api-gateway",
    async (_, requests) => {
      const { url, query } = await gatewayDatabase({ requests });
      return {
        at: url,
        sent: async () => void (await query("update email_requests set status = 2, updated_at = now()")),
      };
    },
  ],
];

function sentIn(at: string): void {
  const db = new Database(at);
  db.exec("update email_requests set status = 2");
  db.close();
}

describe.each(KINDS)("%s", (program, make) => {
  const isLeftOut = program === "messages-api-gateway" && NO_POSTGRES;

  it.skipIf(isLeftOut)("gives every row once, page by page", async () => {
    const { at } = await make(await workFolder(), rows(2_345));
    const foreign = await openForeign(at);
    const read = await all(foreign);
    expect(foreign.program).toBe(program);
    expect(read).toHaveLength(2_345);
    expect(new Set(read.map(({ id }) => id)).size).toBe(2_345);
    expect(await foreign.counts()).toEqual(new Map([["created", 2_345]]));
    expect(await foreign.changed()).toBe(false);
    await foreign.close();
  });

  it.skipIf(isLeftOut)("shows one moment, and tells that somebody wrote since", async () => {
    const { at, sent } = await make(await workFolder(), rows(3));
    const foreign = await openForeign(at);
    await sent();
    expect(await all(foreign)).toHaveLength(3);
    expect(await foreign.changed()).toBe(true);
    await foreign.close();
  });
});

it("gives rows once whose ids are larger than a double can tell apart", async () => {
  const at = join(await workFolder(), "sqlite3.db");
  rustDatabase(at, { requests: rows(1_001) });
  const db = new Database(at);
  db.exec("update email_requests set id = 9007199254740992 + id");
  db.close();
  const foreign = await openForeign(at);
  const read = await all(foreign);
  expect(new Set(read.map(({ id }) => id)).size).toBe(1_001);
  expect(read).toHaveLength(1_001);
  await foreign.close();
});

it("leaves a SQLite file as it is", async () => {
  const folder = await workFolder();
  const at = join(folder, "sqlite3.db");
  rustDatabase(at, { requests: rows(10) });
  const before = readFileSync(at);
  const foreign = await openForeign(at);
  await all(foreign);
  await foreign.close();
  expect(readFileSync(at).equals(before)).toBe(true);
  const again = await openForeign(at);
  expect(await again.use()).toBeNull();
  await again.close();
  expect(readdirSync(folder)).toContain("sqlite3.db");
});

it("reads what was not yet moved from the WAL into the file", async () => {
  const at = join(await workFolder(), "sqlite3.db");
  rustDatabase(at, { requests: rows(1) });
  const theirs = new Database(at);
  theirs.exec(
    "insert into email_requests select 2, topic_id, content_id, null, 'new@example.net', scheduled_at, 0, null, created_at, updated_at, null from email_requests",
  );
  const foreign = await openForeign(at);
  expect((await all(foreign)).map(({ email }) => email)).toEqual(["p1@example.net", "new@example.net"]);
  expect(await foreign.use()).toMatch(/-wal shows that it is open/);
  await foreign.close();
  theirs.close();
});
