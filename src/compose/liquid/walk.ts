import type { Template } from "liquidjs";

/** LiquidJS gives children through a generator because partials may have to be loaded; here there are none. */
export function childrenOf(template: Template): Template[] {
  const steps = template.children?.(false, true);
  let step = steps?.next();
  while (step && !step.done) step = steps?.next(step.value);
  return step?.value ?? [];
}

/** Every template, outer before inner. */
export function* everyTemplate(templates: Template[]): Generator<Template> {
  for (const template of templates) {
    yield template;
    yield* everyTemplate(childrenOf(template));
  }
}
