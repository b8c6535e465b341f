// The far end of the benchmarks: speaks just enough SES, costs as little as it can, and remembers when calls came.
import { createServer } from "node:http";
import process from "node:process";

const { allowed = Infinity, latencyMs = 0, rate = 1_000_000 } = JSON.parse(process.argv[2] ?? "{}");
const ACCOUNT = JSON.stringify({
  SendQuota: { Max24HourSend: -1, MaxSendRate: rate, SentLast24Hours: 0 },
  SendingEnabled: true,
  ProductionAccessEnabled: true,
  EnforcementStatus: "HEALTHY",
});
let accepted = [];
let throttled = [];
let lastSecond = [];
let count = 0;

createServer((request, response) => {
  const at = performance.now();
  request.resume();
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

process.on("message", () => {
  process.send({ accepted, throttled });
  accepted = [];
  throttled = [];
});
process.on("disconnect", () => process.exit());
