/**
 * What the dashboard uses of Preact and htm. `./preact.js` is the file `htm/preact/standalone` of the package, served
 * unchanged.
 */

/** A tree of elements. Its inside is Preact's. */
export interface View {
  readonly type: unknown;
}

/** Makes a tree from a template in the language of htm. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): View;
/** Draws the tree into an element of the page, and again whenever a state of it changes. */
export function render(view: View, into: Element): void;
/** A state of the component, and the function that changes it and makes the component draw again. */
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
/**
 * Runs `effect` after the component was drawn, and again when one of `inputs` changed. What it returns is called before
 * that, and when the component goes.
 */
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
/** As `useEffect`, but before the browser shows the drawing, so that nothing can be pressed in between. */
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
/** A box that keeps its value as long as the component lives. Changing it draws nothing. */
export function useRef<T>(initial: T): { current: T };
