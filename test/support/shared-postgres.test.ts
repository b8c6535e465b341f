/** What all test files of a run share is one server. */
import { describe, expect, it } from "vitest";
import { queryOnce } from "./postgres.ts";
import { requireServers } from "./servers.ts";
import { dropSchema, newSchema, onServer, sharedServer } from "./shared-postgres.ts";

describe.skipIf(requireServers("postgres", "pgbouncer"))("the servers that test files share", () => {
  it("are one server, directly and by way of PgBouncer, where schemas come and go", async () => {
    const schema = newSchema();
    await queryOnce((await sharedServer("pgbouncer")).url, `create schema ${schema} create table person (id bigint)`);
    await queryOnce((await sharedServer("postgres")).url, `insert into ${schema}.person values (9007199254740991)`);
    expect(await onServer(`select id from ${schema}.person`)).toEqual([{ id: 9007199254740991 }]);
    await dropSchema(schema);
    await dropSchema(schema);
    expect(await onServer("select from pg_namespace where nspname = $1", [schema])).toEqual([]);
  });
});
