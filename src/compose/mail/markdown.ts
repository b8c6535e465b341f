/** Makes a page of Markdown (GitHub's, by `marked`) that reads well on every screen. */
import { marked } from "marked";
import { UserError } from "../../errors.ts";

/**
 * Lists and quotations that are nested a hundred deep or indented by 400. Nobody can read them, and `marked` takes
 * minutes for them.
 */
const TOO_DEEP = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){100}|^[ \t]{400}[ \t]*(?:[-*+>]|\d{1,9}[.)])/m;

/**
 * A whole HTML page with its styles in `<style>`; `title` is HTML. Throws `UserError` for Markdown that is nested too
 * deeply.
 */
export function pageOf(markdown: string, title: string): string {
  const deep = TOO_DEEP.exec(markdown);
  if (deep) {
    const line = markdown.slice(0, deep.index).split("\n").length;
    throw new UserError(
      `Markdown, line ${line} of the body: lists and quotations are nested too deeply to be made into a mail`,
      "take out some levels",
    );
  }
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
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
${marked.parse(markdown, { async: false, gfm: true })}</div>
</body>
</html>
`;
}
