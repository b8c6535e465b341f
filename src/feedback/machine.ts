/**
 * User agents behind which no reader is to be assumed. An open from one of these says that the mail arrived, not that it
 * was read: Apple Mail Privacy Protection fetches every picture in advance and says only `Mozilla/5.0`; the image proxies
 * of Gmail and Yahoo may fetch without a reader, and never tell more than themselves (user agents seen in open events of
 * SES and in the proxies' own documentation).
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

/** True when an open or click with this user agent was made by a machine. A missing user agent says nothing: false. */
export function isMachine(userAgent: string | null): boolean {
  if (userAgent === null) return false;
  const trimmed = userAgent.trim();
  return trimmed === APPLE || PATTERN.test(trimmed);
}
