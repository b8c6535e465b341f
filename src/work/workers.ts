import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import type { Workforce, WorkerRow } from "../store/rows.ts";

/** `workers`: prints the live processes that send, and the rate that they share. */
export async function listWorkers({ terminal, globals, openStore }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const { workers, rate } = await store.workers();
  if (globals.json) {
    terminal.json({ workers: workers.map(toJson), rate: { per_second: rate.perSecond, limit: rate.limit } });
  } else if (workers.length === 0) {
    terminal.result("no process is sending now");
  } else {
    terminal.result(await terminal.table(HEAD, workers.map(cellsOf)));
    terminal.result(`\n${rateText(rate)}`);
  }
  return EXIT.done;
}

const HEAD = ["id", "kind", "host", "pid", "lease", "sending", "turns"] as const;

function toJson({ id, kind, host, pid, leaseMs, sending, turns }: WorkerRow) {
  return { id, kind, host, pid, lease_s: secondsOf(leaseMs), sending, turns };
}

function cellsOf({ id, kind, host, pid, leaseMs, sending, turns }: WorkerRow): (string | number)[] {
  // As text: they are names, not counts.
  return [String(id), kind, host, String(pid), `${secondsOf(leaseMs)} s`, sending, turns];
}

function secondsOf(ms: number): number {
  return Math.round(ms / 1000);
}

function rateText({ perSecond, limit }: Workforce["rate"]): string {
  const [asked, inForce] = [perSecond, limit].map((rate) => Math.round(100 * (rate ?? 0)) / 100);
  if (asked === inForce) return `rate ${asked}/s, shared by all of them`;
  return `rate ${inForce}/s, shared by all of them: less than the ${asked}/s asked for, because SES throttled`;
}
