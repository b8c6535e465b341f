/** Whose a connection is: one client counts once, however many addresses it can take. */
import { isIPv6 } from "node:net";

/** Groups of 16 bits in the part of an IPv6 address that belongs to one customer of a provider (/64, RFC 6177). */
const CUSTOMER_GROUPS = 4;

/**
 * The network that counts as one client: an IPv4 address itself, also when it is written as IPv6, and the first 64 bits of
 * an IPv6 address. Any other text counts as it is.
 */
export function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [plain = ""] = address.split("%", 1);
  if (!isIPv6(plain)) return address;
  const [head = "", tail = null] = plain.split("::", 2);
  const before = groupsOf(head);
  const after = tail === null ? [] : groupsOf(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return `${[...before, ...zeros, ...after].slice(0, CUSTOMER_GROUPS).join(":")}::/64`;
}

/** The last two groups may be written as an IPv4 address; they are not in the first half. */
function groupsOf(text: string): string[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => (group.includes(".") ? ["", ""] : Number.parseInt(group, 16).toString(16)));
}
