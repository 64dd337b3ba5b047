import { clearLine, cursorTo } from 'node:readline';

const FRAMES_A_SECOND = 5;

/** How far something is, shown on a terminal. */
export interface Progress {
  update(done: number, remarks: string): void;
  /** Makes room for a line of the command's own. */
  giveWay(): void;
  end(): void;
}

const NOTHING: Progress = { update: nothing, giveWay: nothing, end: nothing };

function nothing(): void {
  // There is nobody to look on.
}

/** A bar on stderr, up to a total; nothing where that is no terminal or the total is not known. */
export async function createProgress(total: number | undefined): Promise<Progress> {
  const { stderr } = process;
  if (!stderr.isTTY || total === undefined || total === 0) return NOTHING;
  const { SingleBar } = (await import('cli-progress')).default;
  const format = '{bar} {percentage}% | {duration_formatted} | {remarks}';
  // What is printed between moves the bar down: it is drawn again whether or not it has moved on. Its handler of SIGINT
  // would clear it, and keep the process from ending.
  const bar = new SingleBar({
    format,
    stream: stderr,
    fps: FRAMES_A_SECOND,
    forceRedraw: true,
    clearOnComplete: true,
    barsize: 30,
    gracefulExit: false,
  });
  bar.start(total, 0, { remarks: '' });
  return {
    update: (done, remarks) => {
      bar.update(done, { remarks });
    },
    giveWay: () => {
      clearLine(stderr, 0);
      cursorTo(stderr, 0);
    },
    end: () => {
      bar.stop();
    },
  };
}
