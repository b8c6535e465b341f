import { expect, test } from "vitest";
import { isRole, likelyMeant } from "../../src/check/providers.ts";

test.each([
  ["gamil.com", "gmail.com"],
  ["gmial.com", "gmail.com"],
  ["gmai.com", "gmail.com"],
  ["gmaill.com", "gmail.com"],
  ["gmail.co", "gmail.com"],
  ["gmail.con", "gmail.com"],
  ["hotmial.com", "hotmail.com"],
  ["outlok.com", "outlook.com"],
  ["naver.con", "naver.com"],
  ["naver.co", "naver.com"],
  ["nvaer.com", "naver.com"],
  ["naver.net", "naver.com"],
  ["hanmail.ne", "hanmail.net"],
  ["hanmail.com", "hanmail.net"],
  ["daum.ne", "daum.net"],
  ["nate.con", "nate.com"],
  ["company.con", "company.com"],
  ["company.co.kr.vom", "company.co.kr.com"],
])("%s was meant to be %s", (domain, meant) => {
  expect(likelyMeant(domain)).toBe(meant);
});

test.each(
  "gmail.com mail.com ymail.com naver.com hanmail.net daum.net date.com kate.com gmx.at gmx.de cloud.com icloud.com example.com company.co.kr a.co yahoo.ca qq.com constructor.com x.constructor".split(
    " ",
  ),
)("%s is left alone", (domain) => {
  expect(likelyMeant(domain)).toBeNull();
});

test.each(["info@a.com", "ABUSE@a.com", "postmaster@a.com", "no-reply@a.com", "sales+june@a.com"])(
  "%s is a function's address",
  (address) => {
    expect(isRole(address)).toBe(true);
  },
);

test.each(["information@a.com", "ann@info.com", "info.ann@a.com", "x+info@a.com"])("%s is a person's", (address) => {
  expect(isRole(address)).toBe(false);
});
