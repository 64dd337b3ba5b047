/** What OAuth clients learn of this service (RFC 8414 §2): only what works. */
export interface MetadataShape {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly introspection_endpoint: string;
  readonly introspection_endpoint_auth_methods_supported: readonly string[];
  readonly revocation_endpoint: string;
  readonly revocation_endpoint_auth_methods_supported: readonly string[];
  readonly jwks_uri: string;
  readonly grant_types_supported: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly scopes_supported: readonly string[];
  readonly service_documentation: string;
}

/** Addresses are made of settings, never of a request. `grantTypes` are those that the token endpoint takes. */
export function presentMetadata(settings: { issuer: string; publicUrl: string }, grantTypes: readonly string[]): MetadataShape {
  const base = settings.publicUrl.replace(/\/$/, '');
  return {
    issuer: settings.issuer,
    token_endpoint: `${base}/token`,
    token_endpoint_auth_methods_supported: ['none'],
    introspection_endpoint: `${base}/introspect`,
    introspection_endpoint_auth_methods_supported: ['Bearer'],
    revocation_endpoint: `${base}/revoke`,
    revocation_endpoint_auth_methods_supported: ['none'],
    jwks_uri: `${base}/.well-known/jwks.json`,
    grant_types_supported: grantTypes,
    // Required, and empty: there is no authorization endpoint.
    response_types_supported: [],
    scopes_supported: ['user', 'admin', 'introspect'],
    service_documentation: `${base}/docs`,
  };
}
