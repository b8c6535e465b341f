/** A connection that is made again and again, for ever. */
import { StoppedError, UserError } from "../../errors.ts";
import { systemClock } from "../../time/clock.ts";
import type { Command, Line } from "./line.ts";
import { away, problemOf, RedisProblem } from "./problem.ts";

/** For an answer to what does not block. */
const ANSWER_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2_000;

/** What a connection needs to know. */
export interface ConnectionParts {
  /** From `Address.shown`. */
  place: string;
  /**
   * Connects and greets until `signal` aborts. Each call makes a new line.
   * @throws RedisProblem, or UserError when that will never work.
   */
  open(signal: AbortSignal): Promise<Line>;
  /** Told of each line that was opened. */
  onOpen(): void;
  /** Told each time there is no line, or it is lost; `isRefused`: the server is there, and does not take who we are or what we want. */
  onAway(problem: Error & { hint: string | null }, isRefused: boolean): void;
}

/**
 * Keeps one line to Redis open, from the moment it is made. While there is none, everything fails at once; while one is
 * being made, it is waited for. Nothing is ever sent twice.
 */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #end = new AbortController();
  #line: Line | null = null;
  /** Settles when the attempt that is being made is over. */
  #attempt: Promise<void> | null = null;
  #problem: Error;
  #opened = 0;
  /** Why it is not tried any more. */
  #hopeless: unknown = null;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#problem = away(parts.place, "not connected yet");
    void this.#keep();
  }

  /** How many lines were opened so far. Whoever finds another number than before has lost what was under way. */
  get opened(): number {
    return this.#opened;
  }

  /** True while there is a line. */
  get isOpen(): boolean {
    return this.#line !== null;
  }

  /** Resolves when there is a line. @throws as `run` does, when there is none and none is being made. */
  async ready(): Promise<void> {
    await this.#ready();
  }

  /**
   * Sends commands in one go and resolves to their replies. Texts come as Buffers.
   * @throws RedisProblem of the first command that Redis refused, or when there is no connection. UserError when there
   * will never be one.
   */
  async run(commands: readonly Command[], limitMs = ANSWER_MS): Promise<unknown[]> {
    const replies = await this.runEach(commands, limitMs);
    // What EXEC says of a refused command is less than what the command itself says.
    const refused = replies.find((reply) => reply instanceof RedisProblem);
    if (refused instanceof RedisProblem) throw refused;
    return replies;
  }

  /** Like `run`, but a command that Redis refuses has a RedisProblem as its reply. Rejects when Redis does not answer one of them. */
  async runEach(commands: readonly Command[], limitMs = ANSWER_MS): Promise<unknown[]> {
    const line = await this.#ready();
    const replies = await line.exchange(commands, limitMs);
    // Nobody may take a connection that was lost for a no of Redis.
    const unanswered = replies.find((reply) => reply instanceof RedisProblem && reply.code === null);
    if (unanswered instanceof RedisProblem) throw unanswered;
    // The name of the primary may lead to another server by now.
    if (replies.some((reply) => reply instanceof RedisProblem && reply.code === "READONLY"))
      line.end("it is a replica");
    return replies;
  }

  /** Runs commands as one step: all or, when Redis refuses one of them or the connection ends, none. Resolves to their replies. */
  async together(commands: readonly Command[]): Promise<readonly unknown[]> {
    const replies = await this.run([["MULTI"], ...commands, ["EXEC"]]);
    const results = replies.at(-1);
    // Redis goes on with the others when one fails while it runs.
    if (!Array.isArray(results)) return [];
    const failed = results.find((result) => result instanceof Error);
    if (failed) throw problemOf(failed, this.#parts.place);
    return results;
  }

  /** The reply of one command. */
  async one(command: Command, limitMs?: number): Promise<unknown> {
    return (await this.run([command], limitMs))[0];
  }

  /** Ends it for good. What waits for an answer fails. */
  close(): void {
    this.#problem = away(this.#parts.place, "the connection was closed");
    this.#end.abort();
    this.#line?.end("the connection was closed");
  }

  async #ready(): Promise<Line> {
    if (this.#line === null) await this.#attempt;
    if (this.#line !== null) return this.#line;
    throw this.#hopeless ?? this.#problem;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#end;
    for (let failures = 0; !signal.aborted && this.#hopeless === null; failures++) {
      this.#attempt = this.#try();
      await this.#attempt;
      this.#attempt = null;
      const openedAt = performance.now();
      if (this.#line !== null) await this.#held(this.#line);
      if (performance.now() - openedAt > LAST_PAUSE_MS) failures = 0;
      if (this.#hopeless === null) await pause(failures, signal);
    }
  }

  async #try(): Promise<void> {
    try {
      const line = await this.#parts.open(this.#end.signal);
      if (this.#end.signal.aborted) return line.end("the connection was closed");
      this.#line = line;
      this.#opened++;
      this.#parts.onOpen();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (error instanceof StoppedError) return this.#lost(error);
    // Settings that worked before may work again. Until they have worked once, they are taken for wrong.
    if (error instanceof UserError && this.#opened > 0) this.#lost(new RedisProblem(error.message, error.hint), true);
    else this.#hopeless = error;
  }

  async #held(line: Line): Promise<void> {
    const problem = await line.gone;
    this.#line = null;
    this.#lost(problem);
  }

  #lost(problem: Error & { hint: string | null }, isRefused = false): void {
    if (this.#end.signal.aborted) return;
    this.#problem = problem;
    this.#parts.onAway(problem, isRefused);
  }
}

/** Longer from time to time, and never the same for all who lost their connections at the same moment. */
function pause(failures: number, signal: AbortSignal): Promise<void> {
  const most = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  return systemClock.sleep(most * (0.5 + Math.random() / 2), signal);
}
