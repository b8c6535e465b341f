/** Which column of a list a variable of a template means. */
import { UserError } from "../../errors.ts";
import type { Scope, Variable } from "../liquid/part.ts";
import { meantByName } from "../liquid/mistakes.ts";
import { findName } from "../list/name.ts";
import { nearest } from "../../nearest.ts";
import { isUnsubscribeUrl } from "./unsubscribe-variable.ts";

/** What stands in for the columns of a recipient. `unsubscribeUrl`: null unless the message has a link of its own for it. */
export interface Recipient {
  to: string;
  values: Record<string, string>;
  unsubscribeUrl: string | null;
}

/** Stands for the address while rows are checked, where it decides nothing. */
export const SOME_ADDRESS = "recipient@example.com";

/** The address, which is a variable also when no column is called so. */
export function addressFor(name: string): string | undefined {
  return name.toLowerCase() === "email" ? SOME_ADDRESS : undefined;
}

/** The column a variable means, or -1. Those of old job files may stand there in either Unicode form. */
export function columnOf(name: string, columns: string[]): number {
  const exact = columns.indexOf(name);
  return exact >= 0
    ? exact
    : findName(
        name,
        columns.map((column) => column.normalize("NFC")),
      );
}

/** Throws `UserError` when the list has no such column and the template gives no default. */
export function refuseUnknown({ name, path, optional }: Variable, columns: string[], allowEmpty: boolean): void {
  const known = columnOf(name, columns) >= 0 || addressFor(name) !== undefined;
  if (path === null && (known || optional || allowEmpty)) return;
  const unknown = path ?? name;
  const meant = columns.includes(unknown)
    ? `["${unknown}"]`
    : nearest(
        unknown,
        columns.filter((column) => column !== name),
      );
  const suggestion = isUnsubscribeUrl(name)
    ? "--unsubscribe with --base-url makes it; "
    : meant === null
      ? ""
      : `did you mean {{ ${meant} }}? `;
  throw new UserError(
    `the content uses {{ ${unknown} }}, and there is no such column`,
    meantByName(unknown) ??
      `${suggestion}the columns are ${shownColumns(columns)}; or write {{ ${name} | default: "…" }}, or "${name}" in quotes for a text`,
  );
}

/** One line holds so many. */
const SHOWN_COLUMNS = 30;

function shownColumns(columns: string[]): string {
  const more = columns.length - SHOWN_COLUMNS;
  return `${columns.slice(0, SHOWN_COLUMNS).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Own properties of an object without a prototype: `{{ constructor }}` is just a column that is not there. */
export function scopeOf(entries: (readonly [string, string | undefined])[]): Scope {
  const scope = Object.create(null) as Scope;
  for (const [name, value] of entries) scope[name] = value?.trim() === "" ? "" : value;
  return scope;
}

/** Recipients of one list have the same columns: where a variable was found the last time is looked at first. */
export function lookUpFor(variables: Variable[]): (recipient: Recipient) => Scope {
  const found = new Map<string, string>();
  const valueOf = (name: string, values: Record<string, string>): string | undefined => {
    if (Object.hasOwn(values, name)) return values[name];
    const known = found.get(name);
    if (known !== undefined && Object.hasOwn(values, known)) return values[known];
    const columns = Object.keys(values);
    const column = columns[columnOf(name, columns)];
    if (column === undefined) return undefined;
    found.set(name, column);
    return values[column];
  };
  return ({ to, values, unsubscribeUrl }) =>
    scopeOf(
      variables.map(({ name }) => {
        if (unsubscribeUrl !== null && isUnsubscribeUrl(name)) return [name, unsubscribeUrl];
        return [name, valueOf(name, values) ?? (addressFor(name) === undefined ? undefined : to)];
      }),
    );
}
