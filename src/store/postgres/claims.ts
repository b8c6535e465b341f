import type { Source } from "../../deliver/source.ts";
import type { Reader } from "../store.ts";
import type { Job } from "./connection.ts";
export function createClaims(_job: Job): Source & Pick<Reader, "peek"> & { leave(): Promise<void> } {
  throw new Error("to be written");
}
