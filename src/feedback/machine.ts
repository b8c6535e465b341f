/**
 * Tells readers from machines by their user agent. An open by one of these agents says that the mail arrived, not that
 * somebody read it. Apple Mail Privacy Protection fetches every picture in advance and says only `Mozilla/5.0`. The
 * image proxies of Gmail and Yahoo may fetch a picture without a reader, and name only themselves. Sources: open events
 * of SES, and the documentation of the proxies.
 */
const APPLE = "Mozilla/5.0";
const PARTS = [
  // Image proxies of mailbox providers.
  "GoogleImageProxy|YahooMailProxy|YahooCacheSystem",
  // Link scanners and previews that name themselves.
  "BingPreview|Barracuda|Proofpoint|Mimecast|MailScanner|Googlebot|bingbot|Applebot|Slackbot|LinkedInBot|Twitterbot",
  "TelegramBot|Discordbot|WhatsApp/|facebookexternalhit|SkypeUriPreview|HeadlessChrome",
  // Programs.
  "curl/|Wget/|python-requests/|Go-http-client/|Java/|okhttp/|axios/|node-fetch",
];
const PATTERN = new RegExp(PARTS.join("|"), "i");

/** True when a machine made an open or click with this user agent. False when there is none: that says nothing. */
export function isMachine(userAgent: string | null): boolean {
  if (userAgent === null) return false;
  const trimmed = userAgent.trim();
  return trimmed === APPLE || PATTERN.test(trimmed);
}
