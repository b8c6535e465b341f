/**
 * The values of one recipient cannot be made into a mail; the other recipients are not affected. The message is the
 * reason, in one clause.
 */
export class RenderProblem extends Error {
  override name = "RenderProblem";
}
