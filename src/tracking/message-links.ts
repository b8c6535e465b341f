import type { Tracking } from "../message.ts";
import type { Links } from "./links.ts";

/** The addresses one message carries, whole: letters, digits and `-._~:/?=%!*()[]` only, so that they need no escaping anywhere. */
export interface MessageLinks {
  open(): string;
  click(url: string): string;
  unsubscribe(): string;
}

type Signer = Pick<Links, "open" | "click" | "unsubscribe">;

export function messageLinks({ baseUrl }: Tracking, links: Signer, messageId: number): MessageLinks {
  return {
    open: () => `${baseUrl}/v1/events/open?request_id=${links.open(messageId)}`,
    click: (url) => `${baseUrl}/c/${links.click(messageId, url)}?u=${encode(url)}`,
    unsubscribe: () => `${baseUrl}/u/${links.unsubscribe(messageId)}`,
  };
}

/** For samples and previews: they look like those of a message, and verify to nothing (message id 0). */
export function sampleLinks(tracking: Tracking): MessageLinks {
  return messageLinks(tracking, { open: () => NOBODY, click: () => NOBODY, unsubscribe: () => NOBODY }, 0);
}

const NOBODY = "A".repeat(32);

/** An apostrophe would end an attribute; half of a surrogate pair cannot be encoded (and is not in URLs of `trackHtml`). */
function encode(url: string): string {
  return encodeURIComponent(url).replaceAll("'", "%27");
}
