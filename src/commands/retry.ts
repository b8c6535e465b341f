import { EXIT, UserError } from "../errors.ts";
import type { State } from "../message.ts";
import { RETRIABLE } from "../store/rules/states.ts";
import { storedTopic } from "../store/topic-name.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

interface Flags {
  state: string;
  yes?: boolean;
}

export const addRetry: AddCommand = (program, act) => {
  program
    .command("retry")
    .description("put messages back to pending, and reopen a cancelled topic; the next send takes them")
    .argument("<topic>")
    .requiredOption("--state <list>", `states to take, of ${RETRIABLE.join(",")}`)
    .option("-y, --yes", "do not ask")
    .action(act<Flags>((context, flags, [topic]) => retry(context, topic ?? "", flags)));
};

async function retry(context: Context, name: string, flags: Flags): Promise<number> {
  const { terminal, globals, io } = context;
  const states = parseStates(flags.state);
  const store = await context.openStore({ mustExist: true });
  const topic = await storedTopic(store, name);
  const before = await store.totals(topic);
  const count = states.reduce((sum, state) => sum + before[state], 0);
  if (!flags.yes) {
    if (!io.stdin.isTTY || !io.stderr.isTTY) {
      throw new UserError("retry expects --yes when there is no terminal to ask on", "add --yes");
    }
    const doubt =
      states.includes("in_doubt") && before.in_doubt > 0
        ? ` ${before.in_doubt} of them are in doubt: they may get a second copy.`
        : "";
    if (!(await terminal.confirm(`Put ${count} messages of "${topic}" back to pending?${doubt}`))) {
      throw new UserError("not confirmed", "nothing was changed");
    }
  }
  const retried = await store.retry(topic, states);
  const totals = await store.totals(topic);
  if (globals.json) terminal.json({ topic, retried, totals });
  else terminal.result(`${topic}: ${retried} back to pending; send them with: ses-mail send --topic "${topic}"`);
  return EXIT.done;
}

function parseStates(text: string): State[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(RETRIABLE as readonly string[]).includes(name));
  if (unknown === undefined) return [...new Set(names)] as State[];
  throw new UserError(
    `--state expects one or more of ${RETRIABLE.join(",")}, got ${JSON.stringify(unknown)}`,
    unknown === "sent" ? "what was sent is never sent again" : "separate several with commas",
  );
}
