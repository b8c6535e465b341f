/** The next command, as it is suggested to the user: ready to be pasted, for the store that was used. */
import { relative } from "node:path";
import type { Context } from "./context.ts";
import { usualLocation } from "./location.ts";
import { shellWord, topicCommand } from "../shell.ts";
import { isServer, pasteable } from "../store/address.ts";

type Where = Pick<Context, "io" | "globals">;

/** `ses-mail <command> <topic> <options>`, with `--db` when the store is not the one that is used without it. */
export function aboutTopic(where: Where, command: string, topic: string, options = ""): string {
  return topicCommand(command, topic, words(options, dbOption(where)));
}

/** `ses-mail <command> <options>`, likewise, for a command that names no topic. */
export function aboutAll(where: Where, command: string, options = ""): string {
  return `ses-mail ${words(command, options, dbOption(where))}`;
}

/** The command that sends what is due of the topic. `endpoint` null: nothing of it was sent yet. */
export function sendTopic(where: Where, topic: string, endpoint: "ses" | "sandbox" | null): string {
  return aboutAll(where, "send", words(topicOption(topic), endpoint === "sandbox" ? "--sandbox" : ""));
}

/** The command that moves what is pending of the topic to another time, `at`. */
export function moveTopic(where: Where, topic: string, at: string): string {
  return aboutAll(where, "schedule", words(topicOption(topic), `--at ${at}`));
}

/** With "=" for a name that looks like an option. */
function topicOption(topic: string): string {
  return topic.startsWith("-") ? `--topic=${shellWord(topic)}` : `--topic ${shellWord(topic)}`;
}

function dbOption({ io, globals }: Where): string {
  if (globals.db === usualLocation(io)) return "";
  // Never with the password: the next command gets it where this one could have got it, too.
  if (isServer(globals.db)) return `--db ${shellWord(pasteable(globals.db))}`;
  const near = relative(io.cwd, globals.db);
  return `--db ${shellWord(near.startsWith("..") ? globals.db : near)}`;
}

function words(...parts: string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}
