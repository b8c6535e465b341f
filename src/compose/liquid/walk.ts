/** Walks over the parsed templates of LiquidJS. */
import type { Template } from "liquidjs";

/**
 * The templates directly inside a tag. LiquidJS gives them through a generator, because it may have to load partials;
 * there are none here.
 */
export function childrenOf(template: Template): Template[] {
  const steps = template.children?.(false, true);
  let step = steps?.next();
  while (step && !step.done) step = steps?.next(step.value);
  return step?.value ?? [];
}

/** Every template at any depth, outer before inner. */
export function* everyTemplate(templates: Template[]): Generator<Template> {
  for (const template of templates) {
    yield template;
    yield* everyTemplate(childrenOf(template));
  }
}
