// The far end of the benchmarks: speaks just enough SES, costs as little as it can, and remembers when calls came.
import { createServer } from "node:http";
import process from "node:process";

// `watch`: addresses that begin with it are remembered with the instant (ms since the epoch) of their call. `firstOnly`: of the accepted
// calls only the first is remembered, because there will be millions.
const {
  allowed = Infinity,
  latencyMs = 0,
  rate = 1_000_000,
  watch = null,
  firstOnly = false,
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
let count = 0;

createServer((request, response) => {
  const at = performance.now();
  if (watch === null) request.resume();
  else lookInto(request, at);
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
    const answer = () => response.end(`{"MessageId":"${PREFIX}${String(++count).padStart(12, "0")}-000000"}`);
    if (latencyMs > 0) setTimeout(answer, latencyMs);
    else answer();
  });
}).listen(0, "127.0.0.1", function () {
  this.keepAliveTimeout = 120_000;
  process.send({ port: this.address().port });
});

function lookInto(request, at) {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const [, address] = /"ToAddresses":\["([^"]*)"/.exec(body) ?? [];
    if (address?.startsWith(watch)) watched.push([address, performance.timeOrigin + at]);
  });
}

process.on("message", () => {
  const firstAt = accepted.length === 0 ? null : performance.timeOrigin + accepted[0];
  process.send({ accepted, throttled, watched, firstAt });
  watched = [];
  accepted = [];
  throttled = [];
});
process.on("disconnect", () => process.exit());
