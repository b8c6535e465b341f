/**
 * Connects a call with its request. The SDK first signs a request, and fetches credentials for it. That may take long, and only
 * the request handler knows when the request really leaves.
 */
import type { SESv2Client } from "@aws-sdk/client-sesv2";
import { type Departing, watchRequest } from "./http-handler.ts";

const byInput = new WeakMap<object, Departing>();

/**
 * Watches the requests made for `input`. A call that is repeated with new credentials makes two requests; one that never
 * gets a connection makes none. `input` must be the very object given to the command, of a client passed to
 * `reportDepartures`.
 */
export function watchDeparture(input: object, departing: Departing): void {
  byInput.set(input, departing);
}

/** Makes `client` report its departures to `watchDeparture`. Call it once for each client, which must use `createHandler`. */
export function reportDepartures(client: SESv2Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const departing = byInput.get(args.input);
      if (departing) watchRequest(args.request as object, departing);
      return next(args);
    },
    // The last step before the request handler: nobody replaces the request after it.
    { step: "deserialize", priority: "low", name: "sesMailDeparture" },
  );
}
