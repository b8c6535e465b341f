/** Tokenizes HTML without parsing it, for everything that cuts HTML instead of writing it anew. */
import { Tokenizer } from "htmlparser2";

/** What is called for each kind of token: positions in the HTML, and for entities their code points. */
export type TokenCallbacks = ConstructorParameters<typeof Tokenizer>[1];

const ignore = () => undefined;

/** The tokenizer needs a callback for every kind of token. */
const NOTHING: TokenCallbacks = {
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

/** What may end the reading early. */
export type Tokens = Pick<Tokenizer, "pause">;

/** How tokens come. */
export interface TokenizeOptions {
  /** True: entities come as code points of their own. Default: they stay as they are written. */
  decodeEntities?: boolean;
}

/**
 * Calls back for each token of the HTML, in order. Never fails: any text is HTML. The callbacks are made with a handle that
 * ends the reading early.
 */
export function tokenize(
  html: string,
  callbacks: Partial<TokenCallbacks> | ((tokens: Tokens) => Partial<TokenCallbacks>),
  { decodeEntities = false }: TokenizeOptions = {},
): void {
  const tokens: Tokens = { pause: () => tokenizer.pause() };
  const given = typeof callbacks === "function" ? callbacks(tokens) : callbacks;
  const tokenizer = new Tokenizer({ decodeEntities, xmlMode: false }, { ...NOTHING, ...given });
  tokenizer.write(html);
  tokenizer.end();
}
