// oidc-provider 9 as a client-credentials issuer with introspection, tokens in PostgreSQL.
//
// Environment: PEER_DATABASE_URL, PEER_CLIENT_ID, PEER_CLIENT_SECRET, PEER_AUDIENCE, PEER_WORKERS (default 1).
// Prints one line with its URL when every worker listens; ends on SIGTERM. Its client is part of its configuration and
// its tokens are opaque: neither a client look-up nor a signature is on its path, which only makes it faster.

import cluster from 'node:cluster';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { SCHEMA, adapterOver, poolOn } from './adapter.mjs';

const HOST = '127.0.0.1';
const SCOPE = 'read_token';
const {
  PEER_DATABASE_URL, PEER_CLIENT_ID, PEER_CLIENT_SECRET, PEER_AUDIENCE, PEER_WORKERS = '1',
} = process.env;

function configuration(pool) {
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return {
    adapter: adapterOver(pool),
    clients: [{
      client_id: PEER_CLIENT_ID,
      client_secret: PEER_CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    jwks: { keys: [{ ...signing, use: 'sig', alg: 'ES256', kid: 'bench' }] },
    scopes: [SCOPE],
    ttl: { ClientCredentials: 3600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, audience) => ({ audience, scope: SCOPE, accessTokenFormat: 'opaque' }),
      },
    },
  };
}

function serve(announce) {
  const provider = new Provider(`http://${HOST}`, configuration(poolOn(PEER_DATABASE_URL)));
  provider.on('server_error', (_ctx, error) => console.error(error));
  const server = createServer(provider.callback());
  server.listen(0, HOST, () => announce(server.address().port));
}

const ready = (port) => console.log(`ready http://${HOST}:${port} audience ${PEER_AUDIENCE}`);

async function prepare() {
  const pool = poolOn(PEER_DATABASE_URL);
  await pool.query(SCHEMA);
  await pool.end();
}

if (!cluster.isPrimary) {
  serve(() => undefined);
} else {
  await prepare();
  const workers = Number(PEER_WORKERS);
  if (workers === 1) {
    serve(ready);
  } else {
    let listening = 0;
    // The workers share one port: the cluster module gives each the one that the first was given.
    cluster.on('listening', (_worker, { port }) => {
      listening += 1;
      if (listening === workers) ready(port);
    });
    for (let i = 0; i < workers; i += 1) cluster.fork();
  }
  process.once('SIGTERM', () => process.exit(0));
}
