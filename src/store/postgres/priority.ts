/** The priority of messages whose content becomes another one, in SQL. */
import { PRIORITIES } from "../rules/priority.ts";

/** SQL for the priority of a message of this kind that has another one so far. Both are SQL expressions. */
export const prioritySql = (priority: string, kind: string): string => {
  const [toBulk, toTransactional] = [
    PRIORITIES.map(([bulk, transactional]) => `when ${transactional} then ${bulk}`),
    PRIORITIES.map(([bulk, transactional]) => `when ${bulk} then ${transactional}`),
  ];
  const from = (cases: readonly string[]) => `case ${priority} ${cases.join(" ")} else ${priority} end`;
  return `case ${kind} when 'transactional' then ${from(toTransactional)} else ${from(toBulk)} end`;
};
