/** Whether only this machine can reach a server that listens on `host`, an address or a name as typed. */
export function isLoopback(host: string): boolean {
  const plain = host
    .trim()
    .toLowerCase()
    .replace(/^\[|\]$/g, "");
  return plain === "localhost" || plain === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(plain);
}
