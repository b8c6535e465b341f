import { type Delivery, type Queue, QueueUnreachable } from "../../src/queue/queue.ts";

export interface MemoryDelivery extends Delivery {
  readonly body: string;
  /** Of this loan: only the newest one of a message acknowledges it. */
  readonly loan: number;
}

export interface MemoryCall {
  operation: "receive" | "done" | "later" | "refuse";
  /** `most` of a receive. */
  most: number;
  bodies: string[];
}

const MOST_CALLS = 20_000;

interface Stored {
  id: string;
  body: string;
  loan: number;
  visibleAt: number;
}

export interface MemoryBrokerOptions {
  /** How long a delivery is left with whoever has it. */
  patienceMs?: number;
  mostPerCall?: number;
  /** Whether what is refused leaves the queue. */
  buries?: boolean;
  /** No receive waits longer. */
  longestWaitMs?: number;
}

/** A broker in memory that can be told to fail. It has to pass the contract like any other. */
export class MemoryBroker {
  readonly calls: MemoryCall[] = [];
  readonly deadLetters: { body: string; reason: string }[] = [];
  /** Asked before each call; what it returns is thrown. */
  fault: (call: MemoryCall) => Error | null = () => null;
  /** Bodies of which an acknowledgement is not accepted. */
  loses: (body: string) => boolean = () => false;
  #stored: Stored[] = [];
  #nextId = 1;
  readonly #options: Required<MemoryBrokerOptions>;

  constructor(options: MemoryBrokerOptions = {}) {
    this.#options = { patienceMs: 60_000, mostPerCall: 10, buries: true, longestWaitMs: 5, ...options };
  }

  put(...bodies: string[]): void {
    for (const body of bodies) this.#stored.push({ id: `m${this.#nextId++}`, body, loan: 0, visibleAt: 0 });
  }

  /** Bodies that are not acknowledged, whoever has them. */
  left(): string[] {
    return this.#stored.map(({ body }) => body);
  }

  /** Nobody has anything any more: all of it comes again, behind what never came. */
  giveUpLoans(): void {
    const now = Date.now();
    const waiting = this.#stored.filter(({ visibleAt }) => visibleAt <= now);
    const onLoan = this.#stored.filter(({ visibleAt }) => visibleAt > now);
    this.#stored = [...waiting, ...onLoan.map((stored) => ({ ...stored, visibleAt: 0 }))];
  }

  /** From now on nobody answers. */
  goAway(): void {
    this.fault = () => new QueueUnreachable("nobody listens");
  }

  open(): Queue<MemoryDelivery> {
    return {
      mostPerCall: this.#options.mostPerCall,
      receive: (most, waitMs, signal) => this.#receive(most, waitMs, signal),
      done: async (deliveries) => {
        this.#call("done", deliveries);
        const lost = deliveries.filter(({ body }) => this.loses(body));
        for (const delivery of deliveries) if (!lost.includes(delivery)) this.#remove(delivery);
        return lost;
      },
      later: async (delivery, afterMs) => {
        this.#call("later", [delivery]);
        const stored = this.#stored.find(({ loan }) => loan === delivery.loan);
        if (stored) stored.visibleAt = Date.now() + afterMs;
      },
      refuse: async (delivery, reason) => {
        this.#call("refuse", [delivery]);
        if (!this.#options.buries) return false;
        if (this.#remove(delivery)) this.deadLetters.push({ body: delivery.body, reason });
        return true;
      },
      close: async () => undefined,
    };
  }

  async #receive(most: number, waitMs: number, signal: AbortSignal): Promise<MemoryDelivery[]> {
    this.#call("receive", [], most);
    const visible = () => this.#stored.filter(({ visibleAt }) => visibleAt <= Date.now());
    for (let waited = 0; visible().length === 0 && waited < Math.min(waitMs, this.#options.longestWaitMs); waited++) {
      if (signal.aborted) return [];
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (signal.aborted) return [];
    return visible()
      .slice(0, most)
      .map((stored) => {
        stored.loan = this.#nextId++;
        stored.visibleAt = Date.now() + this.#options.patienceMs;
        return { id: stored.id, body: stored.body, loan: stored.loan };
      });
  }

  #call(operation: MemoryCall["operation"], deliveries: readonly MemoryDelivery[], most = 0): void {
    const call = { operation, most, bodies: deliveries.map(({ body }) => body) };
    // A loop that does not end would not let a test time out.
    if (this.calls.push(call) > MOST_CALLS) throw new Error("asked without end");
    const fault = this.fault(call);
    if (fault !== null) throw fault;
  }

  #remove(delivery: MemoryDelivery): boolean {
    const before = this.#stored.length;
    this.#stored = this.#stored.filter(({ loan }) => loan !== delivery.loan);
    return this.#stored.length < before;
  }
}
