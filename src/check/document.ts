/** Reads from a mail's HTML what the checks need. */
import { Parser } from "htmlparser2";

/** What the checks need to know about a mail's HTML. */
export interface MailDocument {
  /** Empty when there is none. */
  title: string;
  /** The language that `<html lang>` names. */
  lang: string | null;
  /** The `href` of every link, as written. */
  links: string[];
  images: { source: string; alt: string | null }[];
  /** Names of elements that mail programs remove or filters distrust, each once. */
  unwelcome: string[];
  /** The text a reader sees, without hidden elements such as the preheader. */
  text: string;
}

const UNWELCOME = new Set(["script", "form", "iframe", "object", "embed", "applet", "frame", "frameset"]);
/** Elements whose text no reader sees. */
const UNSEEN = new Set(["head", "style", "script", "title", "template", "noscript"]);

/** Reads any text as HTML, as a mail program does. Never throws. */
export function readDocument(html: string): MailDocument {
  const document: MailDocument = { title: "", lang: null, links: [], images: [], unwelcome: [], text: "" };
  const unwelcome = new Set<string>();
  let inTitle = false;
  /**
   * How many open elements there are from the outermost hidden one to here, both included; 0 outside of hidden ones.
   */
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
