/**
 * Tells when a request has really gone out. Between the call of the SDK and the wire lie signing, a free socket, and with a
 * new connection the TLS handshake: a tenth of a second or more, by which calls would bunch up at SES.
 */
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import type { SESv2Client } from "@aws-sdk/client-sesv2";

/** The SDK gives each call its own id, which is all that its request and our call have in common. */
const ID_HEADER = "amz-sdk-invocation-id";

const byInput = new WeakMap<object, () => void>();
const byId = new Map<string, () => void>();
let subscribed = false;

/** `onDeparted` is called when the request made for `input` was handed to the operating system. */
export function watchDeparture(input: object, onDeparted: () => void): void {
  byInput.set(input, onDeparted);
}

/** Makes `client` report departures. */
export function reportDepartures(client: SESv2Client): void {
  if (!subscribed) subscribe("http.client.request.start", onRequestStart);
  subscribed = true;
  client.middlewareStack.add(
    (next) => async (args) => {
      const onDeparted = byInput.get(args.input);
      const headers = (args.request as { headers?: Record<string, string> }).headers;
      const id = headers?.[ID_HEADER];
      if (!onDeparted || id === undefined) return next(args);
      byId.set(id, onDeparted);
      try {
        return await next(args);
      } finally {
        byId.delete(id);
      }
    },
    // The last step before the request handler: the headers are complete.
    { step: "deserialize", priority: "low", name: "sesMailDeparture" },
  );
}

function onRequestStart(message: unknown): void {
  const { request } = message as { request: ClientRequest };
  const id = request.getHeader(ID_HEADER);
  const onDeparted = typeof id === "string" ? byId.get(id) : undefined;
  if (!onDeparted) return;
  if (request.writableFinished) onDeparted();
  else request.once("finish", onDeparted);
}
