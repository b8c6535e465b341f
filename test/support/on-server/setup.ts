/** Runs before each test file of the project "on a server": its jobs are schemas on the shared PostgreSQL server. */
import { afterAll, beforeEach, vi } from "vitest";
import { namedSchemas, useServer } from "../place.ts";
import { requireServers } from "../servers.ts";
import { dropSchema, sharedServer } from "../shared-postgres.ts";
import { whyLeftOut } from "./left-out.ts";
import { timeOf } from "./time-of.ts";

requireServers("postgres");
useServer((await sharedServer()).url);

// Time is the database's, which no test can move. Where a test brings a clock of its own, the store takes that one.
vi.mock(import("../../../src/store/postgres/store.ts"), async (original) => {
  const store = await original();
  return {
    ...store,
    openStore: (location, clock, options) => {
      const { time, ...followed } = timeOf(clock);
      return store.openStore(location, followed.clock, { ...(time && { time }), ...options });
    },
  };
});

beforeEach(({ skip, task }) => {
  const reason = whyLeftOut(task.file.filepath, task.fullTestName);
  if (reason !== null) skip(reason);
});

afterAll(async () => {
  await Promise.all(namedSchemas().map(dropSchema));
});
