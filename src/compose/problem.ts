/** This recipient's values cannot be made into a mail. The message is the reason, one clause; the others go on. */
export class RenderProblem extends Error {
  override name = "RenderProblem";
}
