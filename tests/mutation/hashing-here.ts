interface Options {
  readonly filename: string;
}

const isWorker = (value: unknown): value is { default(task: object): unknown } =>
  typeof value === 'object' && value !== null && 'default' in value && typeof value.default === 'function';

/** In place of Piscina: works in this thread, and answers when others had a turn, as a thread would. */
export class Piscina {
  readonly #worker: Promise<unknown>;
  queueSize = 0;

  constructor({ filename }: Options) {
    this.#worker = import(filename);
  }

  async run(task: object): Promise<unknown> {
    const worker = await this.#worker;
    if (!isWorker(worker)) throw new TypeError('no worker');
    await new Promise((resolve) => setImmediate(resolve));
    return worker.default(task);
  }

  async destroy(): Promise<void> {
    await this.#worker;
  }
}
