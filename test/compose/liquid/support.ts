import { RenderProblem } from "../../../src/compose/problem.ts";
import { compileContent } from "../../../src/compose/mail/template.ts";
import { UserError } from "../../../src/errors.ts";
import { CONTENT } from "../../support/store-actions.ts";

/** The text that one recipient's values make of a template. */
export function rendered(text: string, values: Record<string, string> = {}, allowEmpty = false): string {
  return compileContent({ ...CONTENT, subject: "s", html: "h", text, headers: [], allowEmpty }).render(
    "ann@example.com",
    values,
  ).text;
}

/** Why a row is refused; `check` and `render` have to agree. */
export function refusal(text: string, values: Record<string, string>): string {
  const compiled = compileContent({ ...CONTENT, subject: "s", html: "h", text, headers: [] });
  const found = compiled.check(Object.keys(values))(Object.values(values));
  try {
    const came = compiled.render("ann@example.com", values).text;
    return found === null ? `not refused: ${came}` : `refused by check alone: ${found}`;
  } catch (error) {
    if (!(error instanceof RenderProblem)) throw error;
    return error.message === found ? found : `check: ${found}, render: ${error.message}`;
  }
}

/** What the author of a template is told: message and hint. */
export function told(text: string, columns = ["email", "name", "plan", "orders", "tags", "day"]): string {
  try {
    compileContent({ ...CONTENT, subject: "s", html: "h", text, headers: [] }).check(columns);
    return "nothing";
  } catch (error) {
    if (error instanceof UserError) return `${error.message}; ${error.hint}`;
    throw error;
  }
}
