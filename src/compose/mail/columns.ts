/** Finds the column of a list that a variable of a template means. */
import { UserError } from "../../errors.ts";
import { type Datum, nameless, type Values } from "../../message.ts";
import type { Scope } from "../liquid/outputs.ts";
import type { Variable } from "../liquid/part.ts";
import { meantByName } from "../liquid/mistakes.ts";
import { findName } from "../list/name.ts";
import { nearest } from "../../nearest.ts";
import { bare, type Copy } from "../liquid/origins.ts";
import { isUnsubscribeUrl } from "./unsubscribe-variable.ts";

/** The values of one recipient, by column or by the names of posted data. `unsubscribeUrl` is the link of the message itself, or null. */
export interface Recipient {
  to: string;
  values: Values;
  unsubscribeUrl: string | null;
}

/** The address that is used while rows are checked, because any address would do there. */
export const SOME_ADDRESS = "recipient@example.com";

/** `SOME_ADDRESS` for the variable `email`, which always exists; undefined for other names. */
export function addressFor(name: string): string | undefined {
  return name.toLowerCase() === "email" ? SOME_ADDRESS : undefined;
}

/**
 * The index of the column that a variable means: an exact match, else one that differs only in upper and lower case,
 * else -1. The columns of old job files may have any Unicode form.
 */
export function columnOf(name: string, columns: string[]): number {
  const exact = columns.indexOf(name);
  return exact >= 0
    ? exact
    : findName(
        name,
        columns.map((column) => column.normalize("NFC")),
      );
}

/**
 * Throws `UserError` when the list has no column for a variable and the template gives no default (unless
 * `allowEmpty`), and for a path into a value.
 */
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

/** An error line names at most this many columns. */
const SHOWN_COLUMNS = 30;

function shownColumns(columns: string[]): string {
  const more = columns.length - SHOWN_COLUMNS;
  return `${columns.slice(0, SHOWN_COLUMNS).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * The values of variables for rendering, each as `valueOf` gives it; blank ones become "", also inside of lists and objects. Neither the
 * result nor an object in it inherits a name, so `{{ constructor }}` is just an unknown column.
 */
export function scopeOf<Named extends Pick<Variable, "name">>(
  variables: readonly Named[],
  valueOf: (variable: Named) => Datum | undefined,
  copy: Copy = bare,
): Scope {
  const scope: Scope = nameless();
  for (const variable of variables) {
    const value = valueOf(variable);
    scope[variable.name] = typeof value === "string" ? (value.trim() === "" ? "" : value) : copy(value, variable.name);
  }
  return scope;
}

/**
 * Returns a function that finds the values of `variables` for a recipient. It remembers the column of each variable,
 * because the recipients of a list have the same columns.
 */
export function lookUpFor(variables: Pick<Variable, "name">[]): (recipient: Recipient, copy?: Copy) => Scope {
  const found = new Map<string, string>();
  const valueOf = (name: string, values: Values): Datum | undefined => {
    if (Object.hasOwn(values, name)) return values[name];
    const known = found.get(name);
    if (known !== undefined && Object.hasOwn(values, known)) return values[known];
    const columns = Object.keys(values);
    const column = columns[columnOf(name, columns)];
    if (column === undefined) return undefined;
    found.set(name, column);
    return values[column];
  };
  return ({ to, values, unsubscribeUrl }, copy) =>
    scopeOf(
      variables,
      ({ name }) => {
        if (unsubscribeUrl !== null && isUnsubscribeUrl(name)) return unsubscribeUrl;
        const value = valueOf(name, values);
        return value === undefined && addressFor(name) !== undefined ? to : value;
      },
      copy,
    );
}
