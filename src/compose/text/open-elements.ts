/** The elements that are open while HTML is read: the "stack of open elements" of HTML's tree construction. */
export class OpenElements<Element extends { readonly name: string }> {
  /** The innermost last; the first is the body and never closes. */
  readonly #all: Element[];
  /** How many are open, by name: most searches are for what is not there. */
  readonly #counts = new Map<string, number>();

  constructor(body: Element) {
    this.#all = [body];
  }

  get innermost(): Element {
    return this.#all.at(-1) as Element;
  }

  at(place: number): Element | undefined {
    return this.#all[place];
  }

  push(element: Element): void {
    this.#all.push(element);
    this.#count(element.name, 1);
  }

  /** The place of the innermost open element of that name; -1 when there is none this side of `bounds`. */
  find(name: string, bounds?: ReadonlySet<string>): number {
    return this.#counts.get(name) ? this.#search((open) => open === name, bounds) : -1;
  }

  /** The same for any of several names. */
  findAny(names: ReadonlySet<string>, bounds?: ReadonlySet<string>): number {
    return this.#search((open) => names.has(open), bounds);
  }

  /** Closes the element there and everything in it; nothing for -1. */
  close(place: number): void {
    if (place > 0) this.closeIn(place - 1);
  }

  /** Closes what is open in the element there. */
  closeIn(place: number): void {
    while (this.#all.length > place + 1) this.pop();
  }

  /** Closes the innermost. */
  pop(): void {
    if (this.#all.length > 1) this.#count(this.#all.pop()?.name ?? "", -1);
  }

  /** Closes the element there, while what is in it stays open. */
  take(place: number): void {
    for (const element of this.#all.splice(place, 1)) this.#count(element.name, -1);
  }

  #search(wanted: (name: string) => boolean, bounds: ReadonlySet<string> | undefined): number {
    for (let place = this.#all.length - 1; place > 0; place--) {
      const name = this.#all[place]?.name ?? "";
      if (wanted(name)) return place;
      if (bounds?.has(name)) return -1;
    }
    return -1;
  }

  #count(name: string, change: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + change);
  }
}
