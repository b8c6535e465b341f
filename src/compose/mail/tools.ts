/** Chooses the tools that a content needs, and loads their libraries only then. */
import { UserError } from "../../errors.ts";
import type { Content } from "../../message.ts";
import type { CompiledTemplate } from "./posted-template.ts";
import { type CompiledContent, compileContent, NO_TOOLS } from "./template.ts";
import type { Tools } from "./shape.ts";

/**
 * The most characters of posted HTML that are read for the text part. Gmail shows 102 KB of a mail, and nothing else
 * runs while the HTML is converted: this takes at most a second.
 */
const MOST_READ = 1024 * 1024;

/** The content, compiled with the tools it needs. Rejects with `UserError` as `compileContent` throws it. */
export async function prepareContent(content: Content): Promise<CompiledContent> {
  return compileContent(content, await toolsFor(content));
}

/** A content, compiled as a template for programs with the tools it needs. Rejects as `prepareContent` does. */
export async function prepareTemplate(content: Content): Promise<CompiledTemplate> {
  const { compileTemplate } = await import("./posted-template.ts");
  return compileTemplate(content, await toolsFor(content));
}

async function toolsFor(content: Content): Promise<Tools> {
  const derived = content.text === "" && (content.literal === true || content.format !== undefined);
  const markdown = content.format === "markdown";
  const styled = markdown || (content.format === "html" && /<style[\s>]/i.test(content.html));
  return {
    ...NO_TOOLS,
    ...(derived && (await textTools(content.literal === true))),
    ...(styled && { inlineStyles: guarded((await import("../css/inline-styles.ts")).inlineStyles) }),
    ...(markdown && { markdown: guarded((await import("./markdown.ts")).pageOf) }),
  };
}

async function textTools(literal: boolean): Promise<Pick<Tools, "textOf" | "writeLink">> {
  const [{ textOf }, { writeLink }] = await Promise.all([import("../text/html-to-text.ts"), import("../text/link.ts")]);
  const convert: NonNullable<Tools["textOf"]> = literal
    ? (html, link) => textOf(html.slice(0, MOST_READ), link)
    : textOf;
  return { textOf: convert, writeLink };
}

/** Turns the stack overflow of endless nesting into a `UserError`. */
function guarded<Arguments extends unknown[]>(work: (...given: Arguments) => string): (...given: Arguments) => string {
  return (...given) => {
    try {
      return work(...given);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UserError(
        "the content is nested too deeply to be made into a mail",
        "take out elements inside elements",
      );
    }
  };
}
