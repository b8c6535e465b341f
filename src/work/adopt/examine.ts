/** Makes messages of ours of the rows of another program, or says why that cannot be done. */
import { splitMailbox } from "../../compose/address/mailbox.ts";
import { checkSize, checkTopic } from "../../compose/content/content.ts";
import { UserError } from "../../errors.ts";
import { unwrapAnywhere } from "../../feedback/envelopes/envelopes.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import { NO_EXTRAS } from "../../intake/extras.ts";
import { literalContent, type Surrounding } from "../../intake/posted-content.ts";
import type { Content } from "../../message.ts";
import type { Foreign, ForeignContent, ForeignProgram, ForeignRow, ForeignState } from "../../store/foreign.ts";
import { hashed } from "./names.ts";
import type { AcceptMessage, Past } from "../../store/rows.ts";
import { instantOf } from "./time.ts";

/** A row as a message of ours, or what is wrong with it. */
export type Examined = { message: AcceptMessage } | { problem: string };

/** About how many characters a content takes in memory beside its texts. */
const BESIDE_TEXT = 1_000;

/** 5 is medium: the other programs have no priorities. */
const PRIORITY = 5;

/** Turns rows into messages. */
export class Examiner {
  readonly #foreign: Pick<Foreign, "program" | "content">;
  readonly #around: Surrounding;
  readonly #now: number;
  /** By id, until `forget`: the content, or what is wrong with it. */
  #contents = new Map<string, Content | { problem: string }>();
  #characters = 0;

  /** `now` is the time for what was sent at a time that cannot be read (ms since the epoch). */
  constructor(foreign: Pick<Foreign, "program" | "content">, around: Surrounding, now: number) {
    this.#foreign = foreign;
    this.#around = around;
    this.#now = now;
  }

  /** About how many characters the contents take that are kept, also those with something wrong. */
  get characters(): number {
    return this.#characters;
  }

  /** Lets the contents go that were read so far. */
  forget(): void {
    this.#contents = new Map();
    this.#characters = 0;
  }

  /** `uuid` is the name that the message gets, `topic` that of its topic; null: it has none. */
  async examine(
    row: ForeignRow,
    state: ForeignState,
    { uuid, topic }: { uuid: string; topic: string | null },
  ): Promise<Examined> {
    const fate = fateOf(row, state, this.#foreign.program, this.#now);
    if ("problem" in fate) return fate;
    const to = splitMailbox(row.email);
    if ("problem" in to) return { problem: to.problem };
    const content = await this.#content(row.contentId);
    if ("problem" in content) return content;
    return {
      message: {
        topic,
        content,
        emails: [to.address],
        priority: PRIORITY,
        notBefore: fate.notBefore,
        uuid,
        expiresAt: null,
        expiresIn: null,
        via: "adopt",
        ...(fate.past !== null && { past: fate.past }),
      },
    };
  }

  async #content(id: string): Promise<Content | { problem: string }> {
    const known = this.#contents.get(id);
    if (known !== undefined) return known;
    const found = await this.#foreign.content(id);
    const content = found === null ? { problem: "its content is missing" } : contentOf(found, this.#around);
    this.#contents.set(id, content);
    this.#characters += BESIDE_TEXT + (found?.subject?.length ?? 0) + (found?.html?.length ?? 0);
    return content;
  }
}

/** What a row is here: when it is due, and what became of it; `past` null: it is still to be sent. */
type Fate = { notBefore: number; past: Past | null } | { problem: string };

function fateOf(row: ForeignRow, state: ForeignState, program: ForeignProgram, now: number): Fate {
  const over = (past: Past): Fate => ({ notBefore: 0, past });
  switch (state) {
    case "created":
      return dueOf(row);
    case "sent":
      return over(sentOf(row, now));
    case "processing":
      return over(
        proofIn(row.proof) === null
          ? { state: "in_doubt", error: `${program} had taken it to send it, and did not write what became of it` }
          : sentOf(row, now),
      );
    case "failed":
      return over({ state: "failed", error: errorOf(row) ?? `it failed in ${program}, which kept no reason` });
    case "stopped":
      return over({ state: "cancelled" });
    default:
      return { problem: "its status is none of 0 to 4" };
  }
}

/** Without a scheduled time it was due when it was made, so that --max-late can keep what is old. */
function dueOf({ scheduledAt, createdAt }: ForeignRow): Fate {
  const at = instantOf(scheduledAt);
  // A guess would send it at a time that nobody chose.
  if (at === "unreadable") return { problem: `its time cannot be read: ${JSON.stringify(scheduledAt)}` };
  const made = instantOf(createdAt);
  return { notBefore: at ?? (made === "unreadable" ? 0 : (made ?? 0)), past: null };
}

function sentOf(row: ForeignRow, now: number): Past {
  const proof = row.sesMessageId === null || row.proof !== null ? proofIn(row.proof) : null;
  const at = [proof?.mailedAt ?? null, instantOf(row.updatedAt), instantOf(row.createdAt)].find(
    (each) => typeof each === "number",
  );
  const sesMessageId = row.sesMessageId ?? proof?.sesMessageId ?? null;
  return { state: "sent", sesMessageId, sentAt: typeof at === "number" ? at : now };
}

/** The event of SES in a report; null: there is none. */
function proofIn(raw: string | null): SesEvent | null {
  if (raw === null) return null;
  const [found] = unwrapAnywhere(raw).flatMap((item) => ("event" in item ? [item.event] : []));
  return found ?? null;
}

function errorOf({ error }: ForeignRow): string | null {
  const text = error?.replaceAll("\0", "").trim() ?? "";
  return text === "" ? null : text;
}

function contentOf({ subject, html }: ForeignContent, around: Surrounding): Content | { problem: string } {
  if (subject === null) return { problem: "its subject is no text" };
  if (html === null) return { problem: "its content is no text" };
  const text = subject.trim();
  if (text === "") return { problem: "its subject is empty" };
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) return { problem: "its subject has line breaks or control characters" };
  if (html.trim() === "") return { problem: "its content is empty" };
  if (html.includes("\0")) return { problem: "its content has a NUL character" };
  const content = literalContent({ subject: text, html, extras: NO_EXTRAS }, around);
  try {
    checkSize(content);
    return content;
  } catch (error) {
    if (error instanceof UserError) return { problem: error.message };
    throw error;
  }
}

/**
 * The name of a topic here. One that topics of ours cannot have is changed, and gets the beginning of its hash, so that no two become one.
 * Null: the row has no topic.
 */
export function topicOf(name: string): string | null {
  if (name.trim() === "") return null;
  try {
    return checkTopic(name);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  const clean = name.normalize("NFC").replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\//gu, "-");
  const short = Array.from(clean).slice(0, 80).join("").trim();
  return checkTopic(`${short} (${hashed(name, 8)})`);
}
