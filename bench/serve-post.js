// POST of 10,000 addresses, answered when durable, against a bare insert of the same rows into the same tables: pairs in turn.
// First with one posted content for all of them, then with a template: data that all share, and data of their own for each.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { machine, median, receiver, scratch } from "./support.js";
import { cpuSecondsOf, exchange, startServe } from "./serve-support.js";

export async function run([count = "10000", pairs = "9"]) {
  await scratch(async (folder) => {
    const far = await receiver();
    const served = await startServe(folder, ["--db", `${folder}/serve.db`], {
      env: { AWS_ENDPOINT_URL_SESV2: far.url },
    });
    const bare = fork(fileURLToPath(new URL("bare-accept.js", import.meta.url)), [`${folder}/bare.db`]);
    await exchange(`${served.url}/v1/templates/receipt`, "PUT", served.key, JSON.stringify({ content: TEMPLATE }));
    for (const { name, goal, make } of [
      { name: "post", goal: 3, make: plain },
      { name: "post with a template, the same data for all", goal: 1.5, make: shared },
      { name: "post with a template, data for each", goal: 1.5, make: templated },
    ]) {
      const ratios = [];
      const ofProcessor = [];
      // The first pair warms both up and does not count.
      for (let pair = 0; pair <= Number(pairs); pair++) {
        const ratio = await onePair({ served, bare }, { name, pair, count: Number(count), make });
        if (pair === 0) continue;
        ratios.push(ratio.wall);
        ofProcessor.push(ratio.cpu);
      }
      console.log(
        `${name} ratio, median of ${pairs}: ${median(ratios).toFixed(2)} (goal ${goal}), ` +
          `of processor time ${median(ofProcessor).toFixed(2)}   [${machine()}]`,
      );
    }
    await served.stop();
    bare.disconnect();
    far.stop();
  });
}

async function onePair({ served, bare }, { name, pair, count, make }) {
  const topic = `${name}-${pair}`;
  const emails = Array.from({ length: count }, (_, i) => `reader${i}.x${pair}@example${i % 97}.com`);
  // Due tomorrow, so that nothing of what is measured is sending.
  const notBefore = Date.now() + 86_400_000;
  const { message, fields } = make(emails, pair);
  bare.send({ topic, emails, notBefore, fields });
  const [{ seconds: floor, cpuSeconds: floorCpu }] = await once(bare, "message");
  const { ours, cpu, answer } = await timed(served, {
    ...message,
    topic_id: topic,
    scheduled_at: new Date(notBefore).toISOString(),
  });
  if (answer.success !== count) throw new Error(JSON.stringify(answer));
  console.log(
    `${name}, ${pair === 0 ? "warm-up" : `pair ${pair}`}: POST ${(ours * 1000).toFixed(0)} ms (${answer.duration_ms.toFixed(0)} ms of it to check and store), ` +
      `bare insert ${(floor * 1000).toFixed(0)} ms, ratio ${(ours / floor).toFixed(2)}; of processor time ` +
      `${(cpu * 1000).toFixed(0)} ms and ${(floorCpu * 1000).toFixed(0)} ms`,
  );
  return { wall: ours / floor, cpu: cpu / floorCpu };
}

function plain(emails) {
  const content = `<p>${"Lorem ipsum dolor sit amet. ".repeat(360)}</p>`;
  return { message: { emails, subject: "News", content } };
}

const TEMPLATE = `---
subject: "Your order {{ order.number }}"
---
<h1>Thank you, {{ name | default: "friend" }}</h1>
<p>${"Lorem ipsum dolor sit amet. ".repeat(360)}</p>
<table>{% for item in order.items %}<tr><td>{{ item.name }}</td><td>{{ item.price }}</td></tr>{% endfor %}</table>
<p>In all: {{ order.total }}. <a href="https://example.com/orders/{{ order.number }}">Look at it</a></p>
`;

function shared(emails, pair) {
  const data = dataOf(0, pair);
  return { message: { template: "receipt", emails, data }, fields: JSON.stringify(data) };
}

function templated(emails, pair) {
  const data = emails.map((_, i) => dataOf(i, pair));
  return {
    message: { template: "receipt", to: emails.map((email, i) => ({ email, data: data[i] })) },
    fields: data.map((each) => JSON.stringify(each)),
  };
}

function dataOf(i, pair) {
  const items = [
    { name: "Tea", price: 4.5 },
    { name: "Cup & saucer", price: 8 + i },
  ];
  return { name: `Reader ${i}`, order: { number: `${pair}-${i}`, total: 12.5 + i, items } };
}

/** What the client needs to write its request is not ours. */
async function timed({ url, key, pid }, message) {
  const body = JSON.stringify({ messages: [message] });
  const [started, used] = [performance.now(), cpuSecondsOf(pid)];
  const answer = await exchange(`${url}/v1/messages`, "POST", key, body);
  return { ours: (performance.now() - started) / 1000, cpu: cpuSecondsOf(pid) - used, answer };
}
