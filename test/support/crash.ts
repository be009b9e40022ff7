/**
 * A death of the engine at a chosen step, inside one process: from then on nothing of that engine has any effect on
 * the outside. Every call of a wrapped object is two points, before and after its effect.
 */
export class Crash {
  /** Name of each point that was passed, in order. */
  readonly passed: string[] = [];
  readonly died: Promise<void>;
  #dead = false;
  #die: () => void = () => {};
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** The same object, whose methods of these names may be the engine's last. */
  wrap<T extends object>(label: string, object: T, names: readonly (keyof T & string)[]): T {
    return new Proxy(object, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
        if (!names.includes(key as keyof T & string))
          return (...args: unknown[]) => (this.#dead ? this.#end(call, args) : call(...args));
        return (...args: unknown[]) => this.#call(`${label}.${String(key)}`, call, args);
      },
    });
  }

  #call(name: string, call: (...args: unknown[]) => unknown, args: unknown[]): unknown {
    const isAsync = !name.startsWith("store.");
    if (this.#passes(`before ${name}`)) return this.#gone(isAsync);
    const result = call(...args);
    if (!(result instanceof Promise)) return this.#passes(`after ${name}`) ? this.#gone(isAsync) : result;
    return result.then(
      (value) => (this.#passes(`after ${name}`) ? this.#gone(true) : value),
      (error: unknown) => {
        if (this.#passes(`after failed ${name}`)) return this.#gone(true);
        throw error;
      },
    );
  }

  /** What an unlisted method does after the death: reading is harmless, anything slow never ends. */
  #end(call: (...args: unknown[]) => unknown, args: unknown[]): unknown {
    const result = call(...args);
    return result instanceof Promise ? this.#gone(true) : result;
  }

  #passes(point: string): boolean {
    if (this.#dead) return true;
    this.passed.push(point);
    if (this.passed.length <= this.#at) return false;
    this.#dead = true;
    this.#die();
    return true;
  }

  #gone(isAsync: boolean): Promise<never> {
    if (isAsync) return new Promise<never>(() => {});
    throw new Error("the engine has died");
  }
}
