/** Which changes of a message are told to whom. */
import type { State } from "../message.ts";
import type { Reporting } from "./rows.ts";

/**
 * The states that are not told by a broker. Over NATS only what became of a message is told. A message that goes back to one of
 * these has nothing to be told any more.
 */
export const UNTOLD: Readonly<Record<Reporting["via"], readonly State[]>> = { nats: ["pending", "sending"], redis: [] };

/** True when there is something to tell of a message that was just added in this state: that it waits is known already. */
export const isToldAtOnce = (via: Reporting["via"], state: State): boolean =>
  state !== "pending" && !UNTOLD[via].includes(state);
