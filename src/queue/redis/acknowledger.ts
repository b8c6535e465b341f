/** Acknowledges entries, and removes them from a stream that nobody else reads: otherwise it would grow for ever. */
import type { Connection } from "./connection.ts";
import type { Command } from "./line.ts";
import type { Group } from "./pending.ts";
import { RedisProblem } from "./problem.ts";

/** Ids in one command. */
const IDS = 1_000;
/** How long we believe that no other group reads the stream. */
const ALONE_MS = 60_000;

/** What an acknowledger is made of. */
interface Parts {
  readonly where: Group;
  readonly asks: Connection;
  tell(text: string): void;
}

/** Of one stream and group. */
export class Acknowledger {
  readonly #parts: Parts;
  #alone: { is: boolean; until: number } = { is: false, until: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Any number of entries, acknowledged before or not. `also`: what happens in the same step. */
  async acknowledge(ids: readonly string[], also: readonly Command[] = []): Promise<void> {
    for (let at = 0; at < ids.length; at += IDS) await this.#inOneStep(ids.slice(at, at + IDS), also);
  }

  async #inOneStep(ids: readonly string[], also: readonly Command[]): Promise<void> {
    const { asks, where } = this.#parts;
    const acknowledge: Command[] = [...also, ["XACK", where.stream, where.group, ...ids]];
    const remove: Command[] = (await this.#isAlone()) ? [["XDEL", where.stream, ...ids]] : [];
    try {
      await asks.together([...acknowledge, ...remove]);
    } catch (problem) {
      if (!(problem instanceof RedisProblem && problem.code === "NOPERM" && remove.length > 0)) throw problem;
      await asks.together(acknowledge);
      this.#leaveInStream(problem);
    }
  }

  #leaveInStream({ message }: RedisProblem): void {
    const { where, tell } = this.#parts;
    this.#alone = { is: false, until: Infinity };
    tell(`redis: what is accepted stays in ${where.stream}: there is no right to XDEL. ${message}`);
  }

  /** True when nobody else will want to read an entry that we have acknowledged. */
  async #isAlone(): Promise<boolean> {
    if (performance.now() < this.#alone.until) return this.#alone.is;
    const { asks, where } = this.#parts;
    const [reply] = await asks.runEach([["XINFO", "GROUPS", where.stream]]);
    // Anything but a word about our rights may be over in a moment.
    if (reply instanceof RedisProblem && reply.code !== "NOPERM") return false;
    const groups = Array.isArray(reply) ? (reply as readonly (readonly unknown[])[]) : [];
    const is = groups.length === 1 && String(groups[0]?.[1]) === where.group;
    this.#alone = { is, until: performance.now() + ALONE_MS };
    return is;
  }
}
