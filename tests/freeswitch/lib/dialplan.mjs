// The minimal configuration that FreeSWITCH is started with: loopback only, a SIP profile and two for
// what a profile decides, and a dialplan in which the called number says what happens.

import { element, set as setElement } from '../../e2e/lib/config.mjs';

const MODULES = ['mod_logfile', 'mod_commands', 'mod_dptools', 'mod_conference', 'mod_hash', 'mod_dialplan_xml', 'mod_loopback',
  'mod_tone_stream', 'mod_sndfile', 'mod_sofia'];

// What logs comes first, what makes channels after the module, what tells that FreeSWITCH is up last.
const modules = (autoload) => [MODULES[0], ...(autoload ? ['mod_voxeme'] : []), ...MODULES.slice(1), 'mod_event_socket'];

const param = (name, value) => element('param', { name, value });
const params = (values) => Object.entries(values).map(([name, value]) => param(name, value));
const configuration = (name, ...children) => element('configuration', { name }, children);

// An extension of the dialplan: actions are "application" or ["application", "data"].
export const extension = (number, ...actions) =>
  element('extension', { name: number }, [element('condition', { field: 'destination_number', expression: `^${number}$` },
    actions.map((a) => (Array.isArray(a) ? element('action', { application: a[0], data: a[1] }) : element('action', { application: a }))))]);

// The last digits of a number name the port of the party to be called.
const party = (port, user = '777') => `sofia/internal/${user}@127.0.0.1:$${port}`;

export const DIALPLAN = [
  extension('1(\\d+)', 'answer', 'park'),
  extension('180\\D?', 'ring_ready', 'park'),
  extension('r80', 'ring_ready', 'park'),
  extension('e83', 'pre_answer', 'park'),
  extension('486', ['respond', '486']),
  extension('487', ['hangup', 'USER_BUSY']),
  extension('603', ['hangup', 'CALL_REJECTED']),
  extension('502', ['hangup', 'DESTINATION_OUT_OF_ORDER']),
  extension('b(\\d{5})', ['bridge', party(1)]),
  extension('t(\\d{5})', ['set', 'call_timeout=1'], ['bridge', party(1)]),
  extension('f(\\d{5})(\\d{5})', ['bridge', `${party(1)},${party(2)}`]),
  extension('l(\\d+)', 'answer', ['bridge', 'loopback/1$1/default']),
  extension('c(\\d+)', 'answer', ['conference', '$1@default']),
];

export const set = setElement;

// The users of a domain: {id, password, variables}.
const domain = ({ name, users }) => element('domain', { name }, [
  element('params', {}, [param('dial-string', '${sofia_contact(*/${dialed_user}@${dialed_domain})}')]),
  element('users', {}, users.map(({ id, password, variables = {} }) => element('user', { id }, [
    element('params', {}, [param('password', password)]),
    element('variables', {}, Object.entries(variables).map(([variable, value]) => element('variable', { name: variable, value }))),
  ]))),
]);

export function freeswitchXml({ sipPort, callidPort, usersPort, eslPort, password, dialplan, directory, profile: further, autoload, rtp }) {
  const profile = (name, port, extra = {}) => element('profile', { name }, [element('settings', {}, params({
    'sip-ip': '127.0.0.1', 'rtp-ip': '127.0.0.1', 'sip-port': port, context: 'default', dialplan: 'XML', 'auth-calls': 'false',
    'inbound-codec-prefs': 'PCMA', 'outbound-codec-prefs': 'PCMA', 'inbound-codec-negotiation': 'generous', 'manage-presence': 'false',
    'disable-register': 'true', 'enable-timer': 'false', 'rtp-timer-name': 'none', 'nonce-ttl': '60', 'user-agent-string': 'FreeSWITCH',
    'odbc-dsn': '', ...extra,
  }))]);
  return [
    '<document type="freeswitch/xml">',
    '<section name="configuration">',
    configuration('modules.conf', element('modules', {}, modules(autoload).map((module) => element('load', { module })))),
    configuration('switch.conf', element('settings', {}, params({
      'max-sessions': 10000, 'sessions-per-second': 10000, loglevel: 'notice', 'rtp-start-port': rtp, 'rtp-end-port': rtp + 20000,
      'switchname': 'fs1', 'max-db-handles': 50, 'dump-cores': 'no',
    }))),
    configuration('logfile.conf', element('settings', {}, params({ 'rotate-on-hup': 'false' })),
      element('profiles', {}, [element('profile', { name: 'default' }, [
        element('settings', {}, params({ rollover: 0 })),
        element('mappings', {}, [element('map', { name: 'all', value: 'notice,warning,err,crit,alert' })])])])),
    configuration('event_socket.conf', element('settings', {}, params({ 'listen-ip': '127.0.0.1', 'listen-port': eslPort, password }))),
    configuration('sofia.conf', element('global_settings', {}, params({ 'log-level': 0 })), element('profiles', {}, [
      profile('internal', sipPort, further), profile('callid', callidPort, { 'inbound-use-callid-as-uuid': 'true' }),
      profile('users', usersPort, { 'auth-calls': 'true', 'disable-register': 'false', 'challenge-realm': 'auto_from' })])),
    configuration('conference.conf', element('profiles', {}, [element('profile', { name: 'default' }, params({ rate: 8000, interval: 20 }))])),
    '<X-PRE-PROCESS cmd="include" data="voxeme.conf.xml"/>',
    '</section>',
    '<section name="dialplan">', element('context', { name: 'default' }, dialplan), '</section>',
    '<section name="directory">', ...directory.map(domain), '</section>',
    '</document>', '',
  ].join('\n');
}
