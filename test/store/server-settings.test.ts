import { expect, it } from "vitest";
import { readServerSettings } from "../../src/store/server-settings.ts";

it("has defaults", () => {
  const env = { PGPASSWORD: "secret" };
  expect(readServerSettings(env)).toEqual({ schema: "ses_mail", connections: 4, env });
});

it("reads what is set, and the older name of the connections only where the newer one is missing", () => {
  const env = {
    SES_MAIL_DB_SCHEMA: "mail_2",
    SES_MAIL_DB_CONNECTIONS: "8",
    SES_MAIL_DB_LISTEN: "postgres://mail@primary/mail",
    DB_MAX_CONNECTIONS: "20",
  };
  const settings = { schema: "mail_2", connections: 8, listen: "postgres://mail@primary/mail" };
  expect(readServerSettings(env)).toEqual({ ...settings, env });
  expect(readServerSettings({ DB_MAX_CONNECTIONS: "20" }).connections).toBe(20);
  expect(readServerSettings({ DB_MAX_CONNECTIONS: "" }).connections).toBe(4);
});

it.each([
  [{ SES_MAIL_DB_SCHEMA: 'a"b' }, /^SES_MAIL_DB_SCHEMA expects a name of small letters/],
  [{ SES_MAIL_DB_SCHEMA: "pg_mail" }, /^SES_MAIL_DB_SCHEMA expects/],
  [{ SES_MAIL_DB_SCHEMA: "a".repeat(64) }, /^SES_MAIL_DB_SCHEMA expects/],
  [{ SES_MAIL_DB_CONNECTIONS: "0" }, /^SES_MAIL_DB_CONNECTIONS expects a whole number from 1 to 100, got "0"$/],
  [{ SES_MAIL_DB_CONNECTIONS: "4.5" }, /^SES_MAIL_DB_CONNECTIONS expects/],
  [{ SES_MAIL_DB_CONNECTIONS: "101" }, /^SES_MAIL_DB_CONNECTIONS expects/],
  [{ DB_MAX_CONNECTIONS: "many" }, /^DB_MAX_CONNECTIONS expects a whole number from 1 to 100, got "many"$/],
  [{ SES_MAIL_DB_LISTEN: "job.db" }, /^SES_MAIL_DB_LISTEN expects the address of a server/],
  [
    { SES_MAIL_DB_LISTEN: "postgres://mail:sec@ret@db/x" },
    /^SES_MAIL_DB_LISTEN expects the address of a server(?!.*sec)/,
  ],
])("%j is refused", (env, message) => {
  expect(() => readServerSettings(env)).toThrow(message);
});
