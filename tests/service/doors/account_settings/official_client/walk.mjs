// Walks every row of the catalogue (spec/logto.md section 2), connectors too, with the official client, unchanged.
//
// It is told where in the variable WALK. What only a browser or a mailbox can tell it asks for: a line
// {"ask": …, …} on standard output, answered by a line on standard input. Its last line is {"done": {row: "ok" or why not}}.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { createManagementApi } from '@logto/api/management';

const { baseUrl, apiIndicator, clientId, clientSecret, connector, redirectUri, target, enterprise } = JSON.parse(
  process.env.WALK,
);
const { apiClient: api } = createManagementApi('default', { clientId, clientSecret, baseUrl, apiIndicator });

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (what, about = {}) => {
  process.stdout.write(`${JSON.stringify({ ask: what, ...about })}\n`);
  return JSON.parse((await lines.next()).value);
};

const done = {};
const row = async (name, act) => {
  try {
    await act();
    done[name] = 'ok';
  } catch (error) {
    done[name] = String(error.stack);
  }
};

// What an answer has to be; returns what was answered.
const ok = ({ data, error, response }, status = 200) => {
  assert.equal(response.status, status, `${response.url}: ${JSON.stringify(error)}`);
  if (status === 204) {
    assert.equal(response.headers.get('content-type'), null);
  }
  return data;
};
const refused = ({ error, response }, status, code) => {
  assert.deepEqual([response.status, error?.code], [status, code], response.url);
  assert.equal(typeof error.message, 'string');
};

const KEYS = [
  'id', 'username', 'primaryEmail', 'primaryPhone', 'name', 'avatar', 'customData', 'identities', 'lastSignInAt',
  'createdAt', 'updatedAt', 'profile', 'applicationId', 'cimdClientId', 'isSuspended', 'hasPassword',
];
const isUser = (user, extra = []) => {
  assert.deepEqual(Object.keys(user).sort(), [...KEYS, ...extra].sort());
  assert.equal(user.id, userId);
  return user;
};
const NOBODY = '00000000-0000-4000-8000-000000000000';

const made = ok(
  await api.POST('/api/users', {
    body: { username: 'walker', primaryEmail: 'walker@example.com', password: 'first words', name: 'Walker' },
  }),
);
const userId = made.id;
const path = { userId };
const at = (more = {}) => ({ params: { path: { ...path, ...more } } });
const nobody = { params: { path: { userId: NOBODY } } };

await row('create', async () => {
  isUser(made);
  assert.equal(made.hasPassword, true);
  refused(await api.POST('/api/users', { body: { username: 'walker' } }), 422, 'user.username_already_in_use');
});

await row('01', async () => {
  const user = isUser(ok(await api.GET('/api/users/{userId}', at())));
  assert.deepEqual(user, made);
  refused(await api.GET('/api/users/{userId}', nobody), 404, 'entity.not_found');
  refused(await api.GET('/api/users/{userId}', { params: { path: { userId: 'nobody' } } }), 404, 'entity.not_found');
});

await row('02', async () => {
  const body = {
    username: 'strider', primaryEmail: 'strider@example.com', primaryPhone: '447400123456', name: 'Strider',
    avatar: 'https://cdn.example.com/strider.png', customData: { ranger: true }, profile: { nickname: 'Long Legs' },
  };
  const user = isUser(ok(await api.PATCH('/api/users/{userId}', { ...at(), body })));
  for (const [name, value] of Object.entries(body)) {
    assert.deepEqual(user[name], value);
  }
  const cleared = ok(await api.PATCH('/api/users/{userId}', { ...at(), body: { avatar: '', primaryPhone: null } }));
  assert.deepEqual([cleared.avatar, cleared.primaryPhone, cleared.name], [null, null, 'Strider']);
  refused(await api.PATCH('/api/users/{userId}', { ...at(), body: {} }), 422, 'entity.invalid_input');
  refused(await api.PATCH('/api/users/{userId}', { ...at(), body: { username: '1' } }), 400, 'guard.invalid_input');
  refused(await api.PATCH('/api/users/{userId}', { ...nobody, body: { name: 'x' } }), 404, 'entity.not_found');
});

await row('03', async () => {
  const profile = { givenName: 'Aragorn', address: { locality: 'Bree', country: 'Eriador' } };
  const body = { profile };
  const merged = ok(await api.PATCH('/api/users/{userId}/profile', { ...at(), body }));
  assert.deepEqual(merged, { nickname: 'Long Legs', ...profile });
  refused(
    await api.PATCH('/api/users/{userId}/profile', { ...at(), body: { nickname: 'x' } }), 400, 'guard.invalid_input',
  );
});

await row('04', async () => {
  assert.deepEqual(ok(await api.GET('/api/users/{userId}/custom-data', at())), { ranger: true });
});

await row('05', async () => {
  const body = { customData: { sword: null, ring: { bearer: false } } };
  const merged = ok(await api.PATCH('/api/users/{userId}/custom-data', { ...at(), body }));
  assert.deepEqual(merged, { ranger: true, ...body.customData });
});

await row('06', async () => {
  for (const isSuspended of [true, true, false]) {
    const user = ok(await api.PATCH('/api/users/{userId}/is-suspended', { ...at(), body: { isSuspended } }));
    assert.equal(isUser(user).isSuspended, isSuspended);
  }
});

await row('07', async () => {
  ok(await api.POST('/api/verification-codes', { body: { email: 'new@example.com' } }), 204);
  ok(await api.POST('/api/verification-codes', { body: { phone: '447400123457' } }), 204);
  refused(await api.POST('/api/verification-codes', { body: {} }), 400, 'guard.invalid_input');
});

await row('08', async () => {
  const email = 'new@example.com';
  const { code } = await ask('code', { to: email });
  const wrong = code === '000000' ? '000001' : '000000';
  const verify = (verificationCode) =>
    api.POST('/api/verification-codes/verify', { body: { email, verificationCode } });
  refused(await verify(wrong), 400, 'verification_code.code_mismatch');
  ok(await verify(code), 204);
  refused(await verify(code), 400, 'verification_code.not_found');
});

await row('09', async () => {
  const verify = (password) => api.POST('/api/users/{userId}/password/verify', { ...at(), body: { password } });
  ok(await verify('first words'), 204);
  refused(await verify('last words'), 422, 'session.invalid_credentials');
});

await row('10', async () => {
  const body = { password: 'second words' };
  const user = ok(await api.PATCH('/api/users/{userId}/password', { ...at(), body }));
  assert.equal(isUser(user).hasPassword, true);
  ok(await api.POST('/api/users/{userId}/password/verify', { ...at(), body }), 204);
});

await row('11', async () => {
  assert.deepEqual(ok(await api.GET('/api/users/{userId}/has-password', at())), { hasPassword: true });
});

// 11.3: connectors, of which row 15 needs one.
let connectorId;
await row('connectors', async () => {
  const body = { ...connector, metadata: { target, name: { en: 'Provider' } } };
  const created = ok(await api.POST('/api/connectors', { body }));
  connectorId = created.id;
  assert.equal(created.connectorId, connector.connectorId);
  assert.equal(created.metadata.target, target);
  assert.ok(!JSON.stringify(created).includes(connector.config.clientSecret), 'a secret is shown');
  const one = { params: { path: { id: connectorId } } };
  assert.equal(ok(await api.GET('/api/connectors/{id}', one)).id, connectorId);
  assert.ok(ok(await api.GET('/api/connectors')).some(({ id }) => id === connectorId));
  const config = { ...connector.config, scope: 'openid profile' };
  assert.equal(ok(await api.PATCH('/api/connectors/{id}', { ...one, body: { config } })).config.scope, config.scope);
  assert.ok(ok(await api.GET('/api/connector-factories')).some(({ id }) => id === connector.connectorId));
});

let callback;
await row('15', async () => {
  const state = 'a state of our own';
  const to = { params: { path: { connectorId } }, body: { state, redirectUri } };
  const { redirectTo } = ok(await api.POST('/api/connectors/{connectorId}/authorization-uri', to));
  const asked = new URL(redirectTo).searchParams;
  assert.equal(asked.get('state'), state);
  assert.equal(asked.get('redirect_uri'), redirectUri);
  callback = await ask('follow', { redirectTo });
  assert.equal(callback.state, state);
  refused(
    await api.POST('/api/connectors/{connectorId}/authorization-uri', {
      params: { path: { connectorId: NOBODY } }, body: { state, redirectUri },
    }), 404, 'entity.not_found',
  );
});

let linked;
await row('12', async () => {
  const link = () => api.POST('/api/users/{userId}/identities', {
    ...at(), body: { connectorId, connectorData: { ...callback, redirectUri } },
  });
  linked = ok(await link());
  assert.deepEqual(Object.keys(linked), [target]);
  assert.equal(typeof linked[target].userId, 'string');
  assert.equal(linked[target].details.id, linked[target].userId);
  assert.deepEqual(ok(await api.GET('/api/users/{userId}', at())).identities, linked);
  refused(await link(), 401, 'connector.social_auth_code_invalid');
});

await row('14', async () => {
  const put = (name, body) => api.PUT('/api/users/{userId}/identities/{target}', { ...at({ target: name }), body });
  const value = { userId: 'u-1', details: { id: 'u-1', name: 'Somebody' } };
  assert.deepEqual(ok(await put('elsewhere', value), 201), { ...linked, elsewhere: value });
  assert.deepEqual(ok(await put('elsewhere', { userId: 'u-2' })), { ...linked, elsewhere: { userId: 'u-2' } });
});

await row('13', async () => {
  const remove = (name) => api.DELETE('/api/users/{userId}/identities/{target}', at({ target: name }));
  assert.deepEqual(isUser(ok(await remove('elsewhere'))).identities, linked);
  refused(await remove('elsewhere'), 404, 'user.identity_not_exist');
  assert.deepEqual(ok(await remove(target)).identities, {});
});

await row('16', async () => {
  const query = { includeSsoIdentities: 'true' };
  const asked = { params: { path, query } };
  assert.deepEqual(isUser(ok(await api.GET('/api/users/{userId}', asked)), ['ssoIdentities']).ssoIdentities, []);
  await ask('enterprise', { user: userId });
  const [{ createdAt, updatedAt, tenantId, id, ...identity }] = ok(
    await api.GET('/api/users/{userId}', asked),
  ).ssoIdentities;
  assert.deepEqual(identity, { userId, ...enterprise });
  assert.deepEqual([createdAt, updatedAt, tenantId, id].map((value) => typeof value),
    ['number', 'number', 'string', 'string']);
});

const tokens = '/api/users/{userId}/personal-access-tokens';
const odd = 'a/b c%20 ✓';
await row('18', async () => {
  const expiresAt = Date.now() + 3_600_000;
  const token = ok(await api.POST(tokens, { ...at(), body: { name: odd, expiresAt } }), 201);
  assert.match(token.value, /^pat_[A-Za-z0-9]{32}$/u);
  assert.deepEqual([token.userId, token.name, token.expiresAt], [userId, odd, expiresAt]);
  assert.equal(ok(await api.POST(tokens, { ...at(), body: { name: 'delete' } }), 201).expiresAt, null);
  refused(await api.POST(tokens, { ...at(), body: { name: odd } }), 422, 'user.personal_access_token_name_exists');
  refused(await api.POST(tokens, { ...at(), body: { name: 'x', expiresAt: 0 } }), 400, 'request.invalid_input');
});

await row('17', async () => {
  const list = ok(await api.GET(tokens, at()));
  assert.deepEqual(list.map(({ name }) => name).sort(), [odd, 'delete'].sort());
  for (const { value, createdAt } of list) {
    assert.match(value, /^pat_\*{4}/u);
    assert.equal(typeof createdAt, 'number');
  }
});

await row('20', async () => {
  const rename = (name, to) => api.PATCH(`${tokens}/{name}`, { ...at({ name }), body: { name: to } });
  assert.equal(ok(await rename(odd, 'x%2Fy')).name, 'x%2Fy');
  refused(await rename('x%2Fy', 'delete'), 422, 'user.personal_access_token_name_exists');
  refused(await rename(odd, 'again'), 404, 'entity.not_exists');
});

await row('19', async () => {
  const remove = (name) => api.DELETE(`${tokens}/{name}`, at({ name }));
  for (const name of ['x%2Fy', 'delete']) {
    ok(await remove(name), 204);
    refused(await remove(name), 404, 'entity.not_found');
  }
  assert.deepEqual(ok(await api.GET(tokens, at())), []);
});

const factors = '/api/users/{userId}/mfa-verifications';
await row('22', async () => {
  const add = (body) => api.POST(factors, { ...at(), body });
  refused(await add({ type: 'BackupCode' }), 422, 'session.mfa.backup_code_can_not_be_alone');
  const totp = ok(await add({ type: 'Totp' }));
  assert.deepEqual(Object.keys(totp).sort(), ['secret', 'secretQrCode', 'type']);
  assert.match(totp.secret, /^[A-Z2-7]{32}$/u);
  assert.match(totp.secretQrCode, /^data:image\/png;base64,/u);
  refused(await add({ type: 'Totp' }), 422, 'user.totp_already_in_use');
  const { codes } = ok(await add({ type: 'BackupCode' }));
  assert.equal(codes.length, 10);
  assert.ok(codes.every((code) => /^[\da-f]{10}$/u.test(code)));
  refused(await add({ type: 'WebAuthn' }), 400, 'guard.invalid_input');
});

let known = [];
await row('21', async () => {
  known = ok(await api.GET(factors, at()));
  assert.deepEqual(known.map(({ type }) => type).sort(), ['BackupCode', 'Totp']);
  assert.equal(known.find(({ type }) => type === 'BackupCode').remainCodes, 10);
  assert.ok(known.every(({ createdAt }) => !Number.isNaN(Date.parse(createdAt))));
  assert.ok(known.every((factor) => !('secret' in factor || 'codes' in factor)));
});

await row('23', async () => {
  for (const { id: verificationId } of known) {
    const remove = () => api.DELETE(`${factors}/{verificationId}`, at({ verificationId }));
    ok(await remove(), 204);
    refused(await remove(), 404, 'entity.not_found');
  }
  assert.deepEqual(ok(await api.GET(factors, at())), []);
});

await row('list', async () => {
  const users = await api.GET('/api/users', { params: { query: { page: 1, page_size: 20 } } });
  assert.ok(ok(users).some(({ id }) => id === userId));
  assert.ok(Number(users.response.headers.get('total-number')) >= 1);
});

await row('24', async () => {
  ok(await api.DELETE('/api/users/{userId}', at()), 204);
  refused(await api.DELETE('/api/users/{userId}', at()), 404, 'entity.not_found');
  refused(await api.GET('/api/users/{userId}', at()), 404, 'entity.not_found');
});

await row('connector deleted', async () => {
  ok(await api.DELETE('/api/connectors/{id}', { params: { path: { id: connectorId } } }), 204);
});

process.stdout.write(`${JSON.stringify({ done })}\n`);
process.exit(0);
