import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Mailer } from './adapters/mailer.js';
import type { Clock, MovableClock } from './lib/clock.js';
import type { Logger } from './observability/log.js';
import type { Verifier } from './resource-server/verifier.js';

// What a program that installs the package sees. These types name no library, so that they compile in a project which
// has another version of it, or none.

/** Parts that a caller may put in place of the service's own. */
export interface Overrides {
  readonly clock: Clock;
  /** A pino logger, or one with its methods. */
  readonly logger: Logger;
  readonly mailer: Mailer;
}

/** The service as a request listener: an app to mount in Express 4 or 5, or to hand to `node:http` or supertest. */
export interface AuthListener {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  listen(port?: number, callback?: () => void): Server;
}

export interface AuthApp extends AuthListener {
  /** Migrates the database now rather than at the first request. Throws StartError. */
  start(): Promise<void>;
  /** Ends its threads and connections. */
  close(): Promise<void>;
  /** For `requireAuth` on routes of your own beside it: a revoked session is refused at once. */
  readonly verifier: Verifier;
}

/** One instance of the service, without HTTP: to migrate a database, or to run the jobs of the service in a process of their own. */
export interface Container {
  readonly version: string;
  /** Migrates the database and logs what that changed, once. Throws StartError. */
  prepare(): Promise<void>;
  /** Prepares, loads keys and revocations, and starts the jobs. Throws StartError. */
  start(): Promise<void>;
  /** Ends threads and connections, once. */
  close(): Promise<void>;
}

/** A user to test with, and the password to log in with. */
export interface TestUser {
  readonly id: number;
  readonly username: string;
  readonly password: string;
}

/** A user to create. Members that are left out or null are made up. */
export interface TestUserInput {
  readonly username?: string | null | undefined;
  readonly password?: string | null | undefined;
  readonly email?: string | null | undefined;
  /** In place of the role that every user has. */
  readonly roles?: readonly string[] | null | undefined;
  /** Whether the address has been verified, by the token that was mailed there. */
  readonly emailVerified?: boolean | null | undefined;
}

/** A session that the kit opened, with its tokens. */
export interface TestSession {
  readonly id: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A mail as its reader gets it, and the link and token in it, where there is one. */
export interface TestMail {
  readonly id: string;
  readonly to: string;
  readonly purpose: string;
  readonly createdAt: Date;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly link: string | null;
  readonly token: string | null;
}

/** One isolated service in memory: its own database, clock, keys and threads. */
export interface TestAuth<Agent> {
  /** The app: hand it to supertest, or mount it in yours. */
  readonly app: AuthListener;
  /** Time as the service sees it; it stands until a test moves it. */
  readonly clock: MovableClock;
  /** For `requireAuth` in an app under test: takes this service's tokens, by this clock, with no request between. */
  readonly verifier: Verifier;
  /** Creates a user as `POST /register` does: named `user-1`, `user-2`, … unless given. Throws AppError as that does. */
  createUser(input?: TestUserInput): Promise<TestUser>;
  /** Creates that many users, all with one password. */
  createUsers(count: number): Promise<TestUser[]>;
  /** Opens a new session of that user, as a log-in now does. */
  session(user: TestUser): Promise<TestSession>;
  /** Returns an access token of a new session of that user: its authentication is recent until the clock is moved REAUTHENTICATION_MINUTES on. */
  token(user: TestUser): Promise<string>;
  /** Returns an access token of the same session after a step-up by the user's password. Throws AppError as that does. */
  stepUp(user: TestUser, accessToken: string): Promise<string>;
  /**
   * Returns a supertest agent that is like a page of the first of the CORS_ORIGINS: it sends that Origin and keeps cookies, and
   * sends back those for https too, as a browser does with localhost. With a user, each request bears their access token.
   * Throws where supertest is not installed.
   */
  agent(user?: TestUser): Promise<Agent>;
  /** Lists the mails so far, newest first: to that e-mail address, compared without case, or all. None is sent unless SMTP_URL is set. */
  mails(to?: string): Promise<TestMail[]>;
  close(): Promise<void>;
}
