/** Runs before each test file of the project "on a server": its jobs are schemas on the shared PostgreSQL server. */
import { afterAll, beforeEach, vi } from "vitest";
import { systemClock } from "../../../src/time/clock.ts";
import { namedSchemas, useServer } from "../place.ts";
import { requireServers } from "../servers.ts";
import { dropSchema, sharedServer } from "../shared-postgres.ts";
import { whyLeftOut } from "./left-out.ts";

requireServers("postgres");
useServer((await sharedServer()).url);

// Time is the database's, which no test can move. The program inside a test's own process takes the time that the test
// gives it, as it does with a job file.
vi.mock(import("../../../src/store/postgres/store.ts"), async (original) => {
  const store = await original();
  return {
    ...store,
    openStore: (location, clock, options) =>
      store.openStore(location, clock, { ...(clock !== systemClock && { time: "clock" as const }), ...options }),
  };
});

beforeEach(({ skip, task }) => {
  const reason = whyLeftOut(task.file.filepath, task.fullTestName);
  if (reason !== null) skip(reason);
});

afterAll(async () => {
  await Promise.all(namedSchemas().map(dropSchema));
});
