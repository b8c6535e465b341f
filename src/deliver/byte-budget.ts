/** Limits how many bytes all work together takes. Work that does not fit waits; first come, first served. */
export class ByteBudget {
  readonly #most: number;
  #taken = 0;
  readonly #waiting: { bytes: number; go: () => void }[] = [];

  /** `most`: the bytes that all work together may take. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Does the work when its `bytes` fit. Work that is larger than the whole budget is done alone. */
  async within<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(bytes, this.#most);
    if (this.#waiting.length > 0 || this.#taken + share > this.#most) {
      await new Promise<void>((go) => this.#waiting.push({ bytes: share, go }));
    } else this.#taken += share;
    try {
      return await work();
    } finally {
      this.#taken -= share;
      this.#admit();
    }
  }

  /** True while work waits. */
  isFull(): boolean {
    return this.#waiting.length > 0;
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#taken + next.bytes <= this.#most; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#taken += next.bytes;
      next.go();
    }
  }
}
