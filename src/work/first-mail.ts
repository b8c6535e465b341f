/** The mail that leaves first: by its subject people recognise the campaign, and see their variables filled in. */
import type { Campaign } from "./campaign.ts";
import { RenderProblem } from "../compose/problem.ts";
import type { CompiledContent } from "../compose/mail/template.ts";
import { prepareContent } from "../compose/mail/tools.ts";
import type { Library } from "../deliver/library.ts";
import type { Scope } from "../deliver/source.ts";
import { readValues } from "../deliver/values.ts";
import { UserError } from "../errors.ts";
import type { StagedList } from "./list.ts";
import type { FirstMail } from "./send-plan.ts";
import type { ListForecast } from "../store/rows.ts";
import type { Reader } from "../store/store.ts";

/** A list that is about to go in: its content, its columns, and the first of its rows that will be sent. */
interface NewList {
  campaign: Campaign;
  columns: string[];
  row: ListForecast["first"];
}

/** The mail of the first recipient who will really get one. Null: there is none, or it cannot be rendered any more. */
export async function firstMail(
  store: Library & Pick<Reader, "peek">,
  scope: Scope,
  list: NewList | null,
): Promise<FirstMail | null> {
  const waiting = await store.peek(scope);
  if (waiting !== null) {
    const replaced = list?.campaign.flags.replaceContent ? list.campaign.compiled : null;
    const columns = await store.listColumns(waiting.ingestId);
    return mailOf(replaced ?? (() => contentOf(store, waiting.contentId)), columns, waiting);
  }
  return list === null || list.row === null ? null : mailOf(list.campaign.compiled, list.columns, list.row);
}

/** The mail of the first valid row of a list. Null: there is none. */
export function sampleMail({ compiled }: Campaign, { sample }: Pick<StagedList, "sample">): FirstMail | null {
  if (sample === null) return null;
  const { from, subject } = compiled.render(sample.email, sample.values);
  return { to: sample.email, from, subject };
}

async function contentOf(store: Library, contentId: number): Promise<CompiledContent> {
  return prepareContent(await store.content(contentId));
}

async function mailOf(
  content: CompiledContent | (() => Promise<CompiledContent>),
  columns: string[],
  { email, fields }: { email: string; fields: string },
): Promise<FirstMail | null> {
  try {
    const compiled = typeof content === "function" ? await content() : content;
    const { from, subject } = compiled.render(email, readValues(columns, fields).values);
    return { to: email, from, subject };
  } catch (error) {
    // It was checked when it was added, but its content may have been replaced since.
    if (error instanceof RenderProblem || error instanceof UserError) return null;
    throw error;
  }
}
