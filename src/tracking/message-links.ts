/** Makes the addresses of the links in one message. */
import type { Tracking } from "../message.ts";
import type { Links } from "./links.ts";

/**
 * Makes the whole addresses of one message. They consist of letters, digits and `-._~:/?=%!*()[]`, so they need no
 * escaping anywhere.
 */
export interface MessageLinks {
  open(): string;
  click(url: string): string;
  unsubscribe(): string;
}

type Signer = Pick<Links, "open" | "click" | "unsubscribe">;

/** The links of a message to the `serve` at `baseUrl`. They throw `RangeError` when `messageId` is no message id. */
export function messageLinks({ baseUrl }: Tracking, links: Signer, messageId: number): MessageLinks {
  return {
    open: () => `${baseUrl}/v1/events/open?request_id=${links.open(messageId)}`,
    click: (url) => `${baseUrl}/c/${links.click(messageId, url)}?u=${encode(url)}`,
    unsubscribe: () => `${baseUrl}/u/${links.unsubscribe(messageId)}`,
  };
}

/** Links for samples and previews. They look like those of a message, but their tokens are not valid (message id 0). */
export function sampleLinks(tracking: Tracking): MessageLinks {
  return messageLinks(tracking, { open: () => NOBODY, click: () => NOBODY, unsubscribe: () => NOBODY }, 0);
}

const NOBODY = "A".repeat(32);

/**
 * An apostrophe would end an attribute, so it is encoded too. Throws for a lone surrogate; the URLs of `trackHtml` have
 * none.
 */
function encode(url: string): string {
  return encodeURIComponent(url).replaceAll("'", "%27");
}
