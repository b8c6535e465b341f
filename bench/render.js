// CPU time of one rendered mail. A flat template (no tags) against joining text and escaped values, which the first version did with HTML and
// text that were composed before rendering; a template with tags against rendering the whole mail first, then inlining, then deriving the text.
import process from "node:process";
import { prepareContent } from "../dist/compose/mail/tools.js";
import { machine, median } from "./support.js";

const FILLER =
  "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.</p>\n";
const GREETING =
  "<p>Dear {{ first_name }} {{ last_name }} in {{ city }}, this month there is a lot to tell about {{ plan }}.</p>\n";
const FLAT = `<html><body>${GREETING}${FILLER.repeat(90)}</body></html>`;
const TAGGED = `<html><head><style>p { margin: 0 } .gold { color: gold }</style></head><body>${GREETING}
{% if plan == "plan1" %}<p class="gold">Thank you.</p>{% else %}<p>Join us.</p>{% endif %}${FILLER.repeat(90)}</body></html>`;

const ROWS = Array.from({ length: 1_000 }, (_, i) => ({
  email: `user${i}@example.com`,
  first_name: `First${i}`,
  last_name: `Last${i % 70}`,
  city: `City${i % 300}`,
  plan: `plan${i % 4}`,
}));

export async function run([count = "5000", pairs = "30"]) {
  const flat = await compile(FLAT);
  const { text } = flat.renderPlainly(
    "",
    Object.fromEntries(Object.keys(ROWS[0]).map((name) => [name, `{{ ${name} }}`])),
  );
  const joined = {
    html: joiner(FLAT, escape),
    text: joiner(text, String),
    subject: joiner("News for {{ first_name }}", String),
  };
  const [ours, theirs, ratios] = [[], [], []];
  for (let pair = 0; pair <= Number(pairs); pair++) {
    const us = microseconds(Number(count), (row) => flat.render(row.email, row));
    const them = microseconds(Number(count), (row) => joinedMail(joined, row));
    if (pair === 0) continue; // The first warms both up.
    ours.push(us);
    theirs.push(them);
    ratios.push(us / them);
  }
  console.log(
    `flat template: ${median(ours).toFixed(1)} µs a mail, joined ${median(theirs).toFixed(1)} µs, ratio ${median(ratios).toFixed(2)}`,
  );
  const tagged = await compile(TAGGED);
  microseconds(100, (row) => tagged.render(row.email, row));
  const quick = microseconds(2_000, (row) => tagged.render(row.email, row));
  const plain = microseconds(50, (row) => tagged.renderPlainly(row.email, row));
  console.log(
    `template with tags: ${quick.toFixed(0)} µs a mail, the plain way ${plain.toFixed(0)} µs, ${(plain / quick).toFixed(0)} × as much`,
  );
  console.log(`[${machine()}]`);
}

function compile(html) {
  return prepareContent({
    from: "News <news@example.com>",
    replyTo: [],
    subject: "News for {{ first_name }}",
    format: "html",
    html,
    text: "",
    headers: [],
    tags: [],
    attachments: [],
    configurationSet: null,
    unsubscribeUrl: null,
    unsubscribeMailto: null,
    allowEmpty: false,
  });
}

function microseconds(count, work) {
  const before = process.cpuUsage();
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const mail = work(ROWS[i % ROWS.length]);
    bytes += Buffer.byteLength(mail.html) + Buffer.byteLength(mail.text);
  }
  if (bytes === 0) throw new Error("nothing was rendered");
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function joiner(template, write) {
  const pieces = template.split(/\{\{ (\w+) \}\}/);
  return (row) => pieces.map((piece, index) => (index % 2 === 0 ? piece : write(row[piece]))).join("");
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

function escape(value) {
  return value.replace(/\p{Surrogate}/gu, "\uFFFD").replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** As the first version: values looked up and checked, subject, HTML and text joined. */
function joinedMail({ html, text, subject }, row) {
  const values = Object.create(null);
  for (const name of Object.keys(row)) values[name] = row[name].trim() === "" ? "" : row[name];
  return { to: row.email, subject: subject(values), html: html(values), text: text(values), headers: [] };
}
