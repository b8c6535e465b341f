/** Fills the templates of the SES API. */
import { badRequest } from "./answer.ts";

/** The parts of a stored template, with their `{{variables}}`. */
export interface Template {
  subject: string;
  text: string | null;
  html: string | null;
}

/** A filled template, or why it could not be filled. SES accepts such a message and reports it as an event. */
export interface RenderedTemplate extends Template {
  renderingFailure: { errorMessage: string; templateName: string } | null;
}

/**
 * Fills `{{x}}` from `replacementData`, or from `data` when that has no `x`. Both are JSON objects as text, or null. It
 * only substitutes: no escaping, no helpers, no partials.
 * @throws SesError BadRequestException when the data is not a JSON object.
 */
export function renderTemplate(
  name: string,
  template: Template,
  data: string | null,
  replacementData: string | null,
): RenderedTemplate {
  const values = { ...readData(data), ...readData(replacementData) };
  const missing: string[] = [];
  const fill = (text: string) =>
    text.replace(/\{\{\{?\s*([^{}\s]+)\s*\}?\}\}/g, (_, variable: string) => {
      const value = Object.hasOwn(values, variable) ? values[variable] : undefined;
      if (value === undefined) missing.push(variable);
      return typeof value === "string" ? value : JSON.stringify(value);
    });
  const subject = fill(template.subject);
  const text = template.text === null ? null : fill(template.text);
  const html = template.html === null ? null : fill(template.html);
  const errorMessage = `Attribute '${missing[0]}' is not present in the rendering data.`;
  return { subject, text, html, renderingFailure: missing.length > 0 ? { errorMessage, templateName: name } : null };
}

function readData(text: string | null): Record<string, unknown> {
  if (text === null || text === "") return {};
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    data = null;
  }
  if (typeof data !== "object" || data === null || Array.isArray(data))
    throw badRequest("Template data is not a JSON object.");
  return data as Record<string, unknown>;
}
