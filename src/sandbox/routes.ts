/** Maps request paths to operations. */
import { SesError, type Reply } from "./answer.ts";
import type { Backend, ApiCall } from "./backend.ts";
import * as operations from "./operations.ts";
import { sendBulkEmail, sendEmail } from "./send.ts";

/** What answers one kind of request. It may throw a SesError. */
export type Operation = (call: ApiCall, backend: Backend) => Reply | Promise<Reply>;

/** Method and path below `/v2/email/` (SES API v2). `{}` stands for one percent-encoded part. */
const ROUTES: [method: string, path: string, operation: Operation][] = [
  ["POST", "outbound-emails", sendEmail],
  ["POST", "outbound-bulk-emails", sendBulkEmail],
  ["GET", "account", operations.getAccount],
  ["GET", "identities", operations.listEmailIdentities],
  // The JavaScript SDK lists with POST, botocore with GET.
  ["POST", "list-identities", operations.listEmailIdentities],
  ["POST", "identities", operations.createEmailIdentity],
  ["GET", "identities/{}", operations.getEmailIdentity],
  ["GET", "configuration-sets", operations.listConfigurationSets],
  ["POST", "list-configuration-sets", operations.listConfigurationSets],
  ["POST", "configuration-sets", operations.createConfigurationSet],
  ["GET", "configuration-sets/{}", operations.getConfigurationSet],
  ["GET", "configuration-sets/{}/event-destinations", operations.getEventDestinations],
  ["PUT", "suppression/addresses", operations.putSuppressed],
  ["GET", "suppression/addresses", operations.listSuppressed],
  ["GET", "suppression/addresses/{}", operations.getSuppressed],
  ["DELETE", "suppression/addresses/{}", operations.deleteSuppressed],
  ["POST", "templates", operations.createTemplate],
  ["GET", "templates/{}", operations.getTemplate],
  ["DELETE", "templates/{}", operations.deleteTemplate],
  ["POST", "templates/{}/render", operations.testRenderTemplate],
];

/**
 * Finds the operation for a request, and the decoded labels in its path.
 * @throws SesError UnknownOperationException (404) for an unknown path, BadRequestException for one that cannot be
 * decoded.
 */
export function findRoute(method: string, pathname: string): { operation: Operation; labels: string[] } {
  // When an endpoint ends with a slash, clients ask for `//v2/…`.
  const segments = pathname.split("/").filter((segment) => segment !== "");
  if (segments.shift() === "v2" && segments.shift() === "email") {
    for (const [routeMethod, path, operation] of ROUTES) {
      const labels = routeMethod === method ? match(path.split("/"), segments) : null;
      if (labels) return { operation, labels };
    }
  }
  throw new SesError(404, "UnknownOperationException", `The sandbox does not know ${method} ${pathname}`);
}

function match(pattern: string[], segments: string[]): string[] | null {
  if (pattern.length !== segments.length) return null;
  if (!pattern.every((part, index) => part === "{}" || part === segments[index])) return null;
  return segments.filter((_, index) => pattern[index] === "{}").map(decode);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new SesError(400, "BadRequestException", "The path is not percent-encoded as it should be.");
  }
}
