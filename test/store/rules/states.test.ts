/** The table of transitions, the diagram people read, and the rules that decide. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { STATES, type State } from "../../../src/message.ts";
import type { Settlement } from "../../../src/deliver/source.ts";
import { PROVABLE } from "../../../src/store/rules/prove.ts";
import { decide } from "../../../src/store/rules/settle.ts";
import { HANDED_OUT, RETRIABLE, type Transition, TRANSITIONS } from "../../../src/store/rules/states.ts";

const ARCHITECTURE = readFileSync(new URL("../../../docs/architecture.md", import.meta.url), "utf8");

/** The arrows of the diagram: `from --> to: cause, cause`. */
function diagram(): Transition[] {
  const [, section = ""] = /\n## States\n(.*?)\n## /s.exec(ARCHITECTURE) ?? [];
  const [, drawn = ""] = /```mermaid\nstateDiagram-v2\n(.*?)```/s.exec(section) ?? [];
  const lines = drawn.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const [, from = "", to = "", causes = ""] = /^ +(\S+) --> (\S+): (.+)$/.exec(line) ?? [];
    return { from: from === "[*]" ? null : from, to, by: causes.split(", ") } as Transition;
  });
}

/** The states a cause leads out of, in the order of `STATES`. */
const leavingBy = (cause: string, to?: State) =>
  STATES.filter((state) =>
    TRANSITIONS.some(
      (each) => each.from === state && each.by.some((by) => by === cause) && (to ?? each.to) === each.to,
    ),
  );

describe("the table of transitions", () => {
  it("is the diagram of docs/architecture.md, arrow by arrow", () => {
    expect(diagram()).toEqual(TRANSITIONS);
  });

  it("has each pair of states once, and no move from a state to itself", () => {
    const pairs = TRANSITIONS.map(({ from, to }) => `${from} ${to}`);
    expect(new Set(pairs).size).toBe(pairs.length);
    expect(TRANSITIONS.filter(({ from, to, by }) => from === to || by.length === 0)).toEqual([]);
  });

  it("lets nothing leave `sent` but a rehearsal, and a message come to each state", () => {
    expect(TRANSITIONS.filter(({ from, by }) => from === "sent" && by.join() !== "start afresh")).toEqual([]);
    const reached = new Set<State>();
    for (let before = -1; before < reached.size;) {
      before = reached.size;
      for (const { from, to } of TRANSITIONS) if (from === null || reached.has(from)) reached.add(to);
    }
    expect([...reached].sort()).toEqual([...STATES].sort());
  });

  it("leads to SES through `pending` and a claim alone", () => {
    expect(TRANSITIONS.filter(({ to }) => to === "sending")).toEqual([
      { from: "pending", to: "sending", by: ["claim"] },
    ]);
  });

  it("proves what the rule proves", () => {
    expect(leavingBy("event")).toEqual([...PROVABLE.event]);
    expect(leavingBy("visit")).toEqual([...PROVABLE.visit]);
    expect(leavingBy("process died", "sent")).toEqual([...PROVABLE.answer]);
  });

  it("answers what the rule decides, in every state and for whoever brings the answer", () => {
    const answers: Settlement[] = [
      { kind: "sent", id: 1, topicId: 1, sesMessageId: "ses-1" },
      { kind: "failed", id: 1, error: "refused" },
      { kind: "in_doubt", id: 1, error: "no answer" },
      { kind: "put_back", id: 1, delayMs: null, attempted: false, error: null },
    ];
    const handedOver: Settlement = { kind: "handed_over", id: 1, subject: "Hello", name: "there" };
    const free = { isSuppressed: false, isCancelled: false, isExpired: false };
    for (const state of STATES)
      expect(decide({ state, isMine: false, ...free }, handedOver), `handed over too late: ${state}`).toBeNull();
    // It does not move the message, so it is no arrow.
    expect(decide({ state: "sending", isMine: true, ...free }, handedOver)).toMatchObject({
      from: "sending",
      to: "sending",
      attempts: 1,
    });
    const decided = new Set<string>();
    for (const state of STATES)
      for (const isMine of state === "sending" ? [true, false] : [false])
        for (const isSuppressed of [false, true])
          for (const isCancelled of [false, true])
            for (const isExpired of [false, true])
              for (const answer of answers) {
                const move = decide({ state, isMine, isSuppressed, isCancelled, isExpired }, answer);
                if (move) decided.add(`${move.from} ${move.to} ${isMine ? "answer" : "late answer"}`);
              }
    const inTable = TRANSITIONS.flatMap(({ from, to, by }) =>
      by.filter((cause) => cause === "answer" || cause === "late answer").map((cause) => `${from} ${to} ${cause}`),
    );
    expect([...decided].sort()).toEqual(inTable.sort());
  });

  it("retries what a person may retry, and nothing that was or is being handed to SES but what is in doubt", () => {
    expect(leavingBy("retry", "pending")).toEqual(STATES.filter((state) => RETRIABLE.includes(state)));
    expect(RETRIABLE.filter((state) => HANDED_OUT.includes(state))).toEqual(["in_doubt"]);
  });
});
