/** Markdown (GitHub's, by `marked`) as a page that reads well on every screen. */
import { marked } from "marked";

/** `title` is HTML. */
export function pageOf(markdown: string, title: string): string {
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
