/** What a mail's HTML holds, as far as checks ask. */
import { Parser } from "htmlparser2";

export interface Document {
  title: string;
  lang: string | null;
  /** Every `href` of a link, as written. */
  links: string[];
  images: { source: string; alt: string | null }[];
  /** Elements that mail programs remove or filters distrust, each once. */
  unwelcome: string[];
  /** What a reader sees; hidden elements such as the preheader left out. */
  text: string;
}

const UNWELCOME = new Set(["script", "form", "iframe", "object", "embed", "applet", "frame", "frameset"]);
/** Their text is not read. */
const UNSEEN = new Set(["head", "style", "script", "title", "template", "noscript"]);

/** Never fails: like a mail program, it takes any text for HTML. */
export function readDocument(html: string): Document {
  const document: Document = { title: "", lang: null, links: [], images: [], unwelcome: [], text: "" };
  const unwelcome = new Set<string>();
  let inTitle = false;
  /** How many open elements stand between here and the outermost hidden one, that one included. */
  let hidden = 0;
  const parser = new Parser({
    onopentag(name, attributes) {
      if (hidden > 0 || UNSEEN.has(name) || /display\s*:\s*none/i.test(attributes["style"] ?? "")) hidden++;
      if (name === "html") document.lang = attributes["lang"]?.trim() || null;
      if (name === "title") inTitle = true;
      if ((name === "a" || name === "area") && attributes["href"] !== undefined)
        document.links.push(attributes["href"]);
      if (name === "img") document.images.push({ source: attributes["src"] ?? "", alt: attributes["alt"] ?? null });
      if (UNWELCOME.has(name)) unwelcome.add(name);
    },
    ontext(text) {
      if (inTitle) document.title += text;
      if (hidden === 0) document.text += text;
    },
    onclosetag(name) {
      if (hidden > 0) hidden--;
      if (name === "title") inTitle = false;
      document.text += " ";
    },
  });
  parser.end(html);
  return { ...document, title: document.title.trim(), unwelcome: [...unwelcome] };
}
