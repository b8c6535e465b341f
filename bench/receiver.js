// The far end of the benchmarks: speaks just enough SES, costs as little as it can, and remembers when calls came.
import { createServer } from "node:http";
import process from "node:process";

// `watch`: addresses that begin with it are remembered with the instant (ms since the epoch) of their call. `firstOnly`: of the accepted
// calls only the first is remembered, because there will be millions. `keepsMails`: of each accepted call its address, tags and id.
const {
  allowed = Infinity,
  latencyMs = 0,
  rate = 1_000_000,
  watch = null,
  firstOnly = false,
  keepsMails = false,
} = JSON.parse(process.argv[2] ?? "{}");
const ACCOUNT = JSON.stringify({
  SendQuota: { Max24HourSend: -1, MaxSendRate: rate, SentLast24Hours: 0 },
  SendingEnabled: true,
  ProductionAccessEnabled: true,
  EnforcementStatus: "HEALTHY",
});
/** Ids as long as those of SES, because they are kept and indexed. */
const PREFIX = "0100019cadc69a80-e882f9d0-8719-4f02-bf30-";
let accepted = [];
let throttled = [];
let lastSecond = [];
let watched = [];
let mails = [];
let count = 0;

createServer((request, response) => {
  const at = performance.now();
  const mail = watch === null && !keepsMails ? null : lookInto(request, at);
  if (mail === null) request.resume();
  request.on("end", () => {
    if (request.method === "GET") return response.end(ACCOUNT);
    lastSecond = allowed === Infinity ? lastSecond : lastSecond.filter((instant) => instant > at - 1000);
    if (lastSecond.length >= allowed) {
      throttled.push(at);
      response.writeHead(429, { "content-type": "application/json", "x-amzn-ErrorType": "TooManyRequestsException" });
      return response.end('{"message":"Maximum sending rate exceeded."}');
    }
    if (!firstOnly || accepted.length === 0) accepted.push(at);
    if (allowed !== Infinity) lastSecond.push(at);
    const sesId = `${PREFIX}${String(++count).padStart(12, "0")}-000000`;
    const answer = () => response.end(`{"MessageId":"${sesId}"}`);
    if (keepsMails) mails.push(Object.assign(mail, { sesId }));
    if (latencyMs > 0) setTimeout(answer, latencyMs);
    else answer();
  });
}).listen(0, "127.0.0.1", function () {
  this.keepAliveTimeout = 120_000;
  process.send({ port: this.address().port });
});

/** Returns what is filled with the request's address and tags before its end is told. */
function lookInto(request, at) {
  const mail = {};
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const [, address] = /"ToAddresses":\["([^"]*)"/.exec(body) ?? [];
    if (watch !== null && address?.startsWith(watch)) watched.push([address, performance.timeOrigin + at]);
    mail.address = address;
    const tags = body.matchAll(/{"Name":"([^"]*)","Value":"([^"]*)"}/g);
    mail.tags = Object.fromEntries(Array.from(tags, ([, name, value]) => [name, value]));
  });
  return mail;
}

process.on("message", (question) => {
  if (question === "count") return process.send({ count });
  const firstAt = accepted.length === 0 ? null : performance.timeOrigin + accepted[0];
  process.send({ accepted, throttled, watched, firstAt, mails });
  mails = [];
  watched = [];
  accepted = [];
  throttled = [];
});
process.on("disconnect", () => process.exit());
