/** The examples of a page of documentation: for the shell, for JavaScript, and the answer that both get. */
import type { Json } from "./run.ts";

/** A fenced block, with the comment `<!-- mark -->` on the line before it. */
interface Block {
  mark: string | null;
  language: string;
  text: string;
}

export interface Example {
  /** The heading it stands below. */
  title: string;
  sh: string;
  /** Null: only for a shell, and its output is not shown. */
  js: string | null;
  status: number;
  answer: Json;
}

export interface Handbook {
  /** The commands that start the gateway of the page. */
  gateway: string;
  /** The lines that each JavaScript example begins with. */
  preamble: string;
  examples: Example[];
}

/** Reads a page. Throws when a block stands where no example expects it, so that none is left out. */
export function readHandbook(page: string): Handbook {
  const found: Handbook = { gateway: "", preamble: "", examples: [] };
  for (const section of page.split(/^(?=## )/m)) {
    const title = /^## (.*)/.exec(section)?.[1] ?? "";
    const blocks = blocksOf(section);
    for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) {
      if (block.mark === "gateway") found.gateway = block.text;
      else if (block.mark === "preamble") found.preamble = block.text;
      else found.examples.push(exampleOf(title, block, blocks));
    }
  }
  return found;
}

/** Takes what belongs to `first` from the blocks after it. */
function exampleOf(title: string, { mark, language, text }: Block, after: Block[]): Example {
  if (language !== "sh") throw new Error(`"${title}": expected an example to begin in the shell, got:\n${text}`);
  if (mark === "not compared") return { title, sh: text, js: null, status: 200, answer: null };
  const [js, answer] = after.splice(0, 2);
  if (js?.language !== "js" || answer === undefined) throw new Error(`"${title}": not in both languages:\n${text}`);
  const [, status = "200", json = ""] = /^(?:HTTP\/1\.1 (\d+)[^\n]*\n\n)?([\s\S]*)$/.exec(answer.text) ?? [];
  return { title, sh: text, js: js.text, status: Number(status), answer: JSON.parse(json) };
}

function blocksOf(section: string): Block[] {
  return [...section.matchAll(/^(?:<!-- ([a-z ]+) -->\n)?```(\w+)\n([\s\S]*?)^```$/gm)].map(
    ([, mark = null, language = "", text = ""]) => ({ mark, language, text }),
  );
}

const INSTANT = /^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$/;
/** What differs from run to run, and what it looks like as JSON. */
const DIFFERS: Record<string, RegExp> = {
  duration_ms: /^\d+$/,
  elapsed: /^"[\d.]+[µmns]+"$/,
  ses_message_id: /^"[\w-]+"$/,
  created_at: INSTANT,
  sent_at: INSTANT,
  delivered_at: INSTANT,
  expires_at: INSTANT,
  paused_at: INSTANT,
  paused_until: INSTANT,
  since: INSTANT,
};

/**
 * In what an answer is not what the page shows, one line for each place; `…` in a text stands for anything, and ids, times and
 * durations only have to look like some.
 */
export function differences(shown: Json, got: Json, path = ""): string[] {
  if (typeof shown === "object" && shown !== null && typeof got === "object" && got !== null) {
    const keys = [...new Set([...Object.keys(shown), ...Object.keys(got)])];
    return keys.flatMap((key) => differences(shown[key], got[key], `${path}/${key}`));
  }
  const text = JSON.stringify(got) ?? "nothing";
  const key = path.slice(path.lastIndexOf("/") + 1);
  const pattern = shown === null ? undefined : DIFFERS[key];
  const isSame = pattern?.test(text) ?? patternOf(JSON.stringify(shown) ?? "nothing").test(text);
  return isSame ? [] : [`${path} is shown as ${JSON.stringify(shown)} and was ${text}`];
}

function patternOf(shown: string): RegExp {
  const pieces = shown.split("…").map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${pieces.join("[^]*")}$`);
}
