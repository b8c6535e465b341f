/**
 * The elements that are open while HTML is read: the "stack of open elements" of HTML's tree construction. A place is
 * an index in it, from the outside; 0 is the body.
 */
export class OpenElements<Element extends { readonly name: string }> {
  /** From the body, which never closes, to the innermost. */
  readonly #all: Element[];
  /** The number of open elements by name, because most searches are for a name that is not open. */
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

  /**
   * The place of the innermost open element with that name; -1 when there is none, or only outside an element of
   * `bounds`.
   */
  find(name: string, bounds?: ReadonlySet<string>): number {
    return this.#counts.get(name) ? this.#search((open) => open === name, bounds) : -1;
  }

  /** Like `find`, for any of several names. */
  findAny(names: ReadonlySet<string>, bounds?: ReadonlySet<string>): number {
    return this.#search((open) => names.has(open), bounds);
  }

  /** Closes the element at `place` and everything in it; does nothing for -1. */
  close(place: number): void {
    if (place > 0) this.closeIn(place - 1);
  }

  /** Closes everything inside the element at `place`. */
  closeIn(place: number): void {
    while (this.#all.length > place + 1) this.pop();
  }

  /** Closes the innermost element. */
  pop(): void {
    if (this.#all.length > 1) this.#count(this.#all.pop()?.name ?? "", -1);
  }

  /** Closes the element at `place`; the elements inside it stay open. */
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
