/** Holds back work that would take more memory than there is for it, all of it together. First come, first served. */
export class ByteBudget {
  readonly #most: number;
  #taken = 0;
  readonly #waiting: { bytes: number; go: () => void }[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Does the work when there is room for it. What is larger than the whole budget is done alone. */
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

  /** True: somebody waits. */
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
