// Part of same-look.ts that runs in the browser.

/** What a mail program or a reader does to both documents before they are compared. `:hover` is read as `.hovered`. */
const CHANGES = {
  none() {},
  "[data-ogsc]"(document) {
    for (const element of [document.documentElement, document.body]) element.setAttribute("data-ogsc", "");
  },
  ".ExternalClass"(document) {
    const wrapper = document.createElement("div");
    wrapper.className = "ExternalClass";
    wrapper.append(...document.body.childNodes);
    document.body.append(wrapper);
  },
  "u + .body"(document) {
    document.body.before(document.createElement("u"));
  },
  "all hovered"(document) {
    for (const element of document.querySelectorAll("*")) element.classList.add("hovered");
  },
  "some hovered"(document) {
    for (const element of document.querySelectorAll(":nth-child(odd)")) element.classList.add("hovered");
  },
};

/** Differences of all pairs, in words. */
globalThis.differencesOf = ({ pairs, widths, change }) => {
  const frames = [...document.querySelectorAll("iframe")];
  return pairs.flatMap(({ name, before, after }) => {
    const [one, other] = [before, after].map((html, index) => {
      const inner = frames[index].contentDocument;
      inner.open();
      inner.write(html.replaceAll(":hover", ".hovered"));
      inner.close();
      CHANGES[change](inner);
      // Rules may show them, and what they hold is no longer the same.
      for (const { style } of inner.querySelectorAll("style")) style.setProperty("display", "none", "important");
      return inner;
    });
    return widths.flatMap((width) => {
      for (const frame of frames) frame.style.width = `${width}px`;
      return compare(one, other).map((text) => `${name}: ${text} (${width} px)`);
    });
  });
};

function compare(one, other) {
  const [before, after] = [one, other].map((document) => [...document.querySelectorAll(":not(style)")]);
  if (before.length !== after.length) return [`${before.length} elements became ${after.length}`];
  const differences = [];
  // What is not shown at all has the text of its sheets for its text.
  const [text, otherText] = [one, other].map(({ body }) => body && body.getClientRects().length > 0 && body.innerText);
  if (text !== otherText) differences.push("the visible text differs");
  const names = [...new Set([...namesIn(one), ...namesIn(other)])];
  before.forEach((element, index) => {
    for (const part of [null, "::before", "::after"]) differences.push(...look(element, after[index], part, names));
    const [was, is] = [element, after[index]].map((it) => JSON.stringify(it.getBoundingClientRect()));
    if (was !== is) differences.push(`${nameOf(element)} at ${was} is at ${is}`);
  });
  return differences.slice(0, 8);
}

/** Of all properties that something sets, also where it does not hold now. */
function namesIn(document) {
  const names = [];
  const note = (rules) => {
    for (const rule of rules) {
      if (rule.style) names.push(...rule.style);
      if (rule.cssRules) note(rule.cssRules);
    }
  };
  for (const sheet of document.styleSheets) if (!sheet.href) note(sheet.cssRules);
  for (const { style } of document.querySelectorAll("[style]")) names.push(...style);
  return names;
}

function look(a, b, part, names) {
  const [was, is] = [getComputedStyle(a, part), getComputedStyle(b, part)];
  if (part !== null && was.content === "none" && is.content === "none") return [];
  const differences = [];
  // Millions of times, so without lists that are thrown away.
  for (const name of names) {
    const x = was.getPropertyValue(name);
    const y = is.getPropertyValue(name);
    if (x !== y) differences.push(`${nameOf(a)}${part ?? ""} ${name}: ${x} became ${y}`);
  }
  return differences;
}

function nameOf({ tagName, className }) {
  return `<${tagName.toLowerCase()} class="${className}">`;
}
