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
    refused("rehearsing", "ses"),
    'topic "my "june"" is being rehearsed now; post it again when that has ended, or name another topic',
  ],
  [
    refused("rehearsed", "sandbox"),
    'the rehearsal of topic "my "june"" is being removed, so that it can be sent for real; ' +
      "send it for real with: ses-mail send --topic 'my \"june\"', or name another topic",
  ],
  [
    refused("sent-for-real", "sandbox"),
    'topic "my "june"" went to Amazon SES, it cannot be rehearsed any more; name another topic',
  ],
])("a request is told %j", (given, text) => {
  expect(refusalText(given)).toBe(text);
});
