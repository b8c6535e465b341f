/** What the dashboard uses of Preact and htm: `./preact.js` is the file `htm/preact/standalone`, served as it is. */

/** A tree of elements; opaque. */
export interface View {
  readonly type: unknown;
}

export function html(strings: TemplateStringsArray, ...values: unknown[]): View;
export function render(view: View, into: Element): void;
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
/** Before the browser draws, so that nothing can be pressed in between. */
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useRef<T>(initial: T): { current: T };
