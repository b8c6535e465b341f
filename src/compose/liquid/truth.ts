/**
 * Reads yes and no as people type them. Where the template asks for `true` or `false`, the words of many languages
 * count. In a bare `{% if column %}` few words count, because `No` is also a surname and `N` a grade.
 */
import { toValue } from "liquidjs";
import { readNumber } from "./numbers.ts";
import { quoted, ValueProblem } from "./value-problem.ts";

const words = (text: string): Set<string> => new Set(text.split(/\s+/));

/**
 * The word for FALSE that spreadsheets write in the language of their user, always in capitals. Sources: the translated
 * function names of Excel and LibreOffice.
 */
const SPREADSHEET_FALSE = words(
  `FALSE FALSCH FAUX FALSO ONWAAR FALSK FALSKT USANN EPÄTOSI FAŁSZ NEPRAVDA HAMIS YANLIŞ ЛОЖЬ ХИБНІСТЬ ЛЪЖА ΨΕΥΔΕΣ ΨΕΥΔΗΣ FALS VÄÄR APLAMS
   NETIESA GEZURRA 거짓 偽 假 BALSE SAI SALAH`,
);
const SPREADSHEET_TRUE = words(
  `TRUE WAHR VRAI VERDADERO VERO VERDADEIRO WAAR SAND SANT SANN TOSI PRAWDA PRAVDA IGAZ DOĞRU ИСТИНА ІСТИНА ΑΛΗΘΕΣ ΑΛΗΘΗΣ ADEVĂRAT CERT TÕENE
   PATIESS TIESA EGIA 참 真 ĐÚNG BENAR`,
);

/** "No" and "off" in the languages of those spreadsheets. Even in a bare condition they hardly mean yes. */
const PLAIN_NO = words(
  `no n off nein non nee nej nei nie não nao nem hayır hayir нет ні όχι tidak không 아니요 아니오 아뇨 いいえ 否`,
);
/** Short words for no. In a bare condition they are more likely states of the USA, countries, sexes or syllables. */
const SHORT_NO = words(`ei ne не nu nē mitte ez 不 没有 aus unchecked inactive disabled f`);
const YES = words(
  `yes y on ja j jo oui sí si s sì sim tak ano áno igen evet да так ναι jā jah taip bai 예 네 はい 是 有 có ya an checked active enabled t x ✓ ✔ ☑ ✅`,
);

/** No word of these lists is longer. */
const LONGEST_WORD = 20;

const capitals = (text: string): string => text.toUpperCase();

/**
 * The meaning of `text` where the template asks for true or false. Null when it is neither a word for yes or no nor 1
 * or 0.
 */
export function readTruth(text: string): boolean | null {
  const word = text
    .trim()
    .slice(0, LONGEST_WORD + 1)
    .normalize("NFC");
  const low = word.toLowerCase();
  if (SPREADSHEET_TRUE.has(capitals(word)) || YES.has(low)) return true;
  if (SPREADSHEET_FALSE.has(capitals(word)) || PLAIN_NO.has(low) || SHORT_NO.has(low)) return false;
  const reading = readNumber(word);
  if (reading?.kind !== "number") return null;
  return reading.number === 1 ? true : reading.number === 0 ? false : null;
}

/** Whether a value alone in a condition is true. Throws `ValueProblem` for a text that may mean no or be a value. */
export function isTrue(given: unknown): boolean {
  const value: unknown = toValue(given);
  if (typeof value !== "string") return Boolean(value);
  const word = value.trim();
  if (word.length > LONGEST_WORD) return true;
  if (word === "" || /^false$/i.test(word) || SPREADSHEET_FALSE.has(word) || /^-?0(?:[.,]0+)?$/.test(word))
    return false;
  if (!PLAIN_NO.has(word.normalize("NFC").toLowerCase()) && !SPREADSHEET_FALSE.has(capitals(word))) return true;
  throw new ValueProblem(
    `${quoted(value)} may mean no or be a value; write == true to ask for yes, or != "" to ask whether there is one`,
  );
}

/**
 * Whether `value` means `wanted`; a blank text means neither true nor false. Throws `ValueProblem` for any other text
 * that means neither.
 */
export function isTruth(value: unknown, wanted: boolean): boolean {
  if (typeof value === "boolean") return value === wanted;
  if (value === 0 || value === 1) return (value === 1) === wanted;
  if (typeof value !== "string" || value.trim() === "") return false;
  const truth = readTruth(value);
  if (truth === null)
    throw new ValueProblem(
      `${quoted(value)} is neither true nor false; write yes or no in the list, or compare it with a text in quotes`,
    );
  return truth === wanted;
}
