/** Addresses of NATS servers, and the answers to messages: what needs no server. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { laterAnswer, refusedAnswer } from "../../../src/queue/nats/delivery.ts";
import { readPlace } from "../../../src/queue/nats/settings.ts";

const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe("addresses", () => {
  it.each([
    [["nats://example.com:4223"], "nats://example.com:4223", null],
    [["example.com"], "nats://example.com:4222", null],
    [["example.com:4223"], "nats://example.com:4223", null],
    [[" nats://a ", "", "b:1/"], "nats://a:4222, nats://b:1", null],
    [["tls://a", "nats://b"], "tls://a:4222, tls://b:4222", null],
    [["[::1]:4223"], "nats://[::1]:4223", null],
    [["nats://mail:s3cret@a"], "nats://a:4222", { user: "mail", pass: "s3cret" }],
    [["nats://mail:p%40s%2Fs@a", "b"], "nats://a:4222, nats://b:4222", { user: "mail", pass: "p@s/s" }],
    [["t0ken@a"], "nats://a:4222", { token: "t0ken" }],
    [
      ["nats://mail:s3cret@a", "nats://mail:s3cret@b"],
      "nats://a:4222, nats://b:4222",
      { user: "mail", pass: "s3cret" },
    ],
  ])("%j", (servers, where, login) => {
    expect(readPlace(servers)).toMatchObject({ where, login, tls: where.startsWith("tls:") });
  });

  it.each([
    [[], "no address of a NATS server was given"],
    [["  "], "no address of a NATS server was given"],
    [["ws://mail:s3cret@a"], '"ws://…@a" begins with ws://; expected nats:// or tls://'],
    [["nats://mail:s3cret@a:port"], '"nats://…@a:port" is not the address of a NATS server'],
    [["nats://mail:s3@cret@a b"], '"nats://…@a b" is not the address of a NATS server'],
    [["nats://mail:s3cret@a/db"], '"nats://…@a/db" has more than a host and a port'],
    [["nats://mail:s3cret@a?tls=1"], '"nats://…@a?tls=1" has more than a host and a port'],
    [["nats://mail:s3/cret@a"], '"nats://…@a"'],
    [["nats://mail:s3%cret@a"], "has a % that means nothing"],
    [
      ["mail:s3cret@a", "mail:other-s3cret@b"],
      "the NATS servers have different users; expected one user for all of them",
    ],
    [["nats://"], '"nats://" is not the address of a NATS server'],
  ])("%j is refused, and no password is shown", (servers, message) => {
    const error = thrownBy(() => readPlace(servers)) as UserError;
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(message);
    expect(`${error.message} ${error.hint}`).not.toMatch(/s3|cret/);
  });
});

describe("answers", () => {
  it.each([
    ["2.9.10", "+TERM"],
    ["2.10.3", "+TERM"],
    ["", "+TERM"],
    ["2.10.4", "+TERM no address"],
    ["2.10.22-RC.1", "+TERM no address"],
    ["2.12.0", "+TERM no address"],
    ["3.0.0", "+TERM no address"],
  ])("a server %s that is told that a message is refused hears %s", (version, answer) => {
    expect(refusedAnswer(version, "no\n address ")).toBe(answer);
  });

  it("a reason has a limit, and none is no reason", () => {
    expect(refusedAnswer("2.12.0", "x".repeat(5_000))).toBe(`+TERM ${"x".repeat(200)}…`);
    expect(refusedAnswer("2.12.0", " \n")).toBe("+TERM");
  });

  it("a message is never given back without a delay", () => {
    expect(laterAnswer(0)).toBe('-NAK {"delay":100000000}');
    expect(laterAnswer(5_000)).toBe('-NAK {"delay":5000000000}');
  });
});
