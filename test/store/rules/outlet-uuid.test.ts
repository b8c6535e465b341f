import { describe, expect, it } from "vitest";
import { messageOfUuid, outletUuid } from "../../../src/store/rules/outlet-uuid.ts";
import fc from "../../support/properties.ts";

const JOB = fc.stringMatching(/^[0-9a-f]{16}$/);
const ID = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe("the name of a message that is handed over", () => {
  it("is a UUID of version 8", () => {
    fc.assert(
      fc.property(JOB, ID, (job, id) => {
        expect(outletUuid(job, id)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  it("says which message it is, in capitals, too", () => {
    fc.assert(
      fc.property(JOB, ID, (job, id) => {
        const uuid = outletUuid(job, id);
        expect(messageOfUuid(job, uuid)).toBe(id);
        expect(messageOfUuid(job, uuid.toUpperCase())).toBe(id);
      }),
    );
  });

  it("is of no other job, as far as the first 60 bits tell them apart", () => {
    fc.assert(
      fc.property(JOB, JOB, ID, (job, other, id) => {
        fc.pre(job.slice(0, 15) !== other.slice(0, 15));
        expect(messageOfUuid(other, outletUuid(job, id))).toBeNull();
      }),
    );
  });

  it("of two messages differs", () => {
    fc.assert(
      fc.property(JOB, ID, ID, (job, one, two) => {
        fc.pre(one !== two);
        expect(outletUuid(job, one)).not.toBe(outletUuid(job, two));
      }),
    );
  });

  it.each([
    "",
    "message-1",
    "01234567-89ab-7cde-8000-000000000001",
    "01234567-89ab-8cde-0000-000000000001",
    "01234567-89ab-8cde-8000-000000000000",
    "01234567-89ab-8cde-bfff-ffffffffffff",
    " 01234567-89ab-8cde-8000-000000000001",
  ])("is none of: %j", (uuid) => {
    expect(messageOfUuid("0123456789abcdef", uuid)).toBeNull();
  });

  it("is what documents say", () => {
    expect(outletUuid("0123456789abcdef", 1)).toBe("01234567-89ab-8cde-8000-000000000001");
  });
});
