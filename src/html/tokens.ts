/** Tokenizes HTML without parsing it, for everything that cuts HTML instead of writing it anew. */
import { Tokenizer } from "htmlparser2";

type Callbacks = ConstructorParameters<typeof Tokenizer>[1];

const ignore = () => undefined;

/** The tokenizer needs a callback for every kind of token. */
const NOTHING: Callbacks = {
  onattribdata: ignore,
  onattribend: ignore,
  onattribentity: ignore,
  onattribname: ignore,
  oncdata: ignore,
  onclosetag: ignore,
  oncomment: ignore,
  ondeclaration: ignore,
  onend: ignore,
  onopentagend: ignore,
  onopentagname: ignore,
  onprocessinginstruction: ignore,
  onselfclosingtag: ignore,
  ontext: ignore,
  ontextentity: ignore,
};

/** Calls back for each token of the HTML, in order. Entities stay as they are written. Never fails: any text is HTML. */
export function tokenize(html: string, callbacks: Partial<Callbacks>): void {
  const tokenizer = new Tokenizer({ decodeEntities: false, xmlMode: false }, { ...NOTHING, ...callbacks });
  tokenizer.write(html);
  tokenizer.end();
}
