/**
 * The three parts of undici that are used. Its index loads fetch, WebSocket, caches and mocks as well: 20 MB and four times the time.
 * The version is pinned, because a path within a package is no promise.
 */
declare module "undici/lib/dispatcher/client.js" {
  export { Client as default } from "undici";
}
declare module "undici/lib/core/connect.js" {
  import type { buildConnector } from "undici";
  const build: (options: buildConnector.BuildOptions) => (...call: Parameters<buildConnector.connector>) => object;
  export default build;
}
declare module "undici/lib/core/symbols.js" {
  namespace symbols {
    /** What reads the answers of a connection. It is asked when a head is there, also that of an answer before the real one. */
    interface Parser {
      onHeadersComplete(status: number, isUpgrade: boolean, isKept: boolean): number;
    }
    /** Where a connection has it. */
    const kParser: unique symbol;
  }
  export default symbols;
}
