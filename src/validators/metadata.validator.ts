import Joi from 'joi';
import type { MetadataShape } from '../presenters/metadata.presenter.js';

export const keySetResponse = Joi.object({
  keys: Joi.array()
    .items(
      Joi.object({
        kid: Joi.string().required().example('xJ4…'),
        kty: Joi.string().valid('RSA', 'EC').required().example('EC'),
        alg: Joi.string().required().example('ES256'),
        use: Joi.string().valid('sig').required().example('sig'),
      }).unknown(),
    )
    .required(),
}).label('KeySet');

const url = Joi.string().required().example('http://localhost:8000/token');
const words = Joi.array().items(Joi.string()).required().example(['none']);

export const metadataResponse = Joi.object<MetadataShape>({
  issuer: url.example('http://localhost:8000', { override: true }),
  token_endpoint: url,
  token_endpoint_auth_methods_supported: words,
  introspection_endpoint: url,
  introspection_endpoint_auth_methods_supported: words,
  revocation_endpoint: url,
  revocation_endpoint_auth_methods_supported: words,
  jwks_uri: url,
  grant_types_supported: words,
  response_types_supported: words,
  scopes_supported: words,
  service_documentation: url,
}).label('AuthorizationServer');
