/** Waits for statements that may take long, for as long as the server works on them. */
import type { Duplex } from "node:stream";
import { ANSWER_MS } from "./answers.ts";
import type { Link } from "./pool.ts";

/** An answer may be on its way to us when the server is seen idle. It has arrived after so long. */
const ON_ITS_WAY_MS = 2_000;

/**
 * Resolves to the answer to a statement of this connection, however long that takes. When the server does not work on it, the
 * connection leads nowhere: it is cut, and the statement rejects as pg says it.
 */
export async function whileWorking<T>(link: Link, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  let idleLooks = 0;
  let isAnswered = false;
  const look = async (): Promise<void> => {
    idleLooks = (await link.isWorking()) ? 0 : idleLooks + 1;
    if (isAnswered) return;
    if (idleLooks < 2) lookIn(idleLooks === 0 ? ANSWER_MS : ON_ITS_WAY_MS);
    else (link.client.connection as unknown as { stream: Duplex }).stream.destroy();
  };
  const lookIn = (ms: number): void => void (timer = setTimeout(() => void look(), ms));
  lookIn(ANSWER_MS);
  try {
    return await answer;
  } finally {
    isAnswered = true;
    clearTimeout(timer!);
  }
}
