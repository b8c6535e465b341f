/** What a client reads when a topic refuses its request. */
import { expect, test } from "vitest";
import { refusalText } from "../../src/intake/refusal-text.ts";
import type { RefusedTopic, TopicRefusal } from "../../src/store/rules/admit.ts";

const refused = (refusal: TopicRefusal, endpoint: RefusedTopic["endpoint"] = null): RefusedTopic => ({
  topic: 'my "june"',
  refusal,
  endpoint,
});

test.each([
  [
    refused("cancelled", "ses"),
    'topic "my "june"" is cancelled and takes no further recipients; reopen it with: ses-mail retry \'my "june"\' --state cancelled',
  ],
  [
    refused("other-endpoint", "ses"),
    'topic "my "june"" was sent to the sandbox, it cannot go on to Amazon SES; name another topic',
  ],
  [
    refused("other-endpoint", "sandbox"),
    'topic "my "june"" was sent to Amazon SES, it cannot go on to the sandbox; name another topic',
  ],
])("a request is told %j", (given, text) => {
  expect(refusalText(given)).toBe(text);
});
