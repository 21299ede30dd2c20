// Writes voxeme.conf.xml files for tests.

import { createHash, randomUUID } from 'node:crypto';

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');

const attribute = (value) =>
  String(value).replace(/[&<>"\n\t]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;', '\t': '&#9;' })[c]);

export const element = (name, attributes, children = []) => {
  const text = Object.entries(attributes).map(([k, v]) => ` ${k}="${attribute(v)}"`).join('');
  return children.length ? `<${name}${text}>${children.join('')}</${name}>` : `<${name}${text}/>`;
};

export const route = (to, action, attributes = {}, children = []) =>
  element('route', { to, action, ...attributes }, children);

export const set = (name, value) => element('set', { name, value });

// An account with a token of its own; gateways: {name, address}. By default every source on loopback belongs to it.
export const account = (name, { sid = randomUUID(), tokens = [randomUUID()], realms = [], sources = [], gateways = [], applications = [], webhook } = {}) =>
  ({ name, sid, tokens, token: tokens[0], realms, sources, gateways, applications, webhook });

export const demo = () => account('demo', { sources: ['127.0.0.0/8'] });

// spec: {settings, accounts, adminTokens, sip: {...}, routes: [xml]}; tokens are given in clear and
// written as their hashes.
export function configXml({ settings = {}, accounts = [], adminTokens = [], sip = {}, routes = [] }) {
  const params = (values) => Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => element('param', { name, value }));
  const lines = [
    '<configuration name="voxeme.conf" description="test">',
    ' <settings>', ...params(settings).map((p) => `  ${p}`), ' </settings>',
    ' <accounts>',
    ...accounts.map((a) => `  ${element('account', { sid: a.sid, ...(a.name ? { name: a.name } : {}) }, [
      ...a.tokens.map((token) => element('token', { sha256: sha256(token) })),
      ...a.realms.map((name) => element('realm', { name })),
      ...a.sources.map((cidr) => element('source', { cidr })),
      ...(a.gateways ?? []).map((gateway) => element('gateway', gateway)),
      ...(a.applications ?? []).map((sid) => element('application', { sid })),
      ...(a.webhook ? [element('webhook', a.webhook)] : []),
    ])}`),
    ' </accounts>',
    ...(adminTokens.length ? [` <admin>${adminTokens.map((token) => element('token', { sha256: sha256(token) })).join('')}</admin>`] : []),
    ' <switch>', ...params(sip).map((p) => `  ${p}`),
    '  <routes>', ...routes.map((r) => `   ${r}`), '  </routes>', ' </switch>',
    '</configuration>',
  ];
  return `${lines.join('\n')}\n`;
}
