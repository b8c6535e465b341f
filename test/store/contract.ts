/**
 * What every store promises, whatever it is made of: one file for each role, run over each kind of store. A test asks
 * through the contract only. After each of them all answers of the store have to agree, however they are asked for.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import type { Bench, Prepare } from "./bench.ts";
import { answers } from "./contract/answers.ts";
import { breakdown } from "./contract/breakdown.ts";
import { cap } from "./contract/cap.ts";
import { claims } from "./contract/claims.ts";
import { events } from "./contract/events.ts";
import { expiry } from "./contract/expiry.ts";
import { handed } from "./contract/handed.ts";
import { inbox } from "./contract/inbox.ts";
import { keys } from "./contract/keys.ts";
import { kinds } from "./contract/kinds.ts";
import { letters } from "./contract/letters.ts";
import { library } from "./contract/library.ts";
import { lists } from "./contract/lists.ts";
import { mails } from "./contract/mails.ts";
import { longLists } from "./contract/long-lists.ts";
import { many } from "./contract/many.ts";
import { newContent } from "./contract/new-content.ts";
import { outlooks } from "./contract/outlook.ts";
import { pasts } from "./contract/past.ts";
import { pauses } from "./contract/pauses.ts";
import { posted } from "./contract/posted.ts";
import { processes } from "./contract/processes.ts";
import { rate } from "./contract/rate.ts";
import { reader } from "./contract/reader.ts";
import { removal } from "./contract/removal.ts";
import { rehearsal } from "./contract/rehearsal.ts";
import { recording } from "./contract/recording.ts";
import { reports } from "./contract/reports.ts";
import { reserve } from "./contract/reserve.ts";
import { suppressions } from "./contract/suppressions.ts";
import { templates } from "./contract/templates.ts";
import { topics } from "./contract/topics.ts";
import { unsubscriptions } from "./contract/unsubscriptions.ts";
import { visits } from "./contract/visits.ts";
import { workers } from "./contract/workers.ts";
import { whole } from "./contract/whole.ts";
import { expectSound, expectSoundBreakdown } from "./sound.ts";

const ROLES: Record<string, (prepare: Prepare) => void> = {
  "source: claims": claims,
  "source: answers": answers,
  "source: processes": processes,
  "source: rate": rate,
  "source: cap": cap,
  "source: expiry": expiry,
  "source: reserve": reserve,
  "source: outlook": outlooks,
  lists,
  inbox,
  "inbox: posted": posted,
  "inbox: past mail": pasts,
  "inbox: reports": reports,
  "dead letters": letters,
  events,
  visits,
  unsubscriptions,
  topics,
  "lists: long ones": longLists,
  "topics: many messages": many,
  "topics: pauses": pauses,
  "topics: another content": newContent,
  rehearsal,
  reader,
  "reader: mails": mails,
  breakdown,
  library,
  suppressions,
  "suppressions: lists and kinds": kinds,
  removal,
  keys,
  templates,
  handed,
  workers,
  whole,
};

/** What a store may have beside the contract; such methods have tests of their own. */
const BESIDE = ["backup", "leave", "onChange"];

/**
 * To be called once in a test file. `sums` false: after a test the store is looked at beneath the contract only, and not asked all that it
 * can be asked, which takes a third of the time. It is for another way to a store of which all was asked elsewhere.
 */
export function storeContract(name: string, prepare: Prepare, { sums = true } = {}): void {
  const { watch, offered, called } = recording();
  const prepareChecked = async (): Promise<Bench> => {
    const bench = await prepare();
    onTestFinished(() => (sums ? expectSoundBench(bench) : bench.inspect()));
    return watch(bench);
  };
  for (const [role, promises] of Object.entries(ROLES))
    describe(`${name}, ${role}`, () => {
      promises(prepareChecked);
    });

  it(`${name}: every method has a test here`, () => {
    expect([...offered].filter((method) => !called.has(method) && !BESIDE.includes(method))).toEqual([]);
    expect(called.size).toBeGreaterThan(40);
  });
}

async function expectSoundBench(bench: Bench): Promise<void> {
  const store = await bench.open();
  await expectSound(store, bench.clock);
  await expectSoundBreakdown(store);
  await bench.inspect();
}
