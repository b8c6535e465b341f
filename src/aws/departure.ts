/**
 * Tells when a request really goes out, and keeps it back when it must not go any more. The SDK first signs it, waits for
 * a free socket and, on a new connection, does the TLS handshake. That takes a tenth of a second or more, and without
 * knowing it calls would bunch up at SES.
 */
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import type { SESv2Client } from "@aws-sdk/client-sesv2";

/** The SDK gives each call its own id. It is the only thing that our call and its request have in common. */
const ID_HEADER = "amz-sdk-invocation-id";

/** What a call wants to know of its request. */
export interface Departing {
  /** Called each time the request has been handed to the operating system. */
  onDeparted: () => void;
  /** Asked when the request is ready. False: it is not made, and the call rejects with `WithheldError`. */
  mayLeave: () => boolean;
}

/** The request was not made, because the call was no longer allowed to leave. */
export class WithheldError extends Error {
  override name = "WithheldError";
}

const byInput = new WeakMap<object, Departing>();
const byId = new Map<string, () => void>();
let subscribed = false;

/**
 * Watches the requests made for `input`. A call that is repeated with new credentials makes two requests; one that never
 * gets a connection makes none. `input` must be the very object given to the command, of a client passed to
 * `reportDepartures`.
 */
export function watchDeparture(input: object, departing: Departing): void {
  byInput.set(input, departing);
}

/** Makes `client` report its departures to `watchDeparture`. Call it once for each client. */
export function reportDepartures(client: SESv2Client): void {
  if (!subscribed) subscribe("http.client.request.start", onRequestStart);
  subscribed = true;
  client.middlewareStack.add(
    (next) => async (args) => {
      const departing = byInput.get(args.input);
      const headers = (args.request as { headers?: Record<string, string> }).headers;
      const id = headers?.[ID_HEADER];
      if (!departing || id === undefined) return next(args);
      // The process may have slept since the call began, while the request was signed or credentials were fetched.
      if (!departing.mayLeave()) throw new WithheldError();
      byId.set(id, departing.onDeparted);
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
