/** The `forget` command at work: removes all that is kept of a person. */
import { parseAddress } from "../compose/address/address.ts";
import { aboutTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { count, counted } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Forgetting } from "../store/rows.ts";
import { needsAnswer } from "./answered.ts";

/**
 * `forget`: asks first unless `yes`. Throws `UserError`, and changes nothing, when it is no address, the answer is no, there is no
 * terminal to ask on, or mail to the address waits or is under way.
 */
export async function forget(context: Context, text: string, { yes }: { yes?: boolean }): Promise<number> {
  const { io, terminal, globals } = context;
  const parsed = parseAddress(text);
  if (!("address" in parsed))
    throw new UserError(
      `expected an e-mail address, got ${JSON.stringify(text)}: ${parsed.problem}`,
      "nothing was changed",
    );
  const { address } = parsed;
  const store = await context.openStore({ ifMissing: "refuse" });
  if (!yes) await needsAnswer(context, "forget", `Forget ${address}? What is removed cannot be brought back.`);
  const result = await store.forget(address, io.signal);
  if (result.kind === "waiting") throw waiting(context, address, result.topics);
  const { messages, events, suppressions } = result;
  if (globals.json) terminal.json({ address, forgotten: { messages, events, suppressions } });
  else {
    const what = [counted(messages, "message"), counted(events, "event"), counted(suppressions, "suppression")];
    terminal.done(`${address} is forgotten: ${what.join(", ")} removed`);
    terminal.info("A hash stays, so that nobody writes to this address again; ses-mail suppress remove lifts that.");
    terminal.info(
      "Not touched: your lists, .rejects files, exports, logs and backups. They may still name this address.",
    );
  }
  return EXIT.done;
}

type Waiting = Extract<Forgetting, { kind: "waiting" }>["topics"];

/** How many topics are named at most. */
const NAMED = 5;

function waiting(context: Context, address: string, topics: Waiting): UserError {
  const [first] = topics;
  const named = topics.slice(0, NAMED).map(({ topic, pending, sending }) => {
    const parts = [pending > 0 ? `${count(pending)} pending` : "", sending > 0 ? `${count(sending)} sending` : ""];
    return `"${topic}" (${parts.filter((part) => part !== "").join(", ")})`;
  });
  const more = topics.length > NAMED ? ` and ${topics.length - NAMED} more` : "";
  return new UserError(
    `mail to ${address} is pending or sending in ${topics.length === 1 ? "topic" : "topics"} ${named.join(", ")}${more}; nothing was changed`,
    `wait until it is sent, or cancel it with: ${aboutTopic(context, "cancel", first?.topic ?? "")}`,
  );
}
