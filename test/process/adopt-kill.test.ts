/** Rows that were adopted have names, so it does not matter when the reader dies, or who sends meanwhile: it reads all of it again. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { type OldRow, rustDatabase, STATUS } from "../support/ancestors.ts";
import { inJob } from "../support/job.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const ROWS = 12_000;
const KILLS = 5;
const STATES = Object.values(STATUS);

/** In every state. Each 600th is due, and each 1,000th is a second row for somebody who has one already. */
function rows(): OldRow[] {
  return Array.from({ length: ROWS }, (_, n) => {
    const status = n % 600 === 0 ? STATUS.created : (STATES[1 + (n % 4)] ?? STATUS.sent);
    const person = n % 1_000 === 999 ? n - 399 : n;
    return {
      status,
      email: `p${person}@example.net`,
      topic: `topic ${n % 3}`,
      messageId: status === STATUS.sent ? `ses-${n}` : null,
    };
  });
}

it("kill -9 at any moment while a database is adopted, and again, with mail leaving in between: everybody once", async () => {
  const folder = await workFolder();
  const old = rows();
  rustDatabase(join(folder, "sqlite3.db"), { requests: old });
  const { env, received } = await sesServer(folder, { rate: 1_000 });
  const args = ["adopt", "sqlite3.db", "--from", "news@example.com", "--json"];
  const job = join(folder, "ses-mail.db");
  const taken = async (): Promise<number> => {
    const [row] = await inJob(job, "select count(*) as taken from sm.message").catch(() => []);
    return Number(row?.taken ?? 0);
  };
  let inTheMiddle = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await taken();
    const reader = start(folder, args);
    const more = Math.floor((Math.random() * ROWS) / KILLS);
    await until(
      async () => (await taken()) > before + more || reader.child.exitCode !== null,
      "the rows after which it is killed",
    );
    reader.kill("SIGKILL");
    await reader.finished;
    if ((await taken()) < ROWS * 0.99) inTheMiddle++;
    expect((await run(folder, ["send", "--rate", "1000", "--yes"], { env })).code).toBe(0);
  }
  expect(inTheMiddle).toBeGreaterThan(0);
  expect((await run(folder, args)).code).toBe(0);
  expect((await run(folder, ["send", "--rate", "1000", "--yes"], { env })).code).toBe(0);
  const whole = await run(folder, args);
  expect(whole.json).toMatchObject({ rows: ROWS, added: 0, duplicates: ROWS });
  const people = (status: number) => old.filter((row) => row.status === status).map(({ email = "" }) => email);
  expect(received().sort()).toEqual(people(STATUS.created).sort());
  const [{ total, sent }] = await inJob(
    job,
    "select count(*) as total, count(case when state = 'sent' then 1 end) as sent from sm.message",
  );
  expect({ total: Number(total), sent: Number(sent) }).toEqual({
    total: new Set(old.map(({ email, topic }) => `${topic} ${email}`)).size,
    sent: people(STATUS.sent).length + people(STATUS.created).length,
  });
}, 120_000);
