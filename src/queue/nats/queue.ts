/** One durable consumer as a queue. A request for messages is open while somebody reads, so that they come at once. */
import type { Msg } from "@nats-io/transport-node";
import { QueueUnreachable, type Queue } from "../queue.ts";
import { ACK, laterAnswer, type Loan, loanOf, type NatsDelivery, refusedAnswer } from "./delivery.ts";
import type { Connection, Link } from "./link.ts";
import { type Pull, type PullEnd, startPull } from "./pull.ts";
import { type Found, type Memory, QueueHalted, setUp, type Where } from "./setup.ts";
import { Waiting } from "./waiting.ts";

const MOST_PER_CALL = 500;
/** What one pull may bring, so that 500 large mails do not fill the memory. */
const MOST_BYTES = 32 * 1024 * 1024;
/** The next pull begins when this few are left, so that they come while the others are handled. */
const FEW = 250;
const LONGEST_PULL_MS = 30_000;
const SHORTEST_PULL_MS = 1_000;
/** How long the first answer of a server may take, for who does not want to wait for messages. */
const ANSWER_MS = 100;
/** A pull that ends sooner, with nothing, would be made again at once, and so on without end. */
const HASTY_MS = 500;
/** Messages that come together are read one by one. The batch is whole when this long nothing came. */
const LINGER_MS = 2;
/** What was not handed out when reading ends is given back, to come to another process soon. */
const GIVE_BACK_MS = 1_000;
const LAST_FLUSH_MS = 2_000;
/** A connection on which nothing comes back is given up before JetStream did not answer so often. */
const MOST_UNANSWERED = 3;

/** What a queue is made of. */
export interface QueueParts {
  link: Link;
  where: Where;
  /** Told each change. */
  tell(text: string): void;
  /** Told what a stream may do to mail, each time it is looked at. */
  warn(text: string): void;
}

/** Reads the consumer `where`. Nothing is asked before the first `receive`. */
export class NatsQueue implements Queue<NatsDelivery> {
  readonly mostPerCall = MOST_PER_CALL;
  readonly #parts: QueueParts;
  readonly #memory: Memory = { wasThere: false, streamIsOurs: false, consumerIsOurs: false };
  /** Came and was not handed out, oldest first. */
  readonly #buffer: Loan[] = [];
  readonly #waiting = new Waiting();
  /** What was seen of the stream, on this connection. */
  #found: { on: Connection; what: Found } | null = null;
  #looking: { on: Connection; result: Promise<Found> } | null = null;
  #pull: { pull: Pull; since: number; got: number } | null = null;
  #isStarting = false;
  /** The last pull did not end by itself: whether messages are there has to be asked again. */
  #isLost = false;
  /** Why no pull is under way; for the next reader. */
  #failure: unknown = null;
  #told: string | null = null;
  #unanswered = 0;
  /** How many calls of `receive` are under way. */
  #readers = 0;
  /** How often reading ended: a pull that was begun before does not start any more. */
  #ends = 0;
  #isClosed = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  async receive(most: number, waitMs: number, signal: AbortSignal): Promise<NatsDelivery[]> {
    if (this.#isClosed) throw new QueueUnreachable(`nats: reading stream ${this.#parts.where.stream} has ended`);
    this.#readers++;
    try {
      return await this.#receive(Math.min(most, MOST_PER_CALL), waitMs, signal);
    } finally {
      this.#readers--;
      if (signal.aborted && this.#readers === 0) this.#putBack();
    }
  }

  async done(deliveries: readonly NatsDelivery[]): Promise<readonly NatsDelivery[]> {
    return this.#answer(deliveries, () => ACK);
  }

  async later(delivery: NatsDelivery, afterMs: number): Promise<void> {
    await this.#answer([delivery], () => laterAnswer(afterMs));
  }

  async refuse(delivery: NatsDelivery, reason: string): Promise<boolean> {
    const kept = await this.#answer([delivery], ({ nats }) => refusedAnswer(nats.info?.version ?? "", reason));
    return kept.length === 0;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.wake();
    this.#putBack();
    const { link } = this.#parts;
    const { current } = link;
    if (current !== null) await link.flush(current, LAST_FLUSH_MS).catch(() => undefined);
  }

  async #receive(most: number, waitMs: number, signal: AbortSignal): Promise<Loan[]> {
    const until = performance.now() + waitMs;
    let asked = false;
    while (!signal.aborted && !this.#isClosed) {
      this.#dropOld();
      if (this.#buffer.length > 0) {
        const taken = await this.#take(most, waitMs);
        if (taken.length > 0) return taken;
        continue;
      }
      this.#throwFailure();
      const leftMs = this.#pull === null ? 0 : Math.max(until, this.#pull.since + ANSWER_MS) - performance.now();
      if (asked && leftMs <= 0 && !this.#isStarting && !this.#isLost && performance.now() >= until) return [];
      if (this.#pull === null && !this.#isStarting) this.#start(most, waitMs);
      asked = true;
      // While a pull is being started there is something to wait for that ends by itself.
      await this.#waiting.wait(this.#isStarting ? null : leftMs, signal);
    }
    return [];
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** What is there, with the rest of what comes together. */
  async #take(most: number, waitMs: number): Promise<Loan[]> {
    for (let before = 0; this.#pull !== null && before < this.#buffer.length && this.#buffer.length < most;) {
      before = this.#buffer.length;
      await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    }
    if (this.#isClosed) return [];
    const taken = this.#buffer.splice(0, most);
    const mayPull = this.#pull === null && !this.#isStarting && this.#buffer.length < FEW;
    if (mayPull && most === MOST_PER_CALL) this.#start(most, waitMs);
    return taken;
  }

  /** Begins a pull in the background. */
  #start(most: number, waitMs: number): void {
    this.#isStarting = true;
    this.#isLost = false;
    this.#failure = null;
    void this.#begin(most, waitMs)
      .catch((error: unknown) => {
        if (this.#readers > 0) this.#failure = error;
      })
      .finally(() => {
        this.#isStarting = false;
        this.#waiting.wake();
      });
  }

  async #begin(most: number, waitMs: number): Promise<void> {
    const ends = this.#ends;
    const connection = await this.#parts.link.connection(waitMs);
    const found = await this.#foundOn(connection);
    if (this.#isClosed || this.#ends !== ends || connection.lost.aborted) return;
    const { stream, consumer } = this.#parts.where;
    const maxPayload = connection.nats.info?.max_payload ?? 0;
    const options = {
      stream,
      consumer,
      batch: Math.min(most, found.mostMessages),
      maxBytes: Math.min(Math.max(MOST_BYTES, 2 * maxPayload), found.mostBytes),
      expiresMs: Math.min(Math.max(waitMs, SHORTEST_PULL_MS), LONGEST_PULL_MS, found.longestMs),
    };
    const from = { stream, made: found.streamMade, server: serverOf(connection) };
    const state = { since: performance.now(), got: 0 };
    const take = (message: Msg) => {
      state.got++;
      this.#buffer.push(loanOf(message, from));
      this.#waiting.wake();
    };
    const pull = startPull(connection, options, take, (end) => this.#ended(end, state));
    this.#pull = Object.assign(state, { pull });
  }

  #ended(end: PullEnd, { since, got }: { since: number; got: number }): void {
    this.#pull = null;
    this.#isLost = end.kind === "lost";
    if (this.#isLost) this.#found = null;
    const hasty = got === 0 && performance.now() - since < HASTY_MS;
    if (end.kind === "refused" || hasty) {
      const reason = end.kind === "over" ? "it ends the request at once" : end.reason;
      this.#failure = new QueueUnreachable(`nats: stream ${this.#parts.where.stream} brings no messages: ${reason}`);
    }
    this.#waiting.wake();
  }

  /** What is too old comes again anyway, maybe to another process. */
  #dropOld(): void {
    const oldest = performance.now() - (this.#found?.what.ackWaitMs ?? Infinity);
    const fresh = this.#buffer.findIndex(({ cameAt }) => cameAt > oldest);
    this.#buffer.splice(0, fresh < 0 ? this.#buffer.length : fresh);
  }

  /** Looks at the stream and the consumer once for each connection, and after they went missing. */
  #foundOn(on: Connection): Promise<Found> {
    if (this.#found?.on === on) return Promise.resolve(this.#found.what);
    if (this.#looking?.on !== on) {
      const result = this.#look(on).finally(() => {
        if (this.#looking?.result === result) this.#looking = null;
      });
      this.#looking = { on, result };
    }
    return this.#looking.result;
  }

  async #look(on: Connection): Promise<Found> {
    const { where, tell, warn, link } = this.#parts;
    try {
      const what = await setUp(on.nats, where, this.#memory, { tell, warn });
      this.#found = { on, what };
      this.#unanswered = 0;
      if (this.#told !== null) tell(`nats: stream ${where.stream} is read again`);
      this.#told = null;
      return what;
    } catch (error) {
      if (error instanceof QueueUnreachable && link.current === on) this.#tellHalt(error);
      throw error;
    }
  }

  #tellHalt(error: QueueUnreachable): void {
    this.#unanswered++;
    // A server that answers nothing at all is the link's to tell, when it has noticed.
    const isNews = error.message !== this.#told && (error instanceof QueueHalted || this.#unanswered > MOST_UNANSWERED);
    if (isNews) this.#parts.tell((this.#told = error.message));
  }

  /**
   * Says what became of deliveries. Those of a stream that is gone are nobody's any more. Resolves to those that another run of
   * the server brought: it may have forgotten them and given their numbers to others. They come again.
   */
  async #answer(
    deliveries: readonly NatsDelivery[],
    text: (connection: Connection) => string,
  ): Promise<readonly NatsDelivery[]> {
    if (deliveries.length === 0) return [];
    const { link } = this.#parts;
    const connection = link.current;
    if (connection === null) throw new QueueUnreachable(link.why());
    const { streamMade } = await this.#foundOn(connection);
    if (connection.lost.aborted || connection.nats.isClosed()) throw new QueueUnreachable(link.why());
    const server = serverOf(connection);
    const ours = (deliveries as readonly Loan[]).filter((loan) => loan.streamMade === streamMade);
    for (const loan of ours) if (loan.server === server) connection.nats.publish(loan.reply, text(connection));
    await link.flush(connection);
    return ours.filter((loan) => loan.server !== server);
  }

  #putBack(): void {
    this.#ends++;
    const { current } = this.#parts.link;
    const given = this.#buffer.splice(0).filter(({ server }) => current !== null && server === serverOf(current));
    const giveBack = (reply: string | undefined) => {
      // A stream that was not looked at on this connection may be another one.
      const isKnown = current !== null && !current.nats.isClosed() && this.#found?.on === current;
      if (isKnown && reply) current.nats.publish(reply, laterAnswer(GIVE_BACK_MS));
    };
    this.#pull?.pull.stop(({ reply }) => giveBack(reply));
    this.#pull = null;
    for (const { reply } of given) giveBack(reply);
  }
}

/** Names one run of a server: a new one after each start. */
const serverOf = ({ nats }: Connection): string => nats.info?.server_id ?? "";
