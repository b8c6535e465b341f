/** A name server on a port of its own: real packets (RFC 1035), answers from a table. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";

export interface DnsServer {
  /** `127.0.0.1:port`. */
  address: string;
  /** Every question so far, as `TXT example.com`. */
  asked: string[];
}

const TYPES: Record<number, string> = { 5: "CNAME", 16: "TXT" };
const NO_ERROR = 0;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;

/** `records`: `"TXT example.com"` → its values; `failing` names get SERVFAIL. Closed when the test ends. */
export async function dnsServer(records: Record<string, string[]>, failing: string[] = []): Promise<DnsServer> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  const names = new Set(Object.keys(records).map((key) => key.split(" ")[1] ?? ""));
  socket.on("message", (query, { port, address }) => {
    const { name, type, question } = questionIn(query);
    asked.push(`${type} ${name}`);
    const answers = (records[`${type} ${name}`] ?? []).map((value) =>
      record(query.readUInt16BE(12 + question.length - 4), data(type, value)),
    );
    const missing = names.has(name) ? NO_ERROR : NO_SUCH_NAME;
    const code = failing.includes(name) ? SERVER_FAILURE : missing;
    socket.send(packet(query.readUInt16BE(0), code, question, answers), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => new Promise((resolve) => socket.close(() => resolve())));
  return { address: `127.0.0.1:${socket.address().port}`, asked };
}

function questionIn(query: Buffer): { name: string; type: string; question: Buffer } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  return {
    name: labels.join(".").toLowerCase(),
    type: TYPES[query.readUInt16BE(at + 1)] ?? "OTHER",
    question: query.subarray(12, end),
  };
}

/** The name of an answer is a pointer to that of the question, at byte 12. */
function record(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(value.length, 10);
  return Buffer.concat([head, value]);
}

function data(type: string, value: string): Buffer {
  if (type !== "TXT") return Buffer.concat([...value.split(".").map(counted), Buffer.from([0])]);
  // A TXT record is strings of at most 255 bytes.
  return Buffer.concat((value.match(/.{1,255}/gs) ?? [""]).map(counted));
}

function counted(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
}

function packet(id: number, code: number, question: Buffer, answers: Buffer[]): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  // An answer, authoritative, recursion desired and available.
  head.writeUInt16BE(0x8580 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(answers.length, 6);
  return Buffer.concat([head, question, ...answers]);
}
