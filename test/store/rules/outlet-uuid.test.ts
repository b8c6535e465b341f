import { describe, expect, it } from "vitest";
import { messageOfUuid, outletUuid } from "../../../src/store/rules/outlet-uuid.ts";
import fc from "../../support/properties.ts";

const JOB = fc.stringMatching(/^[0-9a-f]{16}$/);
const ID = fc.integer({ min: 1, max: 2 ** 50 - 1 });
const NOW = fc.integer({ min: 0, max: Date.UTC(2200, 0) });

describe("the name of a message that is handed over", () => {
  it("is a UUID of version 8", () => {
    fc.assert(
      fc.property(JOB, ID, NOW, (job, id, now) => {
        expect(outletUuid(job, id, now)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  it("says which message it is, in capitals, too", () => {
    fc.assert(
      fc.property(JOB, ID, NOW, (job, id, now) => {
        const uuid = outletUuid(job, id, now);
        expect(messageOfUuid(job, uuid)).toBe(id);
        expect(messageOfUuid(job, uuid.toUpperCase())).toBe(id);
      }),
    );
  });

  it("is of no other job, as far as the first 60 bits tell them apart", () => {
    fc.assert(
      fc.property(JOB, JOB, ID, NOW, (job, other, id, now) => {
        fc.pre(job.slice(0, 15) !== other.slice(0, 15));
        expect(messageOfUuid(other, outletUuid(job, id, now))).toBeNull();
      }),
    );
  });

  it("of two messages differs", () => {
    fc.assert(
      fc.property(JOB, ID, ID, NOW, (job, one, two, now) => {
        fc.pre(one !== two);
        expect(outletUuid(job, one, now)).not.toBe(outletUuid(job, two, now));
      }),
    );
  });

  it.each([
    "",
    "message-1",
    "01234567-89ab-7cde-8000-000000000001",
    "01234567-89ab-8cde-0000-000000000001",
    "01234567-89ab-8cde-8000-000000000000",
    "01234567-89ab-8cde-bff0-000000000000",
    " 01234567-89ab-8cde-8000-000000000001",
  ])("is none of: %j", (uuid) => {
    expect(messageOfUuid("0123456789abcdef", uuid)).toBeNull();
  });

  it("is another one when the message is handed over again, a second later or more than an hour", () => {
    fc.assert(
      fc.property(JOB, ID, NOW, fc.integer({ min: 1, max: 4_095 }), (job, id, now, seconds) => {
        expect(outletUuid(job, id, now)).not.toBe(outletUuid(job, id, now + seconds * 1_000));
      }),
    );
  });

  it("has the bits of the job, the time and the message in their places", () => {
    expect(outletUuid("0123456789abcdef", 1, 0)).toBe("01234567-89ab-8cde-8000-000000000001");
    expect(outletUuid("0123456789abcdef", 2 ** 50 - 1, 0)).toBe("01234567-89ab-8cde-8003-ffffffffffff");
    expect(outletUuid("0123456789abcdef", 1, 4_095_000)).toBe("01234567-89ab-8cde-bffc-000000000001");
  });
});
