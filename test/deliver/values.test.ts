import { expect, it } from "vitest";
import { readValues } from "../../src/deliver/values.ts";

it("of a list's row are its fields by column, and what is missing is empty", () => {
  expect(readValues(["name", "city"], '["Ann"]')).toEqual({ values: { name: "Ann", city: "" }, record: null });
  expect(readValues([], "[]")).toEqual({ values: {}, record: null });
});

it("of a row with files are not what was recorded of the files", () => {
  const record = '{"files":[]}';
  expect(readValues(["name"], JSON.stringify(["Ann", record]))).toEqual({ values: { name: "Ann" }, record });
});

it("that were posted are what was posted, whatever the columns are", () => {
  const data = { name: "Ann", n: 2, yes: true, none: null, order: { items: [{ price: 1.5 }, []] } };
  expect(readValues(["city"], JSON.stringify(data))).toEqual({ values: data, record: null });
});

it("may have any name, and inherit none", () => {
  const { values } = readValues([], '{"__proto__":{"x":1},"constructor":"c"}');
  expect(Object.keys(values)).toEqual(["__proto__", "constructor"]);
  expect("x" in values).toBe(false);
  expect("toString" in readValues(["name"], '["Ann"]').values).toBe(false);
  expect(Object.keys(readValues(["__proto__"], '["Ann"]').values)).toEqual(["__proto__"]);
});

it("of a list's row inherit no name either, and stand in the order of the columns", () => {
  const { values } = readValues(["b", "a", "__proto__", "constructor"], '["1","2","3","4"]');
  expect(Object.entries(values)).toEqual([
    ["b", "1"],
    ["a", "2"],
    ["__proto__", "3"],
    ["constructor", "4"],
  ]);
  for (const name of ["toString", "hasOwnProperty", "valueOf", "__defineGetter__"]) expect(name in values).toBe(false);
});
