/** The address of a database, as the connection gets it. */
import { expect, it } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { parseAddress } from "../../../src/store/postgres/address.ts";

it.each([
  ["postgres://u@h/we%20ird%2F%C3%BC", "we ird/ü"],
  ["postgres://u@h/a%40b%3Ac", "a@b:c"],
  ["postgres://u@h/100%2525", "100%25"],
  ["postgres://u@h,i:5433/a%2Fb", "a/b"],
  ["postgres://u@h/a?dbname=b%2Fc", "b/c"],
  ["postgres://u@h?sslmode=disable", "u"],
])("%s names the database %j, as libpq has it", (text, database) => {
  expect(parseAddress(text).database).toBe(database);
});

it.each([
  ["sslmode=bogus", {}, 'sslmode expects disable, prefer, require, verify-ca, verify-full, got "bogus"'],
  ["sslmode=no-verify", {}, 'got "no-verify"'],
  ["", { PGSSLMODE: "verify_full" }, 'got "verify_full"'],
  ["sslmod=verify-full", {}, 'no parameter "sslmod"'],
  ["SSLMODE=verify-full", {}, 'no parameter "SSLMODE"'],
  ["sslmode=require&ssl_root_cert=/ca.pem", {}, 'no parameter "ssl_root_cert"'],
  ["sslmode=verify-ca", {}, "sslmode=verify-ca needs the authority's certificate"],
])("TLS that is not understood is refused, never left out: %j %j", (query, env, words) => {
  const parse = () => parseAddress(`postgres://u:secret@h/d?${query}`, env);
  expect(parse).toThrow(UserError);
  expect(parse).toThrow(words);
});

it.each([
  "sslmode=prefer",
  "ssl=true",
  "application_name=x&sslmode=require",
  "sslmode=disable",
  "channel_binding=require",
])("?%s is an address", (query) => {
  expect(parseAddress(`postgres://u@h/d?${query}`)).toMatchObject({ database: "d", user: "u" });
});

it.each(["h:65536", "h:0", "h:99999", "[::1]:65536", "h:5432,i:65536"])(
  "the port of %s is named when it is none",
  (hosts) => {
    for (const user of ["", "u@", "u:123@"])
      for (const rest of ["", "/d", "?sslmode=disable"])
        expect(() => parseAddress(`postgres://${user}${hosts}${rest}`)).toThrow(
          /^--db expects a port from 1 to 65535, got "(?:0|65536|99999)"$/,
        );
  },
);

it.each(["h", "h:65535", "[::1]", "[::1]:1", "h:1,i:65535"])("%s is a server, whatever the password", (hosts) => {
  expect(parseAddress(`postgres://u:99999@${hosts}/d`)).toMatchObject({ password: "99999", database: "d" });
});
