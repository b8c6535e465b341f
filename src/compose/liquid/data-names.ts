/** Names the data that templates read, with their paths, as a program has to send them. */
import { AssignTag, Drop, ForTag, Output, type Template, type Token, TypeGuards, Value } from "liquidjs";
import { childrenOf } from "./walk.ts";

/** A name in the data of a template. */
export interface TemplateVariable {
  /** `order.total`; `order.items[].name` for a name in every item of a list. */
  name: string;
  /** False: wherever it stands there is a `default` for it. */
  required: boolean;
  /** True: the template takes it for a list. */
  list: boolean;
}

/** Filters that pick items of a list, or put them in another order. */
const PICKING = new Set(
  "where where_exp reject reject_exp sort sort_natural reverse uniq compact slice concat".split(" "),
);
/** Filters that take one item of a list. */
const TAKING = new Set("first last find find_exp sample".split(" "));
/** Filters whose first value is the name of a field of the items. */
const BY_FIELD = new Set("map where reject sort sort_natural sum find find_index has group_by".split(" "));

/** What the names of a template mean: the path that a local name stands for; null: it was made by the template. */
type Meaning = ReadonlyMap<string, string | null>;

/** The names that these templates read, sorted, each once. */
export function dataNames(parts: Template[][]): TemplateVariable[] {
  const names = new Names();
  for (const templates of parts) names.readPart(templates);
  return names.sorted();
}

class Names {
  readonly #found = new Map<string, TemplateVariable>();
  readonly #assigned = new Map<string, string | null>();

  /** All names, without `order` where there is `order.total`. */
  sorted(): TemplateVariable[] {
    const names = [...this.#found.keys()];
    const told = [...this.#found.values()].filter(
      ({ name, list }) => list || !names.some((other) => other.startsWith(`${name}.`)),
    );
    return told.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  readPart(templates: Template[]): void {
    this.#assigned.clear();
    this.#read(templates, new Map());
  }

  #read(templates: Template[], meaning: Meaning): void {
    for (const template of templates) {
      const isOptional = template instanceof Output && template.value.filters.some(({ name }) => name === "default");
      let last: string | null = null;
      for (const argument of template.arguments?.() ?? []) last = this.#argument(argument, meaning, !isOptional);
      const locals = [...(template.localScope?.() ?? [])].map(({ content }) => content);
      for (const local of locals) this.#assigned.set(local, template instanceof AssignTag ? last : null);
      this.#read(childrenOf(template), template instanceof ForTag ? this.#loop(template, meaning) : meaning);
    }
  }

  #loop(loop: ForTag, meaning: Meaning): Meaning {
    const list = TypeGuards.isPropertyAccessToken(loop.collection) ? this.#pathOf(loop.collection, meaning) : null;
    if (list !== null) this.#note(list, true, true);
    return new Map([...meaning, ["forloop", null], [loop.variable, list === null ? null : `${list}[]`]]);
  }

  /** Notes what an argument of a tag reads. Returns the path of what it gives on; null when that is made here. */
  #argument(argument: unknown, meaning: Meaning, isRequired: boolean): string | null {
    if (!(argument instanceof Value)) return this.#token(argument, meaning, isRequired);
    const { postfix } = argument.initial;
    let path: string | null = null;
    for (const token of postfix) path = this.#token(token, meaning, isRequired);
    if (postfix.length !== 1) path = null;
    for (const { name, args } of argument.filters) {
      const [field] = args;
      for (const arg of args.flat()) this.#token(arg, meaning, isRequired);
      if (path !== null && BY_FIELD.has(name) && TypeGuards.isQuotedToken(field)) {
        this.#note(path, isRequired, true);
        this.#note(`${path}[].${field.content}`, isRequired, false);
      }
      if (TAKING.has(name) && path !== null) path = `${path}[]`;
      else if (!PICKING.has(name) && name !== "default") path = null;
    }
    return path;
  }

  #token(token: unknown, meaning: Meaning, isRequired: boolean): string | null {
    if (TypeGuards.isRangeToken(token)) {
      this.#token(token.lhs, meaning, isRequired);
      this.#token(token.rhs, meaning, isRequired);
    }
    if (!TypeGuards.isPropertyAccessToken(token)) return null;
    for (const prop of token.props) if (TypeGuards.isPropertyAccessToken(prop)) this.#token(prop, meaning, isRequired);
    const path = this.#pathOf(token, meaning);
    if (path !== null) this.#note(path, isRequired, false);
    return path;
  }

  /** The path of a variable in the data; up to the first name that is calculated. Null: it is not of the data. */
  #pathOf(token: Token, meaning: Meaning): string | null {
    if (!TypeGuards.isPropertyAccessToken(token)) return null;
    const [root, ...rest] = token.props;
    if (root === undefined || !("content" in root)) return null;
    const name = String(root.content);
    let path = meaning.has(name) ? meaning.get(name) : this.#assigned.has(name) ? this.#assigned.get(name) : name;
    if (path === undefined || path === null) return null;
    for (const step of rest) {
      const key = "content" in step && !(step.content instanceof Drop) ? (step.content as string | number) : null;
      if (key === null || key === "size") return path;
      if (typeof key === "number" || key === "first" || key === "last") {
        this.#note(path, true, true);
        path += "[]";
      } else path += `.${key}`;
    }
    return path;
  }

  #note(name: string, isRequired: boolean, isList: boolean): void {
    if (name.endsWith("[]")) return this.#note(name.slice(0, -2), isRequired, true);
    const known = this.#found.get(name);
    this.#found.set(name, {
      name,
      required: isRequired || (known?.required ?? false),
      list: isList || (known?.list ?? false),
    });
  }
}
