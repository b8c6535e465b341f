// The far end of the benchmarks: speaks just enough SES, costs as little as it can, and remembers when calls came.
import { createServer } from "node:http";
import process from "node:process";

// `watch`: addresses that begin with it are remembered with the instant (ms since the epoch) of their call.
const { allowed = Infinity, latencyMs = 0, rate = 1_000_000, watch = null } = JSON.parse(process.argv[2] ?? "{}");
const ACCOUNT = JSON.stringify({
  SendQuota: { Max24HourSend: -1, MaxSendRate: rate, SentLast24Hours: 0 },
  SendingEnabled: true,
  ProductionAccessEnabled: true,
  EnforcementStatus: "HEALTHY",
});
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
    accepted.push(at);
    if (allowed !== Infinity) lastSecond.push(at);
    const answer = () => response.end(`{"MessageId":"bench-${++count}"}`);
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
  process.send({ accepted, throttled, watched });
  watched = [];
  accepted = [];
  throttled = [];
});
process.on("disconnect", () => process.exit());
