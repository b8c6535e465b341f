import { expect, test } from "vitest";
import { LeftRows } from "../../../src/compose/list/left.ts";

function said(column: string, values: string[]): string[] {
  return values.filter((value) => {
    const left = new LeftRows(["email", column]);
    left.take(["a@b.co", value]);
    return left.rows === 1;
  });
}

test.each<[string, string[], string[]]>([
  ["status", ["unsubscribed", "Bounced", "HARD-BOUNCED", "complained", "opted_out", "Opt-out", "Cleaned", "inactive", "deleted"], ["subscribed", "active", "TX", "", "sent", "no", "0", "unsubscribed from nothing, and very long, as prose is that stands in a column"]],
  ["state", ["unsubscribed", "inactive"], ["TX", "CA", "NO", "Bavaria"]],
  ["Email Status", ["Unsubscribed"], ["Subscribed"]],
  ["Subscription-Status", ["Non-Subscribed", "not subscribed"], ["subscribed"]],
  ["subscribed", ["no", "0", "FALSE", "n", "unsubscribed"], ["yes", "1", "TRUE", "x", ""]],
  ["isSubscribed", ["false"], ["true"]],
  ["opt_in", ["no", "denied"], ["yes", "2026-03-01"]],
  ["Email Marketing Consent", ["no"], ["yes"]],
  ["Accepts Email Marketing", ["no"], ["yes"]],
  ["newsletter", ["no"], ["yes"]],
  ["unsubscribed", ["TRUE", "1", "yes", "x", "2026-03-01", "1.3.2026"], ["FALSE", "0", "no", "", "0000-00-00"]],
  ["unsubscribed_at", ["2026-03-01T09:00:00Z", "03/01/26", "1772355600"], ["", "null", "-", "never"]],
  ["HasOptedOutOfEmail", ["true"], ["false"]],
  ["bounces", ["2"], ["0"]],
  ["Do not e-mail", ["yes"], ["no"]],
  ["Abgemeldet am", ["01.03.2026"], [""]],
  ["Status", ["abgemeldet", "gelöscht", "inaktiv"], ["angemeldet", "aktiv"]],
  ["Einwilligung", ["nein"], ["ja"]],
  ["Désabonné", ["oui"], ["non"]],
  ["Désinscrit de la newsletter le", ["01/03/2026"], [""]],
  ["Statut", ["désabonné", "De\u0301sinscrit"], ["abonné"]],
  ["Abonné", ["non"], ["oui"]],
  ["Suscrito", ["no"], ["sí"]],
  ["Estado", ["dado de baja", "rebotado", "inactivo"], ["activo"]],
  ["Fecha de baja", ["01/03/2026"], [""]],
  ["수신거부", ["Y", "예", "O"], ["N", "아니오", "X"]],
  ["이메일 수신동의 여부", ["거부", "N", "X", "미동의"], ["동의", "Y", "O"]],
  ["구독상태", ["구독취소", "해지"], ["구독"]],
  ["Unsubscribed from all email", ["true"], ["false", ""]],
  ["Opted out of email: Product News", ["Yes"], ["No", ""]],
  ["EMAIL_BLACKLIST", ["true"], ["false"]],
  ["Global Unsubscribe", ["1"], ["0"]],
  ["Do not allow Bulk Emails", ["Do Not Allow", "Yes"], ["Allow", "No"]],
  ["IsExcludedFromCampaigns", ["true"], ["false"]],
  ["Email Suppressions", ["HARD_BOUNCE", "UNSUBSCRIBE"], [""]],
  ["Disiscritto", ["sì"], ["no"]],
  ["Inscrito", ["não"], ["sim"]],
  ["Uitgeschreven", ["ja"], ["nee"]],
  ["配信停止", ["1", "はい"], ["0", "いいえ"]],
  ["订阅", ["否"], ["是"]],
  ["Marketing campaign", [], ["none", "June"]],
  ["name", [], ["unsubscribed", "no", "deleted"]],
  ["order_status", [], ["deleted", "inactive"]],
  ["country state", [], ["inactive"]],
])("%s", (column, left, stay) => {
  expect(said(column, left)).toEqual(left);
  expect(said(column, stay)).toEqual([]);
}); // prettier-ignore

test("told once: which column says what of how many, each row counted once", () => {
  const left = new LeftRows(["email", "status", "bounced"]);
  expect(left.text).toBeNull();
  for (let row = 0; row < 1_200; row++) left.take(["a@b.co", "unsubscribed", row < 3 ? "1" : "0"]);
  left.take(["b@b.co", "Opted out", ""]);
  left.take(["c@b.co", "active", "0"]);
  expect(left.rows).toBe(1_201);
  expect(left.text).toBe(
    '1,201 rows say themselves that nobody should write to them: "status" is "unsubscribed" (1,200), "Opted out" (1); "bounced" is "1" (3)',
  );
});

test("many different words take no more room", () => {
  const left = new LeftRows(["unsubscribed_at"]);
  for (let row = 0; row < 5_000; row++) left.take([`2026-03-01T09:00:${row}`]);
  expect(left.rows).toBe(5_000);
  expect(left.text).toMatch(/"…" \(4,900\), .*, …$/);
});
