/** How many templates a store takes. */
import { UserError } from "../../errors.ts";

/** How many templates a store may have. Those that were removed do not count. */
const MOST_TEMPLATES = 10_000;

/** @throws UserError when `count` templates leave no room for another one. */
export function checkRoomForTemplate(count: number): void {
  if (count < MOST_TEMPLATES) return;
  throw new UserError(
    `there are ${count} templates, and a job takes ${MOST_TEMPLATES} at most`,
    "remove those that are not used any more: ses-mail template remove <name>",
  );
}
