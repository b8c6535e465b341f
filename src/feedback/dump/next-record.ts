/** Finds where the next record begins after a broken one. */
/** Where a broken record stands. */
export interface Place {
  /** True when it is an element of an array of records. */
  inArray: boolean;
  /** True when only white space comes before it in its line. */
  firstInLine: boolean;
  /** The bytes of white space that its line begins with. */
  indent: number;
  /** True when another language printed it and did not escape quotes: what looks like JSON in it may be a text. */
  isForeign: boolean;
}

/** The first keys of records that SES, SNS, SQS, EventBridge, Lambda, Firehose and CloudWatch Logs write. */
const FIRST_KEYS =
  "eventType|notificationType|Type|version|Records|Messages|awslogs|" +
  "MessageId|messageId|EventVersion|EventSource|recordId|logStreamName|id";
const START_IN_LINE = new RegExp(`\\}[ \\t]*\\{|\\{\\s*"(?:${FIRST_KEYS})"\\s*:`, "g");
const [LINE_FEED, SPACE, TAB, CARRIAGE_RETURN] = [0x0a, 0x20, 0x09, 0x0d] as const;

/**
 * The search looks at this many bytes first, then at four times as many, and so on. So many broken records in a row do
 * not each cost a whole buffer.
 */
const WINDOW_BYTES = 4_096;

/**
 * The index after `start` where the record after a broken one begins; -1 when it is not in these bytes. `start` is
 * where the broken record starts, or how far the search has come.
 *
 * The next line wins if it looks like the start of a record. Most dumps have one record on each line, and in a
 * pretty-printed record every line but the first is indented or starts with a closing bracket. Inside a line, only two
 * things count: `}{`, or a key that records start with, in a place where nothing can be nested. Otherwise, what is
 * nested in the broken record would be taken for records.
 */
export function nextRecord(bytes: Buffer, start: number, place: Place): number {
  for (let size = WINDOW_BYTES; ; size *= 4) {
    const window = bytes.subarray(start, start + size);
    const line = nextLine(window, place);
    const inLine = startInLine(window.toString("latin1", 0, line < 0 ? window.length : line), place);
    const found = inLine < 0 ? line : inLine;
    if (found >= 0) return start + found;
    if (start + size >= bytes.length) return -1;
  }
}

function nextLine(bytes: Buffer, place: Place): number {
  for (let feed = bytes.indexOf(LINE_FEED); feed >= 0; feed = bytes.indexOf(LINE_FEED, feed + 1)) {
    let at = feed + 1;
    while (bytes[at] === SPACE || bytes[at] === TAB) at++;
    const byte = bytes[at];
    if (byte === undefined) return -1;
    if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN && startsRecord(byte, at - feed - 1, place)) return at;
  }
  return -1;
}

function startsRecord(byte: number, indent: number, { inArray, indent: own }: Place): boolean {
  if (indent > own) return false;
  const character = String.fromCharCode(byte);
  if (character === "{") return true;
  if (inArray) return character === "]" || (indent < own && character !== "}");
  return !`}]",:`.includes(character);
}

function startInLine(text: string, { inArray, firstInLine, isForeign }: Place): number {
  // A stranger may have written the subject of a mail, and it may look like an event.
  if (isForeign) return -1;
  const severalInLine = !firstInLine || /\}[ \t]*\{/.test(text);
  for (const { 0: found, index } of text.matchAll(START_IN_LINE)) {
    if (found.startsWith("}")) return index + found.length - 1;
    const before = /(\S)\s*$/.exec(text.slice(Math.max(0, index - 100), index))?.[1];
    if (index > 0 && (inArray ? before !== ":" : severalInLine || !":,[".includes(before ?? ":"))) return index;
  }
  return -1;
}
