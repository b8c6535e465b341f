/**
 * Tells when a request really goes out. The SDK first signs it, waits for a free socket and, on a new connection, does
 * the TLS handshake. That takes a tenth of a second or more, and without knowing it calls would bunch up at SES.
 */
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import type { SESv2Client } from "@aws-sdk/client-sesv2";

/** The SDK gives each call its own id. It is the only thing that our call and its request have in common. */
const ID_HEADER = "amz-sdk-invocation-id";

const byInput = new WeakMap<object, () => void>();
const byId = new Map<string, () => void>();
let subscribed = false;

/**
 * Calls `onDeparted` each time a request made for `input` has been handed to the operating system. A call that is
 * repeated with new credentials makes two requests; one that never gets a connection makes none. `input` must be the
 * very object given to the command, of a client passed to `reportDepartures`.
 */
export function watchDeparture(input: object, onDeparted: () => void): void {
  byInput.set(input, onDeparted);
}

/** Makes `client` report its departures to `watchDeparture`. Call it once for each client. */
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
    // The last step before the request handler: all headers are set by then.
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
