/** SQL that both databases understand, for decisions of `rules/`. What goes into it are SQL expressions. */
import { PRIORITIES } from "./rules/priority.ts";
import { UNTOLD } from "./reporting.ts";

/** SQL for the priority of a message of this kind that has another one so far. Both are SQL expressions. */
export const prioritySql = (priority: string, kind: string): string => {
  const [toBulk, toTransactional] = [
    PRIORITIES.map(([bulk, transactional]) => `when ${transactional} then ${bulk}`),
    PRIORITIES.map(([bulk, transactional]) => `when ${bulk} then ${transactional}`),
  ];
  const from = (cases: readonly string[]) => `case ${priority} ${cases.join(" ")} else ${priority} end`;
  return `case ${kind} when 'transactional' then ${from(toTransactional)} else ${from(toBulk)} end`;
};

/**
 * SQL for when a message expires: `expiresIn` after it is due, which is `notBefore` when that is above 0, and else `now`. Null when
 * `expiresIn` is. All are SQL expressions of whole milliseconds.
 */
export const expiresAtSql = (notBefore: string, expiresIn: string, now: string): string =>
  `case when ${notBefore} > 0 then ${notBefore} else ${now} end + ${expiresIn}`;

/** SQL that is true when a message that comes into `state` is to be told by `via`. Both are SQL expressions. */
export const isToldSql = (via: string, state: string): string => {
  const untold = Object.entries(UNTOLD).filter(([, states]) => states.length > 0);
  const isUntold = untold.map(
    ([name, states]) => `${via} = '${name}' and ${state} in (${states.map((each) => `'${each}'`).join(", ")})`,
  );
  return `not (${isUntold.join(" or ")})`;
};

/** In the order of bytes no text is behind those that begin with a prefix and before the prefix with this. */
export const LAST_CHARACTER = "\u{10ffff}";
