/**
 * Counts rows that say themselves that nobody should write to them: unsubscribed, bounced, complained, inactive, or
 * without consent. Lists come from many programs in many languages. A column or value that is not understood does not
 * count.
 */
import { count as number } from "../../counted.ts";
import { copyOf } from "./split.ts";

/**
 * What a column is about. `state`: its values are words such as "unsubscribed". `wanted`: "no" counts. `left`: "yes" or
 * a date counts.
 */
type Kind = "state" | "wanted" | "left";

const setOf = (words: string) => new Set(words.split(" "));

/** Words in the name of a column that do not tell what it is about. All words here are without accents. */
const FILLERS = setOf(
  "is has was the a of on at to for by date time timestamp datum am um le la de du des del el der die das fecha heure uhrzeit " +
    "e email emails mail mails newsletter newsletters marketing contact contacts user member members customer list mailing " +
    "bulk campaigns global gdpr dsgvo rgpd adresse kontakt empfanger kunde client cliente correo courriel",
);
const KOREAN_FILLERS = /이메일|메일|뉴스레터|마케팅|광고성|광고|정보|여부|일시|일자|날짜|고객|회원/g;

const STATE =
  "status state subscriptionstatus subscriberstatus subscriptionstate optinstatus consentstatus permissionstatus deliverystatus " +
  "deliverability abostatus anmeldestatus statusabo zustand statut statutabonnement etat estado estadosuscripcion 상태 구독상태 수신상태";
const WANTED =
  "subscribed subscriber subscribe subscription optin optedin optsin doubleoptin consent consented consentgiven permission accepts " +
  "accept allowed active confirmed deliverable agreed abo abonnement " +
  "einwilligung eingewilligt zustimmung angemeldet abonniert aktiv bestatigt erlaubt " +
  "abonne abonnee inscrit inscrite inscription consentement actif accord accepte " +
  "suscrito suscrita suscripcion consentimiento activo activa permiso acepta confirmado " +
  "iscritto iscritta iscrizione consenso inscrito inscrita inscricao aangemeld ingeschreven toestemming " +
  "購読 購読中 配信 配信可 同意 订阅 已订阅 " +
  "구독 구독중 수신동의 수신동의상태 동의 동의상태 수신 수신허용 활성";
const LEFT =
  "unsubscribed unsubscribe unsubscribes unsub optout optedout optsout bounced bounce bounces hardbounce hardbounced complained complaint " +
  "complaints spam spamcomplaint abuse blocked blacklisted blocklisted suppressed deleted removed inactive invalid undeliverable cleaned " +
  "donot donotallow dnc dnm blacklist blocklist suppression suppressions excludedfrom revoked withdrawn consentrevoked consentwithdrawn " +
  "abgemeldet abmeldung abbestellt gesperrt geloscht inaktiv ungultig unzustellbar widerrufen widerspruch widersprochen beschwerde " +
  "desabonne desabonnee desabonnement desinscrit desinscrite desinscription supprime inactif bloque rejete invalide plainte " +
  "baja dadobaja desuscrito rebotado rebote eliminado inactivo bloqueado invalido queja " +
  "disiscritto disiscritta disiscrizione descadastrado descadastrada descadastro uitgeschreven afgemeld " +
  "配信停止 配信拒否 購読解除 登録解除 退会 退订 取消订阅 已退订 " +
  "수신거부 구독취소 구독해지 해지 탈퇴 반송 차단 삭제 스팸 스팸신고 비활성 휴면";

/** Values that count in a column of any kind. */
const LEFT_WORDS = setOf(
  `${LEFT} notsubscribed neversubscribed nonsubscribed nonsubscriber unconfirmed notconfirmed neverconfirmed softbounced bouncing ` +
    "reportedspam markedasspam reportedasspam permanentbounce permanentlybounced disabled archived donotmail donotemail donotcontact " +
    "donotsend nichtangemeldet nichtbestatigt keineeinwilligung nonabonne nonconfirme sansconsentement dadodebaja nosuscrito " +
    "sinconsentimiento 미동의 비동의 동의안함 거부 수신거절 미구독 구독안함 비구독",
);
const NO = setOf(
  "no n false 0 off none never denied refused declined rejected notgiven nein falsch keine abgelehnt verweigert non faux aucun refuse " +
    "falso ninguno rechazado denegado 아니오 아니요 없음 nao nee いいえ 否 ✗ ✘ ❌ ☐",
);
const YES = setOf("yes y true on ja j wahr oui o vrai si s verdadero sim はい 是 예 네 ✓ ✔ ✅ ☑");
/** 2026-03-01, 1.3.2026 or 03/01/26, perhaps followed by a time. */
const DATE = /^(?!0000)\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}/;
/** A count, or a time in seconds. */
const NUMBER = /^[1-9]\d*$/;

const HANGUL = /\p{Script=Hangul}/u;

/** Longer values are prose. */
const LONGEST = 60;
/** The judgement is kept for this many different values of a column. */
const KEPT_VALUES = 1_000;
/** This many words of a column are counted separately, and `SHOWN_WORDS` of them are shown. */
const KEPT_WORDS = 100;
const SHOWN_WORDS = 4;
const OTHERS = "…";

const KIND_OF = new Map<string, Kind>([
  ...STATE.split(" ").map((key) => [key, "state"] as const),
  ...WANTED.split(" ").map((key) => [key, "wanted"] as const),
  ...LEFT.split(" ").map((key) => [key, "left"] as const),
]);

/** The hint of the warning about such rows. */
export const LEFT_HINT =
  "they are written to all the same: take them out of the list, or suppress them (ses-mail suppress)";

interface Column {
  name: string;
  index: number;
  kind: Kind;
  /** Whether a value counts, by value. */
  known: Map<string, boolean>;
  /** How many rows count, by their value. */
  said: Map<string, number>;
}

/**
 * Counts the rows that say nobody should write to them. Give each row to `take` once. Memory does not grow with the
 * list.
 */
export class LeftRows {
  rows = 0;
  readonly #columns: Column[];

  /** Only columns with a name that is understood are looked at. */
  constructor(columns: readonly string[]) {
    this.#columns = columns.flatMap((name, index) => {
      const kind = kindOf(name);
      return kind === null ? [] : [{ name, index, kind, known: new Map(), said: new Map() }];
    });
  }

  take(fields: readonly string[]): void {
    let left = false;
    for (const column of this.#columns) {
      const value = fields[column.index] ?? "";
      if (value === "" || value.length > LONGEST || !says(column, value)) continue;
      left = true;
      count(column.said, value.trim());
    }
    if (left) this.rows++;
  }

  /** `2 rows say themselves that …: "status" is "unsubscribed" (1), "bounced" (1)`; null when there is none. */
  get text(): string | null {
    if (this.rows === 0) return null;
    const who = this.rows === 1 ? "1 row says itself" : `${number(this.rows)} rows say themselves`;
    const columns = this.#columns.filter(({ said }) => said.size > 0).map(wordsOf);
    return `${who} that nobody should write to them: ${columns.join("; ")}`;
  }
}

function count(said: Map<string, number>, word: string): void {
  const known = said.get(word);
  if (known !== undefined) said.set(word, known + 1);
  else if (said.size < KEPT_WORDS) said.set(copyOf(word), 1);
  else said.set(OTHERS, (said.get(OTHERS) ?? 0) + 1);
}

function wordsOf({ name, said }: Column): string {
  const words = [...said].sort(([, a], [, b]) => b - a);
  const shown = words.slice(0, SHOWN_WORDS).map(([word, count]) => `"${word}" (${number(count)})`);
  return `"${name}" is ${shown.join(", ")}${words.length > SHOWN_WORDS ? ", …" : ""}`;
}

/** What a column is about, by its name: `Unsubscribed At`, `emailOptIn`, `수신동의 여부`. Null: something else. */
function kindOf(name: string): Kind | null {
  const words = wordsIn(name).filter((word) => !FILLERS.has(word));
  const key = words.join("");
  const known = KIND_OF.get(key) ?? KIND_OF.get(key.replaceAll(KOREAN_FILLERS, ""));
  if (known) return known;
  // `Unsubscribed from all email`, `Opted out of email: Product news`: the rest of the name does not matter.
  if (/^(?:unsubscribed|optedout)/.test(key)) return "left";
  // `newsletter: no`, `marketing: false`
  return words.length === 0 && /newsletter|marketing|뉴스레터|마케팅/i.test(name) ? "wanted" : null;
}

function says({ kind, known, name }: Column, value: string): boolean {
  const judged = known.get(value);
  if (judged !== undefined) return judged;
  const result = judge(kind, value, HANGUL.test(name));
  if (known.size < KEPT_VALUES) known.set(copyOf(value), result);
  return result;
}

/** A cross means no in Korea; elsewhere it marks a chosen box. */
function judge(kind: Kind, value: string, isKorean: boolean): boolean {
  const key = keyOf(value);
  if (LEFT_WORDS.has(key)) return true;
  const isCross = key === "x";
  if (kind === "wanted") return NO.has(key) || (isCross && isKorean);
  if (kind === "state") return false;
  return YES.has(key) || (isCross && !isKorean) || NUMBER.test(key) || DATE.test(value.trim());
}

function wordsIn(text: string): string[] {
  const spaced = text
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .normalize("NFD")
    .replaceAll(/[\u0300-\u036f]/g, "");
  return spaced.normalize("NFC").toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== ""); // prettier-ignore
}

function keyOf(value: string): string {
  return wordsIn(value).join("") || value.trim();
}
