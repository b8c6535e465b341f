/** HTML without its styles, found with another tokenizer than the inliner uses. */
import { QuoteType, Tokenizer } from "htmlparser2";

export interface OutsideStyles {
  /** Every byte that is neither in a style attribute nor in a style element. */
  rest: string;
  /** The style attribute of each start tag but those of style elements, in the order of the tags, as written, without its quotes. */
  attributes: (string | null)[];
}

export function outsideStyles(html: string): OutsideStyles {
  let rest = "";
  let done = 0;
  const attributes: (string | null)[] = [];
  const ignore = () => undefined;
  const state = { name: "", nameStart: 0, tag: "", value: "", sheet: -1 };
  const leaveOut = (start: number, end: number) => {
    rest += html.slice(done, start);
    done = end;
  };
  const tokenizer = new Tokenizer(
    { decodeEntities: false, xmlMode: false },
    {
      onopentagname(start, end) {
        state.tag = html.slice(start, end).toLowerCase();
        if (state.tag === "style") state.sheet = start - 1;
        else attributes.push(null);
      },
      onattribname(start, end) {
        Object.assign(state, { name: html.slice(start, end).toLowerCase(), nameStart: start, value: "" });
      },
      onattribdata(start, end) {
        state.value += html.slice(start, end);
      },
      onattribend(quote, end) {
        if (state.name !== "style" || state.tag === "style" || attributes.at(-1) !== null) return;
        attributes[attributes.length - 1] = state.value;
        let start = state.nameStart;
        while (start > 0 && /\s/.test(html.charAt(start - 1))) start--;
        // Of one without a value the tokenizer tells the end of its name; of one in quotes that of what is in them.
        const isQuoted = quote === QuoteType.Single || quote === QuoteType.Double;
        leaveOut(start, end + (isQuoted && /["']/.test(html.charAt(end)) ? 1 : 0));
      },
      onclosetag(start, end) {
        if (html.slice(start, end).toLowerCase() !== "style" || state.sheet < 0) return;
        leaveOut(state.sheet, html.indexOf(">", end) + 1);
        state.sheet = -1;
      },
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onend: ignore,
      onopentagend: ignore,
      onprocessinginstruction: ignore,
      onselfclosingtag: ignore,
      ontext: ignore,
      ontextentity: ignore,
      onattribentity: ignore,
    },
  );
  tokenizer.write(html);
  tokenizer.end();
  return { rest: rest + html.slice(done), attributes };
}
