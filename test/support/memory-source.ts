import type { Claim, Settlement, Source, Turn, TurnRequest } from "../../src/deliver/source.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface Message {
  state: Settlement["kind"] | "pending" | "sending";
  attempts: number;
  dueAt: number;
  error: string | null;
}

/** A source in memory, without a rate: everything that is due goes. Remembers what it was asked. */
export class MemorySource implements Source {
  readonly messages = new Map<number, Message>();
  readonly requests: (TurnRequest & { at: number })[] = [];
  readonly settlements: Settlement[] = [];
  /** Throws instead of taking the turn, while it says so. */
  broken: () => unknown = () => null;
  rateWaitMs: number | null = null;
  /** As if more were being moved. */
  isMoving = false;
  mostSending = 0;
  /** How long claims are the caller's. */
  validForMs = 45_000;
  readonly name: string = "the messages in memory";
  readonly patienceMs: number = 30_000;
  #turns = 0;
  readonly #clock: VirtualClock;

  constructor(count: number, clock: VirtualClock) {
    this.#clock = clock;
    for (let id = 1; id <= count; id++) this.messages.set(id, { state: "pending", attempts: 0, dueAt: 0, error: null });
  }

  async turn(request: TurnRequest): Promise<Turn> {
    this.requests.push({ ...request, at: this.#clock.monotonic() });
    const error = this.broken();
    if (error !== null) throw error;
    for (const settlement of request.settlements) this.#settle(settlement);
    const due = [...this.messages].filter(([, m]) => m.state === "pending" && m.dueAt <= this.#clock.now());
    const limit = this.rateWaitMs === null ? request.room : Math.min(1, request.room);
    const claims = due.slice(0, limit).map(([id, message]): Claim => {
      message.state = "sending";
      return {
        id,
        topicId: 1,
        contentId: 1,
        ingestId: 1,
        email: `p${id}@x.example`,
        fields: "[]",
        attempts: message.attempts,
        expiresInMs: null,
      };
    });
    this.mostSending = Math.max(this.mostSending, this.count("sending"));
    return {
      number: ++this.#turns,
      claims,
      validForMs: this.validForMs,
      rateWaitMs: this.rateWaitMs !== null && due.length > claims.length ? this.rateWaitMs : null,
      drained: request.room > 0 && due.length < Math.max(1, limit),
      isMoving: this.isMoving,
      reserved: false,
      expired: 0,
      perSecond: request.perSecond,
    };
  }

  recover = async () => 0;

  /** Puts a message in, as another process or a request would. */
  add(dueAt = 0): number {
    const id = this.messages.size + 1;
    this.messages.set(id, { state: "pending", attempts: 0, dueAt, error: null });
    return id;
  }

  outlook = async () => {
    const pending = [...this.messages.values()].filter((message) => message.state === "pending");
    const later = pending.map((message) => message.dueAt).filter((at) => at > this.#clock.now());
    const nextDueInMs = later.length > 0 ? Math.min(...later) - this.#clock.now() : null;
    return { due: pending.length - later.length, late: 0, nextDueInMs };
  };

  nextDueInMs = async () => {
    const { due, nextDueInMs } = await this.outlook();
    return due > 0 ? 0 : nextDueInMs;
  };

  count(state: Message["state"]): number {
    return [...this.messages.values()].filter((message) => message.state === state).length;
  }

  #settle(settlement: Settlement): void {
    this.settlements.push(settlement);
    const message = this.messages.get(settlement.id);
    if (message?.state !== "sending") throw new Error(`message ${settlement.id} is settled but not sending`);
    if (settlement.kind !== "put_back") {
      message.state = settlement.kind;
      message.attempts++;
      return;
    }
    message.state = "pending";
    message.attempts += settlement.attempted ? 1 : 0;
    message.dueAt = settlement.delayMs === null ? message.dueAt : this.#clock.now() + settlement.delayMs;
    message.error = settlement.error;
  }
}
