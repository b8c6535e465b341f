/** The two HTML pages of the dashboard: one asks for an API key, and scripts draw everything else on the other. */
import { html, type Markup, trusted } from "../report/markup.ts";
import type { Caller } from "./auth.ts";

const HEAD = trusted(`<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="/dashboard/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/dashboard/style.css">`);

/** Password managers keep a password under a user name. */
const USER_NAME = trusted('<input name="user" value="ses-mail" autocomplete="username" readonly hidden>');

/** The page that asks for a key. `problem` says what was wrong with the last try; null: nothing. */
export function signInPage(problem: string | null): string {
  return page(
    "Sign in",
    html`<body class="sign-in">
      <main>
        <h1>ses-mail</h1>
        <section aria-label="Sign in">
          <form method="post" action="/sign-in">
            ${USER_NAME}
            <label>
              <span>API key</span>
              <input
                name="key"
                type="password"
                required
                autofocus
                autocomplete="current-password"
                ${trusted(problem === null ? "" : 'aria-invalid="true" aria-describedby="problem"')}
              />
            </label>
            ${problem === null ? null : html`<p id="problem" class="problem" role="alert">${problem}</p>`}
            <div class="buttons"><button type="submit" class="primary">Sign in</button></div>
          </form>
        </section>
        <p class="soft">
          The key in <code>SES_MAIL_API_KEY</code>, or one made with <code>ses-mail key add</code>. What you may do here
          is what the key may do.
        </p>
      </main>
    </body>`,
  );
}

/**
 * The frame of the dashboard. It tells scripts the name of the key and its scopes; they fetch the rest with the
 * session.
 */
export function dashboardPage({ name, scopes }: Caller): string {
  return page(
    "Dashboard",
    html`<body data-key="${name}" data-scopes="${scopes.join(" ")}">
      <div id="app">
        <noscript><p>The dashboard needs JavaScript. The command line tells the same: ses-mail stats.</p></noscript>
      </div>
      <script type="module" src="/dashboard/app.js"></script>
    </body>`,
  );
}

function page(title: string, body: Markup): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        ${HEAD}
        <title>${title} – ses-mail</title>
      </head>
      ${body}
    </html> `.text;
}
