import { Agent, request } from 'node:http';

const USER = { username: 'bench', password: 'correct horse battery staple' };
/** Shorter than a server keeps an idle connection, or a request could meet one that is just being closed. */
const IDLE_CONNECTION_MS = 3000;
/** Keeps connections open, so that no time is spent on opening them; as many as there are requests at once. */
const agent = new Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });

export const closeConnections = (): void => {
  agent.destroy();
};

function send(url: string, body?: object, token?: string): Promise<string> {
  return new Promise((done, failed) => {
    const data = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...(data !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(data) }),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    };
    const call = request(url, { agent, method: data === undefined ? 'GET' : 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200 || response.statusCode === 201) done(text);
        else failed(new Error(`${url} answered ${response.statusCode}: ${text}`));
      });
    });
    call.on('error', failed);
    call.end(data);
  });
}

export const get = (url: string, token?: string): Promise<string> => send(url, undefined, token);
export const register = (url: string): Promise<string> => send(`${url}/register`, USER);

/** The tokens that the token endpoint answers with. */
interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function ask(url: string, body: object): Promise<Tokens> {
  const answer: unknown = JSON.parse(await send(`${url}/token`, body));
  if (typeof answer !== 'object' || answer === null || !('access_token' in answer) || !('refresh_token' in answer))
    throw new Error('the token endpoint gave no tokens');
  return { access_token: String(answer.access_token), refresh_token: String(answer.refresh_token) };
}

export const logInWhole = (url: string): Promise<Tokens> => ask(url, USER);
export const refresh = (url: string, refresh_token: string): Promise<Tokens> => ask(url, { grant_type: 'refresh_token', refresh_token });

/** Logs in and gives the access token. */
export const logIn = async (url: string): Promise<string> => (await logInWhole(url)).access_token;

/** Does so many pieces of work, some at once, and says how many milliseconds the whole took. */
export async function timed(count: number, atOnce: number, work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let left = count;
  const next = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return performance.now() - begun;
}
