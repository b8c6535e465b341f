/** Clients of older services compare whole texts: names, order and form of every field. */
import { expect, test } from "vitest";
import { answerMemo, answerText } from "../../src/serve/message-answer.ts";
import { message } from "../store/bench.ts";

const STORED = { counts: { added: 3, duplicates: 2, suppressed: 1 }, ids: null };

test("everything leaves at once", () => {
  expect(answerText(STORED, answerMemo([message(["a@x.example"])], 2.861))).toBe(
    '{"total":6,"success":4,"errors":0,"duration_ms":3,"scheduled":false,"count":4,"elapsed":"2.861ms",' +
      '"duplicates":2,"suppressed":1,"scheduled_at":null}',
  );
});

test("one of its messages leaves later: the earliest time of all is told", () => {
  const messages = [0, Date.UTC(2027, 0, 2), Date.UTC(2027, 0, 1)].map((notBefore) =>
    message(["a@x.example"], { notBefore }),
  );
  expect(answerText(STORED, answerMemo(messages, 62_500))).toBe(
    '{"total":6,"success":4,"errors":0,"duration_ms":62500,"scheduled":true,"count":4,"elapsed":"1m2.5s",' +
      '"duplicates":2,"suppressed":1,"scheduled_at":"2027-01-01T00:00:00.000Z"}',
  );
});

test("a whole text of version 0.1.0 is given back as it is, spaces and all", () => {
  const text = '{"total": 1, "success": 1, "duplicates": 0, "suppressed": 0, "elapsed": "1ms"}';
  expect(answerText(STORED, text)).toBe(text);
});

test("the messages of few addresses stand at the end, where they change nothing for older clients", () => {
  const { counts } = STORED;
  const ids = [1, 2, null, 4, 5, 6];
  const text = answerText({ counts, ids }, answerMemo([message(["a@x.example"])], 2.861));
  expect(text.slice(0, -1)).toBe(
    `${answerText(STORED, answerMemo([message(["a@x.example"])], 2.861)).slice(0, -1)},"ids":[1,2,null,4,5,6]`,
  );
});
