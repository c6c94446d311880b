/** Types of a carga behaviour. In a behaviour: `@param {import("carga").User} user`. */
declare module "carga" {
  /** "800ms", "1.5s", "2m", or a number of milliseconds. */
  export type Duration = string | number;

  export interface WaitOptions {
    /** Longest wait; the group's `timeout` when left out (30 s unless the plan says otherwise). */
    timeout?: Duration;
  }

  export interface User {
    /** Number of this user in the whole run, from 0. */
    readonly index: number;
    /** The identity of this user: fields of the plan's template or the CSV row. */
    readonly identity: Readonly<Record<string, string>>;
    /** How often the behaviour was called for this user, this call included. */
    readonly iteration: number;
    /** How many documents this user has opened, this one included: 1 at first, then 1 more with each full page load. */
    readonly visit: number;
    /** Kept over full page loads. At most 16,384 characters of JSON. */
    memory: Record<string, unknown>;

    /** Measures `action` as `step.NAME`. An error inside counts against the step. Steps cannot be nested. */
    step<T>(name: string, action: () => T | Promise<T>): Promise<T>;
    /** Presses and releases a key: "Enter", "ArrowDown", "a", "F1", "ColorF0Red" … (KeyboardEvent.key), or "Control+a". */
    press(key: string): Promise<void>;
    /** Types into the element that has the focus. */
    type(text: string): Promise<void>;
    /** Focuses `target`, then types. */
    type(target: string | Element, text: string): Promise<void>;
    /** Clicks in the middle of `target` once it is there, visible and not covered. */
    click(target: string | Element, options?: WaitOptions): Promise<void>;
    /** Moves the pointer over `target`. */
    hover(target: string | Element, options?: WaitOptions): Promise<void>;
    /** Waits for an element. */
    waitFor(selector: string, options?: WaitOptions): Promise<Element>;
    /** Waits until `condition` gives something truthy, and gives that. */
    waitFor<T>(condition: () => T | Promise<T>, options?: WaitOptions): Promise<NonNullable<T>>;
    /** Pauses for a time between the two, evenly distributed and the same in every run. Never part of a step. */
    think(shortest: Duration, longest?: Duration): Promise<void>;
    /** A number from 0 up to 1, the same sequence in every run of a plan. */
    random(): number;
    /** A line for `carga try` and the worker's log. */
    log(...parts: unknown[]): void;
    /** Ends this iteration, and the open step, as failed. */
    fail(message: string): never;
    /** Adds `value` to the metric `custom.NAME`. */
    record(name: string, value: number, unit?: string): void;
  }

  export type Behaviour = (user: User) => void | Promise<void>;
}
