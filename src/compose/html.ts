/**
 * From what the author wrote to what is sent: Markdown to HTML, `<style>` inlined, preheader, text alternative. The
 * libraries are loaded when they are needed; start-up of other commands does not pay for them.
 */
import type { Content } from "../message.ts";

export interface Written {
  subject: string;
  preheader: string | null;
  body: string;
  markdown: boolean;
}

/** Both are Liquid templates still. `text` is derived from the HTML: links kept, images left out. */
export async function composeHtml(written: Written): Promise<{ html: string; text: string }> {
  const liquid = new LiquidHider([written.body, written.subject, written.preheader ?? ""]);
  const body = liquid.hide(written.body);
  const document = written.markdown ? await fromMarkdown(body, liquid.hide(written.subject)) : body;
  const inlined = await inlineStyles(document);
  const html = written.preheader === null ? inlined : withPreheader(inlined, liquid.hide(written.preheader));
  return { html: unwrapTags(liquid.show(html)), text: liquid.show(await toText(inlined)) };
}

/** Gmail shows 102 KB of a mail, and a converter at work keeps everything else waiting: about a quarter of a second here. */
const MOST_READ = 256 * 1024;

/**
 * A literal content with the text alternative it came without: of as much of the HTML as readers may see. HTML beyond the converter
 * (nested without end) goes out beside an empty text.
 */
export async function withText(content: Content): Promise<Content> {
  if (!content.literal || content.text !== "") return content;
  try {
    return { ...content, text: await toText(content.html.slice(0, MOST_READ)) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ...content, text: "\n" };
  }
}

/** Liquid is hidden behind plain words while tools that know only HTML or Markdown work: no quote of it is escaped, no `|` makes a table. */
class LiquidHider {
  readonly #word: string;
  readonly #hidden: string[] = [];

  constructor(sources: string[]) {
    let word = "liquid";
    while (sources.some((source) => source.includes(word))) word += "x";
    this.#word = word;
  }

  hide(source: string): string {
    return source.replace(
      /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g,
      (found) => `${this.#word}${this.#hidden.push(found) - 1}z`,
    );
  }

  show(source: string): string {
    return source.replace(
      new RegExp(`${this.#word}(\\d+)z`, "g"),
      (word, index: string) => this.#hidden[Number(index)] ?? word,
    );
  }
}

async function fromMarkdown(markdown: string, subject: string): Promise<string> {
  const { marked } = await import("marked");
  return page(subject, marked.parse(markdown, { async: false, gfm: true }));
}

/** A tag that stood alone in Markdown became a paragraph; `{% if %}` must not leave empty ones behind. */
function unwrapTags(html: string): string {
  return html.replace(/<p(?: [^>]*)?>\s*((?:\{%[^%]*%\}\s*)+)<\/p>/g, "$1");
}

async function inlineStyles(html: string): Promise<string> {
  const styles = await import("./css/inline-styles.ts");
  return styles.inlineStyles(html);
}

/** What mail programs show beside the subject. The spaces keep the text of the mail from following it there. */
function withPreheader(html: string, preheader: string): string {
  const hidden = `<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">${escapeText(preheader)}${"&#847;&zwnj;&nbsp;".repeat(40)}</div>`;
  const body = /<body(?:\s[^>]*)?>/i.exec(html);
  if (!body) return hidden + html;
  const end = body.index + body[0].length;
  return html.slice(0, end) + hidden + html.slice(end);
}

async function toText(html: string): Promise<string> {
  const { convert } = await import("html-to-text");
  const heading = (tag: string) => ({ selector: tag, options: { uppercase: false } });
  const text = convert(html, {
    wordwrap: false,
    selectors: [
      { selector: "img", format: "skip" },
      { selector: "title", format: "skip" },
      { selector: "tr", format: "block", options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
      { selector: "a", options: { hideLinkHrefIfSameAsText: true, noAnchorUrl: true } },
      ...["h1", "h2", "h3", "h4", "h5", "h6"].map(heading),
    ],
  });
  return `${text.trim()}\n`;
}

function page(subject: string, body: string): string {
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(subject)}</title>
<style>
body { margin: 0; padding: 0; background: #ffffff; color: #1f2328; }
.mail { max-width: 600px; margin: 0 auto; padding: 24px 16px; font: 16px/1.6 -apple-system, "Segoe UI", Roboto, "Apple SD Gothic Neo", "Malgun Gothic", sans-serif; }
h1, h2, h3 { line-height: 1.3; }
a { color: #0969da; }
img { max-width: 100%; height: auto; }
blockquote { margin: 0; padding-left: 16px; border-left: 3px solid #d0d7de; color: #57606a; }
pre { padding: 12px; background: #f6f8fa; overflow: auto; }
table { border-collapse: collapse; }
th, td { padding: 6px 12px; border: 1px solid #d0d7de; text-align: left; }
</style>
</head>
<body>
<div class="mail">
${body}</div>
</body>
</html>
`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
