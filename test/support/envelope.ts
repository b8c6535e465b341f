/** What requests take from the gateway that serves them: nothing but a sender. */
export const ENVELOPE = {
  from: "News <news@example.com>",
  replyTo: [],
  headers: [],
  tags: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
};
