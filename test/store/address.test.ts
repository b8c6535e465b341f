import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { checkLocation, displayed, isServer, nameOf, pasteable } from "../../src/store/address.ts";

const refusal = (location: string): UserError => {
  try {
    checkLocation(location, "--db");
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`${location} was taken`);
};

it.each([
  "ses-mail.db",
  "/var/lib/postgres/job.db",
  "postgres",
  "postgres.db",
  "postgresql-jobs/a.db",
  "C:\\jobs\\a.db",
  "./postgres:x",
])("%s is a file", (path) => {
  expect(isServer(path)).toBe(false);
  checkLocation(path, "--db");
  expect(displayed(path)).toBe(path);
  expect(nameOf(path)).toBe(`the job file ${path}`);
  expect(pasteable(path)).toBe(path);
});

describe("the address of a server", () => {
  it.each([
    ["postgres://mail@db.internal/mail", "postgres://mail@db.internal/mail"],
    ["postgresql://mail@db/mail", "postgres://mail@db/mail"],
    ["PostgreSQL://mail:secret@db:5433/mail", "postgres://mail@db:5433/mail"],
    ["postgres://mail:@db/mail", "postgres://mail@db/mail"],
    ["postgres://:secret@db/mail", "postgres://db/mail"],
    ["postgres://db/mail?user=mail&password=secret", "postgres://mail@db/mail"],
    ["postgres://other@db/mail?user=me%40corp", "postgres://me%40corp@db/mail"],
    ["postgres://mail:secret@a:5432,b:5433,[fe80::1]:5434/mail", "postgres://mail@a:5432,b:5433,[fe80::1]:5434/mail"],
    ["postgres://mail:secret@[::1]:5433/mail?sslmode=require", "postgres://mail@[::1]:5433/mail"],
    ["postgres://mail:secret@%2Fvar%2Frun/mail", "postgres://mail@%2Fvar%2Frun/mail"],
    ["postgres:///mail?host=/var/run/postgresql&port=5433", "postgres://%2Fvar%2Frun%2Fpostgresql:5433/mail"],
    ["postgres:///mail?host=a,b&port=1,2", "postgres://a:1,b:2/mail"],
    ["postgres:///?host=::1&dbname=mail", "postgres://[::1]/mail"],
    ["postgres:///mail?passfile=/etc/secret&sslpassword=secret", "postgres:///mail"],
    ["postgres://", "postgres://"],
    ["postgres://m%40il:s%3Ac%2Fret@db/mail?application_name=secret", "postgres://m%40il@db/mail"],
  ])("%s is shown as %s", (address, shown) => {
    expect(isServer(address)).toBe(true);
    checkLocation(address, "--db");
    expect(displayed(address)).toBe(shown);
    expect(nameOf(address)).toBe(`the database ${shown}`);
    expect(pasteable(address)).not.toContain("secret");
  });

  it("is pasted with what is no secret", () => {
    const address = "postgres://mail:secret@db/mail?sslmode=verify-full&password=secret&sslrootcert=/etc/ca.pem&host=a";
    expect(pasteable(address)).toBe("postgres://mail@a/mail?sslmode=verify-full&sslrootcert=/etc/ca.pem");
    expect(pasteable("postgres://mail:secret@db/mail")).toBe("postgres://mail@db/mail");
  });

  // A password with such a character ends where the address seems to go on.
  it.each([
    "postgres://mail:sec@ret@db/mail",
    "postgres://mail:sec/ret@db/mail",
    "postgres://mail:sec?ret@db/mail",
    "postgres://mail:sec#ret@db/mail",
    "postgres://mail:sec:ret@db/mail/x",
    "postgres://mail:sec ret@db/mail",
    "postgres://mail:secret@db/mail@x",
    "postgres://mail:secret@db:port/mail",
    "postgres://mail:secret@db/a/b",
    "postgres:mail:secret@db/mail",
    "postgresql:/mail:secret@db",
    "postgres://mail:secret@d\u001b[31mb/mail",
  ])("%s cannot be read, and nothing of it is shown", (address) => {
    const { message, hint } = refusal(address);
    expect(message).toBe(
      "--db expects a server such as postgres://user@host/database, got an address that cannot be read",
    );
    expect(displayed(address)).toBe("postgres://…");
    for (const text of [message, hint ?? "", displayed(address), nameOf(address), pasteable(address)])
      expect(text).not.toMatch(/sec|ret/);
  });
});

it.each(["mysql", "sqlite", "http", "file", "redis"])("another scheme, %s, is refused in one line", (scheme) => {
  const { message, hint } = refusal(`${scheme}://mail:secret@db/mail`);
  expect(message).toBe(
    `--db expects a file, or a server such as postgres://user@host/database, got an address that begins with ${scheme}://`,
  );
  expect(hint).toBe("a file is named by its path alone");
});
