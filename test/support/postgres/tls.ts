/** A certificate for a server, signed by itself. */
import { join } from "node:path";
import { generate } from "selfsigned";
import { writeServerFile } from "./folder.ts";

/** Writes server.crt and server.key into the folder; `host` is the only name that the certificate is for. */
export async function serverCertificate(folder: string, host: string): Promise<void> {
  const names = [{ type: 2 as const, value: host }];
  const made = await generate([{ name: "commonName", value: host }], {
    keySize: 2048,
    extensions: [{ name: "subjectAltName", altNames: names }],
  });
  await writeServerFile(join(folder, "server.crt"), made.cert);
  await writeServerFile(join(folder, "server.key"), made.private);
}
