import { parseAddress } from "../compose/address/address.ts";
import { Refusal } from "./errors.ts";
import { type Problem, Problems, summary } from "../intake/problems.ts";

/**
 * Addresses in the form in which they are written to. Throws Refusal (400) when any of them is no address. Its problems
 * name each by its path. Its text is for a person who typed the addresses and knows of no path.
 */
export function readAddresses(given: readonly { path: string; email: string }[]): string[] {
  const problems = new Problems();
  const addresses: string[] = [];
  for (const { path, email } of given) {
    const parsed = parseAddress(email);
    if ("problem" in parsed) problems.add(path, parsed.problem);
    else addresses.push(parsed.address);
  }
  const found: Problem[] = problems.list();
  const typed = found.map(({ message }) => ({ path: "", message }));
  if (found.length > 0) throw new Refusal(400, summary(typed, problems.count), found);
  return addresses;
}
