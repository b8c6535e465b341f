/** The view of all messages that failed or are in doubt, of every topic. */
import { html, useState } from "./preact.js";
import { count } from "./format.js";
import { Problem, Title, Troubles } from "./parts.js";
import { useTroubles } from "./topic.js";

const LISTED = 100;
const MOST_LISTED = 500;

/** Lists the newest of them. @param {{ overview: import("./wire.ts").Overview }} props */
export function TroublesView({ overview: { totals } }) {
  const [limit, setLimit] = useState(LISTED);
  const [troubles, problem] = useTroubles(`/v1/troubles?limit=${limit}`, `${totals.failed} ${totals.in_doubt}`);
  const all = totals.failed + totals.in_doubt;
  return html`<${Title} title="Issues" />
    <section aria-labelledby="list">
      <h2 id="list">${count(totals.failed)} failed, ${count(totals.in_doubt)} in doubt</h2>
      <${Problem} text=${problem} />
      ${all === 0 ? html`<p class="empty">Nothing failed, and nothing is in doubt.</p>` : null}
      ${
        all > 0
          ? html`<p class="soft">
              Failed messages were refused for good, or their attempts ran out. Of those in doubt the answer of SES was
              lost: they may have arrived, and are never sent again unless somebody says so. Both are retried in their
              topic.
            </p>`
          : null
      }
      ${all > 0 && troubles !== null && troubles.length > 0 ? html`<${Troubles} troubles=${troubles} withTopic=${true} />` : null}
      ${troubles !== null && all > troubles.length ? html`<p class="soft">The newest ${count(troubles.length)} of ${count(all)}.</p>` : null}
      ${
        troubles !== null && all > troubles.length && limit < MOST_LISTED
          ? html`<div class="buttons">
              <button type="button" onClick=${() => setLimit(MOST_LISTED)}>Show more</button>
            </div>`
          : null
      }
    </section>`;
}
