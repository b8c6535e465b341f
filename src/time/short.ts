/** Shows instants as the people at this machine read them: in their own zone, and how far from now. */

/** Whose clocks are shown, and when it is. */
export interface Local {
  /** Milliseconds since the epoch. */
  now: number;
  /** An IANA zone; not set: the machine's. */
  zone?: string;
}

const DAY = 86_400_000;
const UNITS = [
  ["day", DAY],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/**
 * The day and the minute on local clocks, as short as is clear: `today 09:05`, `yesterday 23:59`, `tomorrow 00:00`,
 * `Fri 25 Dec 09:00`, and with the year when it is not this one: `25 Dec 2030 09:00`. `at`: milliseconds since the epoch.
 */
export function shortTime(at: number, { now, zone }: Local): string {
  const [then, today] = [wallOf(at, zone), wallOf(now, zone)];
  return `${dayName(then, today)} ${then["hour"]}:${then["minute"]}`;
}

/** How far an instant is from now, in its largest unit, rounded down: `in 3 days`, `5 minutes ago`, `now`. */
export function fromNow(at: number, now: number): string {
  const size = Math.abs(at - now);
  const unit = UNITS.find(([, ms]) => size >= ms);
  if (unit === undefined) return "now";
  const count = Math.floor(size / unit[1]);
  const text = `${count} ${unit[0]}${count === 1 ? "" : "s"}`;
  return at > now ? `in ${text}` : `${text} ago`;
}

/** The zone of local times for people: its IANA name, or the machine's offset from UTC where it has no such name. */
export function zoneOf({ now, zone }: Local): string {
  // When TZ is empty or no IANA name, this is undefined or Etc/Unknown, although its type says string.
  const name: string | undefined = zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (name !== undefined && name !== "Etc/Unknown") return name;
  const offset = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).formatToParts(now);
  return offset.find(({ type }) => type === "timeZoneName")?.value ?? "UTC";
}

type Wall = Record<string, string>;

/** Making a format takes a thousand times longer than using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function wallOf(at: number, zone: string | undefined): Wall {
  const name = zone ?? "";
  let format = formats.get(name);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      ...(zone !== undefined && { timeZone: zone }),
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    formats.set(name, format);
  }
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}

function dayName(then: Wall, today: Wall): string {
  const days = Math.round((dayOf(then) - dayOf(today)) / DAY);
  if (days === 0) return "today";
  if (days === -1) return "yesterday";
  if (days === 1) return "tomorrow";
  const day = `${then["day"]} ${then["month"]}`;
  return then["year"] === today["year"] ? `${then["weekday"]} ${day}` : `${day} ${then["year"]}`;
}

function dayOf({ day, month, year }: Wall): number {
  return Date.parse(`${day} ${month} ${year} UTC`);
}
