// What the page knows of calls, without a browser: the store, the order, the filter, the counts of ten minutes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Activity, STEP_MS, STEPS } from '../../mod_voxeme/dashboard/activity.js';
import { CallStore } from '../../mod_voxeme/dashboard/call_store.js';
import { filter } from '../../mod_voxeme/dashboard/filter.js';
import { Ordered } from '../../mod_voxeme/dashboard/ordered.js';
import { ServerClock } from '../../mod_voxeme/dashboard/server_clock.js';
import { VisibleCalls } from '../../mod_voxeme/dashboard/visible_calls.js';

const START = Date.parse('2026-01-31T12:00:00.000Z');

class World {
  time = START;
  clock = new ServerClock(() => this.time);
  store = new CallStore(this.clock);
  activity = new Activity(this.store, this.clock);
  visible = new VisibleCalls(this.store);
  #sids = 0;

  call(fields = {}) {
    return {
      account_sid: 'a', attempted_at: this.iso(), call_sid: `call-${this.#sids++}`, call_status: 'trying', caller_name: '',
      direction: 'inbound', from: '100', sip_status: 100, to: '200', ...fields,
    };
  }

  iso(ms = 0) { return new Date(this.time + ms).toISOString(); }
  snapshot(...calls) { this.store.take({ type: 'snapshot', revision: '1.1', calls }); }
  change(event, call) { this.store.take({ type: 'changes', revision: '1.2', changes: [{ event, call }] }); }
  remove(callSid) { this.store.take({ type: 'changes', revision: '1.3', changes: [{ event: 'removed', call_sid: callSid }] }); }
  get order() { return [...this.store.order].reverse().map(({ call }) => call.call_sid); }
  get shown() { return [...this.visible.order].reverse().map(({ call }) => call.call_sid); }
}

describe('the store', () => {
  test('a snapshot is in the order of the list, newest first', () => {
    const w = new World();
    w.snapshot(w.call(), w.call(), w.call({ attempted_at: w.iso(-1000) }));
    assert.deepEqual(w.order, ['call-0', 'call-1', 'call-2']);
  });

  test('new calls come first, late ones where they belong, and nothing moves when it changes', () => {
    const w = new World();
    w.snapshot(w.call({ attempted_at: w.iso(-5000) }));
    const call = w.call();
    w.change('created', call);
    w.change('created', w.call({ attempted_at: w.iso(-2000) }));
    assert.deepEqual(w.order, ['call-1', 'call-2', 'call-0']);
    w.change('ended', { ...w.store.get('call-0').call, call_status: 'failed', terminated_at: w.iso() });
    assert.deepEqual(w.order, ['call-1', 'call-2', 'call-0']);
  });

  test('an entry outlives a snapshot that still has its call, and leaves with one that has not', () => {
    const w = new World();
    const [one, two] = [w.call(), w.call()];
    w.snapshot(one, two);
    const entry = w.store.get('call-0');
    const left = [];
    w.store.listen({ entered() {}, changed() {}, left: ({ call }) => left.push(call.call_sid) });
    w.snapshot({ ...one, call_status: 'ringing' });
    assert.equal(w.store.get('call-0'), entry);
    assert.equal(entry.call.call_status, 'ringing');
    assert.deepEqual(left, ['call-1']);
    assert.deepEqual(w.order, ['call-0']);
  });

  test('the time in a state is the call\'s own where it tells it, else from when it was seen', () => {
    const w = new World();
    const call = w.call({ attempted_at: w.iso(-3000) });
    w.snapshot(call);
    const entry = w.store.get('call-0');
    assert.equal(entry.since, START - 3000);
    w.time += 1000;
    w.change('updated', { ...call, call_status: 'ringing' });
    assert.equal(entry.since, w.time);
    w.time += 4000;
    w.change('answered', { ...call, call_status: 'in-progress', answered_at: w.iso(-500) });
    assert.equal(entry.since, w.time - 500);
    w.time += 4000;
    w.change('ended', { ...call, call_status: 'completed', terminated_at: w.iso(-100) });
    assert.equal(entry.since, w.time - 100);
    assert.deepEqual(entry.seen.map(({ status }) => status), ['ringing', 'in-progress', 'completed']);
    w.change('created', w.call({ call_status: 'ringing', attempted_at: w.iso(-2000) }));
    assert.deepEqual(w.store.get('call-1').seen, []); // when it began to ring nobody saw
  });

  test('legs know their parent, whichever comes first', () => {
    const w = new World();
    w.snapshot(w.call({ call_sid: 'leg', parent_call_sid: 'parent' }));
    w.change('created', w.call({ call_sid: 'parent' }));
    assert.deepEqual(w.store.childrenOf('parent'), [w.store.get('leg')]);
    w.remove('leg');
    assert.deepEqual(w.store.childrenOf('parent'), []);
  });

  test('a removal of an unknown call is nothing; a call without a sid is an error', () => {
    const w = new World();
    w.remove('nobody');
    assert.equal(w.store.size, 0);
    assert.throws(() => w.change('created', { call_status: 'trying' }), TypeError);
  });

  test('the server\'s clock is told from what it dates', () => {
    const w = new World();
    w.change('created', w.call({ attempted_at: w.iso(60_000) }));
    assert.equal(w.clock.now(), START + 60_000);
    w.change('created', w.call({ attempted_at: w.iso(50_000) }));
    assert.equal(w.clock.now(), START + 60_000);
    w.clock.hear(NaN);
    assert.equal(w.clock.now(), START + 60_000);
  });

  test('the Date of an answer bounds the server\'s clock from both sides', () => {
    const w = new World();
    w.clock.hearDate(START - 90_000, START - 200);
    assert.equal(w.clock.now(), START - 88_800); // a second and the 200 ms of the answer
    w.clock.hearDate(START + 90_000, START - 200);
    assert.equal(w.clock.now(), START + 90_000);
    w.clock.hearDate(NaN, START);
    assert.equal(w.clock.now(), START + 90_000);
  });
});

describe('the order', () => {
  test('holds against a plain array under random additions and removals', () => {
    let seed = 1;
    const random = (n) => { seed = (seed * 48271) % 2147483647; return seed % n; };
    const ordered = new Ordered();
    let plain = [];
    const gone = [];
    for (let i = 0; i < 4000; i++) {
      if (plain.length && random(3) === 0) {
        for (let n = random(5) ? 1 : random(80); n > 0 && plain.length; n--) {
          const [entry] = plain.splice(random(plain.length), 1);
          ordered.remove(entry);
          gone.push(entry);
        }
      } else {
        const entry = gone.length && random(4) === 0 ? gone.pop() : { started: random(500), sequence: i };
        ordered.add(entry);
        plain.push(entry);
      }
      if (random(10)) continue;
      plain = plain.sort((a, b) => b.started - a.started || b.sequence - a.sequence);
      assert.equal(ordered.length, plain.length);
      assert.deepEqual([...ordered].reverse(), plain);
      if (!plain.length) continue;
      const index = random(plain.length);
      assert.equal(ordered.at(index), plain[index]);
      assert.equal(ordered.rank(plain[index]), index);
      const stranger = gone.at(-1);
      if (stranger) {
        const rank = plain.filter((e) => e.started > stranger.started || (e.started === stranger.started && e.sequence > stranger.sequence)).length;
        assert.equal(ordered.rank(stranger), rank);
      }
    }
  });
});

describe('the filter', () => {
  const call = {
    account_sid: 'a', call_sid: '1432c759-d782-4fa9-b3a1-3afd6407c75d', call_id: 'QNj3@host', call_status: 'busy', caller_name: 'Zoë <Lane>',
    direction: 'inbound', from: '15083728299', originating_sip_trunk_name: 'carrier-a', originating_sip_ip: '203.0.113.5:5060',
    sip_status: 486, sip_reason: 'Busy Here', termination_reason: 'USER_BUSY', to: '12125550187',
  };
  const passes = (state) => filter(state)({ call });
  for (const [query, found] of [
    ['', true], ['3728', true], ['0187', true], ['zoë', true], ['ZOË lane', true], ['486', true], ['carrier-a', true], ['qnj3', true],
    ['user_busy', true], ['1432c759', true], ['from:1508', true], ['from:0187', false], ['to:0187 sip:486', true], ['to:0187 sip:404', false],
    ['trunk:carrier', true], ['ip:203.0', true], ['id:qnj3', true], ['status:busy', true], ['reason:here', true], ['name:<lane', true], ['nobody', false],
    ['constructor:x', false], ['tel:1', false], ['.*', false], ['3728 nobody', false],
  ]) {
    test(`"${query}" ${found ? 'finds' : 'does not find'} it`, () => assert.equal(passes({ query }), found));
  }

  test('direction, statuses and account', () => {
    assert.equal(passes({ direction: 'inbound', statuses: new Set(['busy', 'failed']), account: 'a' }), true);
    assert.equal(passes({ direction: 'outbound' }), false);
    assert.equal(passes({ statuses: new Set(['failed']) }), false);
    assert.equal(passes({ account: 'b' }), false);
    assert.equal(filter({ account: 'unassigned' })({ call: { ...call, account_sid: undefined } }), true);
  });

  test('what is shown follows the calls, a changed text included', () => {
    const w = new World();
    const [one, two] = [w.call({ caller_name: 'Ada' }), w.call({ direction: 'outbound' })];
    w.snapshot(one, two);
    w.visible.show(filter({ query: 'ada', statuses: new Set(['trying']) }));
    assert.deepEqual(w.shown, ['call-0']);
    w.change('updated', { ...two, caller_name: 'Adam' });
    assert.deepEqual(w.shown, ['call-0', 'call-1']);
    w.change('updated', { ...one, call_status: 'ringing' });
    assert.deepEqual(w.shown, ['call-1']);
    w.remove('call-1');
    assert.deepEqual(w.shown, []);
  });
});

describe('the last ten minutes', () => {
  test('live calls by direction and calls by status', () => {
    const w = new World();
    const call = w.call();
    w.snapshot(call, w.call({ direction: 'outbound', call_status: 'in-progress' }), w.call({ call_status: 'busy', terminated_at: w.iso() }));
    assert.deepEqual(w.activity.live, { inbound: 1, outbound: 1, all: 2 });
    assert.deepEqual([...w.activity.byStatus].sort(), [['busy', 1], ['in-progress', 1], ['trying', 1]]);
    w.change('ended', { ...call, call_status: 'failed', sip_status: 404, terminated_at: w.iso() });
    assert.deepEqual(w.activity.live, { inbound: 0, outbound: 1, all: 1 });
    w.remove('call-0');
    assert.deepEqual([...w.activity.byStatus].sort(), [['busy', 1], ['in-progress', 1]]);
  });

  test('a page just opened shows what was before', () => {
    const w = new World();
    w.snapshot(
      w.call({ attempted_at: w.iso(-10 * STEP_MS), terminated_at: w.iso(-4 * STEP_MS), call_status: 'no-answer', sip_status: 487 }),
      w.call({ attempted_at: w.iso(-20 * STEP_MS), terminated_at: w.iso(-2 * STEP_MS), call_status: 'completed', sip_status: 200 }),
      w.call({ attempted_at: w.iso(-30 * STEP_MS), call_status: 'in-progress' }),
      w.call({ attempted_at: w.iso(-5000 * STEP_MS), call_status: 'in-progress' }),
    );
    const { live, perMinute, failures } = w.activity.series();
    const last = STEPS - 1;
    assert.equal(live.length, STEPS);
    assert.deepEqual([last, last - 3, last - 5, last - 15, last - 25, last - 35].map((i) => live[i]), [2, 3, 4, 3, 2, 1]);
    assert.deepEqual([last, last - 5, last - 10, last - 21, last - 22, last - 34].map((i) => perMinute[i]), [1, 1, 2, 1, 1, 0]);
    assert.deepEqual([...failures[last - 4]], [['no-answer', 1]]);
    assert.deepEqual(w.activity.outcome(), { ended: 2, answered: 1, failures: new Map([['no-answer', 1]]), sip: new Map([[487, 1]]) });
  });

  test('what the server has forgotten is remembered, until it is ten minutes old', () => {
    const w = new World();
    const call = w.call();
    w.change('created', call);
    w.change('ended', { ...call, call_status: 'failed', sip_status: 503, terminated_at: w.iso() });
    w.remove('call-0');
    w.time += 599_000;
    assert.deepEqual(w.activity.outcome().sip, new Map([[503, 1]]));
    w.time += 6000;
    assert.equal(w.activity.outcome().ended, 0);
    w.time += 60_000;
    assert.deepEqual(new Set(w.activity.series().perMinute), new Set([0]));
  });

  test('a live call that vanishes is live no more, and nobody\'s failure', () => {
    const w = new World();
    w.snapshot(w.call());
    w.snapshot();
    assert.deepEqual(w.activity.live, { inbound: 0, outbound: 0, all: 0 });
    assert.equal(w.activity.outcome().ended, 0);
    assert.equal(w.activity.series().live.at(-1), 0);
  });

  test('calls a minute do not fall when a new step begins', () => {
    const w = new World();
    for (let s = 0; s < 120; s++) {
      w.change('created', w.call());
      w.time += 1000;
      const { perMinute } = w.activity.series();
      if (s > 70) assert.ok(Math.abs(perMinute.at(-1) - 60) <= 1, `${perMinute.at(-1)} calls a minute at one a second`);
    }
  });

  test('one account alone, and a call that moves there', () => {
    const w = new World();
    w.snapshot(w.call(), w.call({ account_sid: 'b' }), w.call({ account_sid: undefined }));
    w.activity.show('b');
    assert.equal(w.activity.live.all, 1);
    w.change('updated', { ...w.store.get('call-0').call, account_sid: 'b' });
    assert.equal(w.activity.live.all, 2);
    w.activity.show('unassigned');
    assert.equal(w.activity.live.all, 1);
  });

  test('a date in the future is now', () => {
    const w = new World();
    w.snapshot(w.call({ attempted_at: w.iso(3_600_000) }));
    assert.equal(w.activity.series().perMinute.at(-1), 1);
  });
});
