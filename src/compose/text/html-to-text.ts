import { convert } from "html-to-text";
export function writeLink(text: string, address: string): string {
  return text === address ? text : text === "" ? address : `${text} [${address}]`;
}
export function textOf(html: string, link: (text: string, address: string) => string = writeLink): string {
  const heading = (tag: string) => ({ selector: tag, options: { uppercase: false } });
  const text = convert(html, {
    wordwrap: false,
    formatters: {
      link(elem: any, walk: any, builder: any) {
        let text = "";
        builder.pushWordTransform((str: string) => ((text += str), ""));
        walk(elem.children, builder);
        builder.popWordTransform();
        builder.addInline(link(text, elem.attribs.href ?? ""), { noWordTransform: true });
      },
    },
    selectors: [
      { selector: "img", format: "skip" },
      { selector: "title", format: "skip" },
      { selector: "tr", format: "block", options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
      { selector: "a", format: "link" },
      ...["h1", "h2", "h3", "h4", "h5", "h6"].map(heading),
    ],
  });
  return `${text.trim()}\n`;
}
