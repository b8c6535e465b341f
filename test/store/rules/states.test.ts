/** The table of transitions, the diagram people read, and the rules that decide. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { STATES, type State } from "../../../src/message.ts";
import { PROVABLE } from "../../../src/store/rules/prove.ts";
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

  it("lets nothing leave `sent`, and a message come to each state", () => {
    expect(TRANSITIONS.filter(({ from }) => from === "sent")).toEqual([]);
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

  it("retries what a person may retry, and nothing that was or is being handed to SES but what is in doubt", () => {
    expect(leavingBy("retry", "pending")).toEqual(STATES.filter((state) => RETRIABLE.includes(state)));
    expect(RETRIABLE.filter((state) => HANDED_OUT.includes(state))).toEqual(["in_doubt"]);
  });
});
