import { createAuditController } from '../controllers/audit.controller.js';
import { createAdminController } from '../controllers/admin.controller.js';
import { createDocumentationController, type Documents } from '../controllers/documentation.controller.js';
import { createHealthController } from '../controllers/health.controller.js';
import { createMailboxController } from '../controllers/mailbox.controller.js';
import { createMetadataController } from '../controllers/metadata.controller.js';
import { createPasswordResetController } from '../controllers/password-reset.controller.js';
import { createServiceKeyController } from '../controllers/service-key.controller.js';
import { createSessionController } from '../controllers/session.controller.js';
import { createTokenController } from '../controllers/token.controller.js';
import { createTransferController } from '../controllers/transfer.controller.js';
import { createUserController } from '../controllers/user.controller.js';
import type { Cookies } from '../presenters/cookie.presenter.js';
import type { Health } from '../observability/health.js';
import type { AuditService } from '../services/audit/audit.service.js';
import type { AdminService } from '../services/admin.service.js';
import type { AuthService } from '../services/auth.service.js';
import type { PublicKey } from '../services/key/token-key.js';
import type { OutboxService } from '../services/outbox/outbox.service.js';
import type { PasswordResetService } from '../services/password-reset.service.js';
import type { ReauthenticationService } from '../services/reauthentication.service.js';
import type { ServiceKeyService } from '../services/service-key.service.js';
import type { SessionService } from '../services/session/session.service.js';
import type { TransferService } from '../services/transfer/transfer.service.js';
import type { UserService } from '../services/user.service.js';
import { auditRoutes } from './audit.routes.js';
import { adminRoutes } from './admin.routes.js';
import { documentationRoutes } from './documentation.routes.js';
import { healthRoutes } from './health.routes.js';
import { mailboxRoutes } from './mailbox.routes.js';
import { metadataRoutes } from './metadata.routes.js';
import { documentAt, openApiDocument } from './openapi.js';
import { passwordResetRoutes } from './password-reset.routes.js';
import { postmanCollection, postmanEnvironment } from './postman.js';
import type { Route } from './route.js';
import { serviceKeyRoutes } from './service-key.routes.js';
import { sessionRoutes } from './session.routes.js';
import { grantsOf, tokenRoutes } from './token.routes.js';
import { transferRoutes } from './transfer.routes.js';
import { userRoutes } from './user.routes.js';

interface Parts {
  readonly services: {
    readonly audit: AuditService;
    readonly admin: AdminService;
    readonly auth: AuthService;
    readonly passwordResets: PasswordResetService;
    readonly reauthentication: ReauthenticationService;
    readonly serviceKeys: ServiceKeyService;
    readonly sessions: SessionService;
    readonly transfer: TransferService;
    readonly users: UserService;
    readonly keys: { publicKeys(): PublicKey[] };
    readonly outbox: OutboxService;
  };
  readonly health: Health;
  /** Of the package; undefined where responses must not reveal it. */
  readonly version: string | undefined;
  readonly settings: {
    readonly issuer: string;
    readonly audience: string;
    readonly clientId: string;
    readonly lifetimeSeconds: number;
    /** Where clients find this service. */
    readonly publicUrl: string;
    /** Whether mails can be read here: outside production, and where no proxy is trusted. */
    readonly hasMailbox: boolean;
    readonly cookies: Cookies;
    /** Whether a log-out clears what pages of this origin have stored. */
    readonly clearsStorage: boolean;
    /** Minimum length of a new password, in code points. */
    readonly passwordMinLength: number;
  };
}

/** The map of the whole API, in the order in which a newcomer meets it. */
export function createRoutes({ services, health, version, settings }: Parts): Route[] {
  const tokens = createTokenController({ ...services, settings });
  const grants = grantsOf(tokens);
  const openapi = lazily(() => openApiDocument(routes));
  const postman = lazily(() => postmanCollection(routes));
  const documents: Documents = {
    openapi: (base) => (base === '' ? openapi() : documentAt(openapi(), base)),
    postman,
    postmanEnvironment: (base) => postmanEnvironment({ baseUrl: new URL(settings.publicUrl).origin + base }),
  };
  const routes: Route[] = [
    ...userRoutes(createUserController({ ...services, cookies: settings.cookies }), settings.passwordMinLength),
    ...tokenRoutes(tokens, grants),
    ...sessionRoutes(createSessionController(services)),
    ...passwordResetRoutes(createPasswordResetController(services), settings.passwordMinLength),
    // Before those of one user, whose id any word could be.
    ...transferRoutes(createTransferController(services)),
    ...adminRoutes(createAdminController(services)),
    ...serviceKeyRoutes(createServiceKeyController(services)),
    ...auditRoutes(createAuditController(services)),
    ...metadataRoutes(createMetadataController({ keys: services.keys, settings, grantTypes: Object.keys(grants) })),
    ...healthRoutes(createHealthController({ health })),
    ...(settings.hasMailbox ? mailboxRoutes(createMailboxController(services)) : []),
    ...documentationRoutes(createDocumentationController({ documents, version })),
  ];
  return routes;
}

/** The routes never change while the app runs, so what is derived from them is made at the first call. */
function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
